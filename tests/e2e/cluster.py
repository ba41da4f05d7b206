"""A service and its runners as processes of their own, killed without warning and started again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import psutil

from tests.postgres import free_port

NAS = Path(sys.executable).with_name("nas")
LEASE_S = 3.0
START_S = 120.0


class Cluster:
    """``nas serve`` and two ``nas runner`` on one store; a context that ends with none of their processes alive."""

    def __init__(self, folder: Path, storage: str) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        shared = ["--storage", storage, "--data", str(folder / "data")]
        runner = ["runner", *shared, "--slots", "1", "--lease", str(LEASE_S)]
        self._commands: Mapping[str, list[str]] = {
            "server": ["serve", *shared, "--port", str(self.port), "--no-runner"],
            "runner 1": runner,
            "runner 2": runner,
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._begun: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Of its processes."""
        return list(self._commands)

    def __enter__(self) -> Cluster:
        for name in self._commands:
            self.start(name)
        deadline = time.monotonic() + START_S
        while not self.ready():
            assert self._processes["server"].poll() is None, self.log("server")
            assert time.monotonic() < deadline, self.log("server")
            time.sleep(0.1)
        return self

    def __exit__(self, *rest: object) -> None:
        for name in self._commands:
            self.kill(name)

    def start(self, name: str) -> None:
        """Start one of its processes."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
        with self._lock, (self.folder / f"{name}.log").open("ab") as log:
            self._begun[name] = log.tell()
            self._processes[name] = subprocess.Popen(
                [NAS, *self._commands[name]], stdout=log, stderr=log, env=environment, cwd=self.folder
            )

    def kill(self, name: str) -> bool:
        """``kill -9`` of one process; whether it was alive. Its children must end by themselves."""
        process = self._processes[name]
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        return alive

    def stop(self, name: str) -> int:
        """SIGTERM, and the exit code."""
        process = self._processes[name]
        process.terminate()
        return process.wait(timeout=60)

    def kill_worker(self, name: str) -> bool:
        """``kill -9`` of the process in which a runner does its jobs; whether there was one."""
        try:
            children = psutil.Process(self._processes[name].pid).children(recursive=True)
        except psutil.Error:
            return False
        workers = [child for child in children if "resource_tracker" not in " ".join(_words(child))]
        for worker in workers:
            worker.kill()
        return bool(workers)

    def busy(self, name: str) -> bool:
        """Whether a process has done something since it was started: answered a client, taken a job."""
        sign = b'"path": "/v1/' if name == "server" else b", attempt "
        return sign in (self.folder / f"{name}.log").read_bytes()[self._begun[name] :]

    def ended(self) -> int:
        """How many jobs its runners have ended so far."""
        logs = [self.folder / f"{name}.log" for name in self.names if name != "server"]
        return sum(log.read_bytes().count(b": done") for log in logs)

    def ready(self) -> bool:
        """Whether the server answers."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def log(self, name: str) -> str:
        """The end of what a process said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


class Killer(threading.Thread):
    """Kills random processes of a cluster, and starts them again. ``kills``: how often, by name.

    After each kill it lets 0 to ``patience`` jobs end, and waits a random moment more: so the machine's speed matters
    little, and no job meets so many dead runners that it is given up. What is only just starting is left alone.
    """

    def __init__(self, cluster: Cluster, patience: int, most: int, seed: int) -> None:
        super().__init__(daemon=True, name="killer")
        self._cluster, self._patience, self._most = cluster, patience, most
        self._random, self._stopping = random.Random(seed), threading.Event()
        self.kills: dict[str, int] = {}

    def run(self) -> None:
        """Until it is stopped, or has killed as many as it may."""
        targets = [*self._cluster.names, "worker 1", "worker 2"]
        while sum(self.kills.values()) < self._most and self._pause():
            up = [target for target in targets if self._cluster.busy(target.replace("worker", "runner"))]
            if up and self._strike(target := self._random.choice(up)):
                self.kills[target] = self.kills.get(target, 0) + 1

    def _pause(self) -> bool:
        """Whether to go on, after a while."""
        wanted = self._cluster.ended() + self._random.randint(0, self._patience)
        while self._cluster.ended() < wanted:
            if self._stopping.wait(0.05):
                return False
        return not self._stopping.wait(self._random.uniform(0.2, 2.0))

    def _strike(self, target: str) -> bool:
        """Whether something was killed."""
        if target.startswith("worker"):
            return self._cluster.kill_worker(target.replace("worker", "runner"))
        killed = self._cluster.kill(target)
        self._stopping.wait(self._random.uniform(0.0, 1.0))
        self._cluster.start(target)
        return killed

    def stop(self) -> None:
        """No more."""
        self._stopping.set()
        self.join()
