"""A process that must not outlive its parent: what it works on is given to another as soon as the parent is silent."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
EVERY_S = 0.5


def die_with_parent() -> None:
    """End this process when the one that started it ends, even by a kill -9. Call it first, in the main thread."""
    if sys.platform == "linux":  # at once, whatever this process is busy with
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True, name="parent").start()


def _watch(parent: int) -> None:
    """Where the system does not see to it, or it had happened before: an orphan has another parent."""
    started = multiprocessing.parent_process()
    while os.getppid() == parent and parent != 1 and (started is None or started.is_alive()):
        time.sleep(EVERY_S)
    os._exit(1)
