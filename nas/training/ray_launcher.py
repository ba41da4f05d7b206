"""A training job on several workers through Ray Train. The only module of the training that imports ray.

Every worker runs ``nas.training.run.run_job`` on the job's folder, which all of them must see. When one is lost, Ray
starts them all again and they continue from the folder's checkpoint.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

from nas.engine.ray_launcher import MAX_FAILURES, OBJECT_STORE_BYTES, QUIET
from nas.errors import RunFailed
from nas.training.job import Job
from nas.training.logs import read
from nas.training.order import step_count
from nas.training.run import OnStep
from nas.training.trainer import Progress
from search_spaces.permits import VARIABLE, inheritance

POLL_S = 0.5


def _work(config: dict[str, Any]) -> None:
    """What each worker runs."""
    import torch
    from ray.train.torch import get_device

    from nas.training.diverging import recorded
    from nas.training.run import run_job

    torch.set_num_threads(config["threads"])
    os.environ[VARIABLE] = config["imports"]
    with recorded(Path(config["folder"])):
        run_job(Path(config["folder"]), device=get_device())


def launch(job: Job, workers: int, gpus: int, address: str | None, on_step: OnStep) -> None:
    """Train the job on ``workers`` processes, ``gpus`` of them at most with a GPU each. Raises RunFailed."""
    if gpus not in (0, workers):
        raise RunFailed(f"{workers} workers and {gpus} GPUs: give every worker one (--gpus {workers}) or none")
    failures: list[BaseException] = []
    thread = threading.Thread(target=_fit, args=(job, workers, gpus, address, failures), daemon=True)
    thread.start()
    told = 0
    while thread.is_alive():
        thread.join(POLL_S)
        told = _tell(job, told, on_step)
    if failures:
        reason = str(failures[0]).strip().splitlines()[-1][:300]
        raise RunFailed(f"{job.path}: the workers failed: {reason}", path=str(job.path)) from failures[0]


def _tell(job: Job, told: int, on_step: OnStep) -> int:
    """Pass on what worker 0 has logged since; returns the last step told, an earlier one after a worker was lost."""
    rows = read(job.path)
    steps = step_count(job.settings.epochs, job.document["facts"]["train"], job.settings.batch)
    for row in rows[-1:]:
        if int(row["step"]) != told:
            told = int(row["step"])
            loss, lr, speed = (float(row[name]) for name in ("loss", "lr", "images_per_s"))
            on_step(Progress(told, steps, int(row["epoch"]), loss, lr, speed, tuple(row["subnets"].split("+"))))
    return told


def _fit(job: Job, workers: int, gpus: int, address: str | None, failures: list[BaseException]) -> None:
    try:
        owned = _connect(workers, gpus, address)
        try:
            _trainer(job, workers, gpus).fit()
        finally:
            if owned:
                import ray

                ray.shutdown()
    except BaseException as error:  # it is raised again in the caller's thread
        failures.append(error)


def _trainer(job: Job, workers: int, gpus: int) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    config = {
        "folder": str(job.path.resolve()), "threads": max(1, (os.cpu_count() or 1) // workers),
        "imports": inheritance(job.document["space_options"]),
    }  # fmt: skip
    return TorchTrainer(
        _work, train_loop_config=config, scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpus > 0),
        run_config=RunConfig(
            name="ray", storage_path=str(job.path.resolve()), failure_config=FailureConfig(max_failures=MAX_FAILURES)
        ),
    )  # fmt: skip


def _connect(workers: int, gpus: int, address: str | None) -> bool:
    """Whether Ray was started here and is ours to stop."""
    os.environ.update({k: os.environ.get(k, v) for k, v in QUIET.items()})
    import ray

    if ray.is_initialized():
        return False
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {"num_cpus": workers, "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
        options |= {"num_gpus": gpus} if gpus else {}
    ray.init(address=address or "local", **options)
    return True
