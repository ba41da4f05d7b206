"""A headless Chromium (Debian's) on a server of this machine, watched: what it asks for, what it complains of."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
# Without these, Chromium asks Google's hosts at every start, and a sandbox as root does not start at all.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
PATIENCE_MS = 120_000
HINT = "run 'make test-e2e': it says what to install"


class Watched:
    """A page, and what it did: ``complaints`` of the console, ``foreign`` addresses that it asked for."""

    def __init__(self, page: Any, base: str) -> None:
        self.page, self.base = page, base
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.on("request", self._request)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.foreign.append(request.url)

    def goto(self, path: str) -> Any:
        """Open a path of the server."""
        self.page.goto(self.base + path, wait_until="domcontentloaded")
        return self.page

    def check(self) -> None:
        """Nothing was complained of, and nothing asked of anybody else."""
        assert self.complaints == [], f"the console says {self.complaints}"
        assert self.foreign == [], f"asked for {self.foreign}"


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; skips the test where Playwright or Chromium is missing."""
    api = pytest.importorskip("playwright.sync_api", reason=f"Playwright is not installed; {HINT}")
    if not shutil.which(CHROMIUM):
        pytest.skip(f"Debian's chromium is not installed (apt-get install chromium); {HINT}")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=PATIENCE_MS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of an application that is served from a thread of this process."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.05)
    assert server.started, "the server did not start"
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
