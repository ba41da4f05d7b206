"""The runner that a server starts for itself, as a process of its own; another is started where it dies."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from nas.service.operations.logs import LOGGER
from nas.service.settings import Settings

MODULE = "nas.service.runner_child"
STOP_S = 20.0
AGAIN_S = 2.0


class RunnerChild:
    """``with RunnerChild(settings, slots):`` a runner works. At the end it is told to give its jobs back."""

    def __init__(self, settings: Settings, slots: int = 1, ray_address: str | None = None) -> None:
        self._order = {
            "url": settings.url, "data": str(settings.data.resolve()), "slots": slots, "ray_address": ray_address,
            "data_roots": {name: str(folder) for name, folder in settings.data_roots.items()},
        }  # fmt: skip
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="runner", daemon=True)

    def __enter__(self) -> RunnerChild:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        self._stopping.set()
        self._watcher.join()

    def _watch(self) -> None:
        # One thread starts the runner and lasts as long as it: the kernel tells a child of its parent thread's end.
        while not self._stopping.is_set():
            process = self._start()
            while process.poll() is None and not self._stopping.wait(0.1):
                pass
            if process.poll() is None:
                _stop(process)
            elif not self._stopping.is_set():
                LOGGER.error("the runner ended (%s); starting another", process.returncode)
                self._stopping.wait(AGAIN_S)

    def _start(self) -> subprocess.Popen[bytes]:
        """By stdin: a command line, which everybody on the machine can see, must not hold the database's password."""
        process = subprocess.Popen([sys.executable, "-m", MODULE], stdin=subprocess.PIPE, start_new_session=True)
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(json.dumps(self._order).encode())
        return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(order: dict[str, Any]) -> None:
    """In the child: do jobs until told to stop, or until the server is gone."""
    from nas.service.runner.runner import serve_jobs
    from nas.service.runner.settings import RunnerSettings

    roots = {name: Path(folder) for name, folder in order["data_roots"].items()}
    settings = RunnerSettings(
        order["url"], Path(order["data"]), slots=order["slots"], ray_address=order["ray_address"], data_roots=roots
    )
    serve_jobs(settings, True)


if __name__ == "__main__":
    main(json.load(sys.stdin))
