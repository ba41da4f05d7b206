"""How quick and how large `nas` is, as whole processes: `nas --help`, and the default search.

    python benchmarks/quick.py [--help-only] [-- extra arguments of nas search]

Prints the median start of `nas --help` beside a bare interpreter and `import torch`, then for the default search:
seconds to the first progress line, seconds in all, and peak memory summed over the process tree (PSS, sampled twice a
second: shared pages count once).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

NAS = [sys.executable, "-m", "nas"]


def start_seconds(command: list[str], runs: int = 9) -> float:
    """Median wall time of a command, after a warm-up."""
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def tree_pss(pid: int) -> int:
    """Bytes of proportional set size of a process and all its descendants."""
    total = 0
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    for process in family:
        try:
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0) * 1024
    return total


def search(extra: list[str]) -> tuple[float, float, int]:
    """(seconds to the first progress line, seconds in all, peak PSS in bytes) of the default search."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*NAS, "search", "--space", "elasticvit", "--budget", "600MFLOPs", "--out", folder, *extra]
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        peak = [0]

        def watch() -> None:
            while process.poll() is None:
                peak[0] = max(peak[0], tree_pss(process.pid))
                time.sleep(0.5)

        watcher = threading.Thread(target=watch)
        watcher.start()
        first = 0.0
        assert process.stdout is not None
        for line in process.stdout:
            if not first and "priced" in line:
                first = time.perf_counter() - start
        code = process.wait()
        watcher.join()
        if code:
            raise SystemExit(f"the search ended with exit code {code}")
        return first, time.perf_counter() - start, peak[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--help-only", action="store_true")
    parser.add_argument("extra", nargs="*")
    arguments = parser.parse_args()
    for name, command in (
        ("bare interpreter", [sys.executable, "-c", "pass"]),
        ("nas --help", [*NAS, "--help"]),
        ("import torch", [sys.executable, "-c", "import torch"]),
    ):
        print(f"{name:<24}{start_seconds(command):>8.3f} s (median of 9)")
    if not arguments.help_only:
        first, total, peak = search(arguments.extra)
        print(f"default search: first progress after {first:.1f} s, done after {total:.1f} s")
        print(f"peak memory of the process tree (PSS): {peak / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
