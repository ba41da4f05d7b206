"""Islands as Ray Tune trials and judges as Ray tasks. The only module of the engine that imports ray."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from pathlib import Path
from typing import Any

from nas.engine.evolve import evolve
from nas.engine.exchange import Exchange
from nas.engine.island import Commit
from nas.engine.launchers import Job, Scored, judge
from nas.engine.spec import SearchSpec
from nas.errors import RunFailed

MAX_FAILURES = 5
"""How often a lost island, or a lost judge, is started again."""
OBJECT_STORE_BYTES = 100_000_000
"""Genomes travel as files and scores are tiny: Ray's default share of memory is not needed."""
QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


def _island_trial(config: dict[str, Any]) -> None:
    """The Tune trainable: one island from its last commit to its end, reporting once a generation."""
    from ray import tune

    spec = SearchSpec.from_dict(config["spec"])
    evolve(
        spec,
        config["island"],
        Exchange(config["exchange"]),
        lambda generation, priced: tune.report({"generation": generation, "priced": priced}),
    )


class RayLauncher:
    """See :class:`nas.engine.launchers.Launcher`.

    All islands are alive at once: each reserves ``workers / islands`` CPUs. Judges reserve none, since at most
    ``workers`` of them run at a time and islands are idle or done by then.
    """

    def __init__(self, spec: SearchSpec, run_folder: Path, workers: int, address: str | None = None) -> None:
        self._spec = spec
        self._folder = run_folder.resolve()
        self._workers = workers
        self._address = address
        self._exchange = Exchange(self._folder / "islands")
        self._queue: deque[Job] = deque()
        self._running: dict[Any, Job] = {}
        self._failure: BaseException | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._ready, self._release = threading.Event(), threading.Event()
        self._owns_ray = False

    def start(self) -> None:
        """See :class:`Launcher`; Ray itself starts in the background."""
        self._exchange.resume()
        self._thread = threading.Thread(target=self._run_islands, name="islands", daemon=True)
        self._thread.start()

    def _run_islands(self) -> None:
        try:
            self._connect()
            self._ready.set()
            self._fit()
        except BaseException as error:  # it is raised again in the driver's thread
            self._failure = error
        finally:
            self._ready.set()
            # Ray's processes die with the thread that started them, so it stays until everything is done.
            self._release.wait()
            self._disconnect()

    def _connect(self) -> None:
        os.environ.update({k: os.environ.get(k, v) for k, v in QUIET.items()})
        import ray

        logging.getLogger("ray").setLevel(logging.ERROR)
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._address is None:
            options |= {
                "num_cpus": self._workers,
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE_BYTES,
            }
        if not ray.is_initialized():
            ray.init(address=self._address or "local", **options)
            self._owns_ray = True

    def _disconnect(self) -> None:
        if self._owns_ray:
            import ray

            ray.shutdown()

    def _fit(self) -> None:
        from ray import tune

        config = {"spec": self._spec.to_dict(), "exchange": str(self._exchange.folder)}
        share = self._workers / self._spec.islands
        tuner = tune.Tuner(
            tune.with_resources(_island_trial, {"cpu": share if share < 1 else int(share)}),
            param_space=config | {"island": tune.grid_search(list(range(self._spec.islands)))},
            run_config=tune.RunConfig(
                name="islands",
                storage_path=str(self._folder / "tune"),
                failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
                verbose=0,
            ),
        )
        results = tuner.fit()
        if results.errors and not self._stopping:
            raise RunFailed(f"an island failed {MAX_FAILURES} times: {str(results.errors[0]).strip().splitlines()[-1]}")

    def commit(self, island: int, generation: int) -> Commit | None:
        """See :class:`Launcher`."""
        commit = self._exchange.read(island, generation)
        if commit is None and self._failure is not None:
            raise RunFailed(f"the islands stopped: {self._failure}") from self._failure
        return commit

    def submit(self, jobs: list[Job]) -> None:
        """See :class:`Launcher`."""
        self._queue.extend(jobs)

    def scored(self) -> list[Scored]:
        """See :class:`Launcher`; keeps ``workers`` judges busy."""
        if not self._ready.is_set() or not (self._queue or self._running):
            return []
        if self._failure is not None:
            raise RunFailed(f"Ray stopped: {self._failure}") from self._failure
        import ray

        remote = ray.remote(num_cpus=0, max_retries=MAX_FAILURES)(judge)
        while self._queue and len(self._running) < self._workers:
            job = self._queue.popleft()
            self._running[remote.remote(self._spec.space, job)] = job
        done, _ = ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        return [self._result(ref) for ref in done]

    def _result(self, ref: Any) -> Scored:
        import ray

        job = self._running.pop(ref)
        try:
            return ray.get(ref)  # type: ignore[no-any-return]
        except ray.exceptions.RayError as error:
            # Killed again and again: most likely the architecture does not fit in memory. That is its outcome.
            message = str(error).strip().splitlines()[0][:200]
            return Scored(job.architecture_id, dict.fromkeys(job.proxies, (None, "error", 0.0, message)))

    def stop(self) -> None:
        """See :class:`Launcher`."""
        self._stopping = True
        self._exchange.stop()
        self._release.set()
        if self._thread is not None:
            self._thread.join(timeout=60)
