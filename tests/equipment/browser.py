"""Headless Chromium that stays on this machine and remembers what a page wanted from elsewhere."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, sync_playwright

BINARIES: Final = ("chromium", "chromium-browser", "google-chrome")
ABSENT: Final = "chromium is not installed (tests/servers.sh installs it where it may)"
TIMEOUT_MS: Final = 30_000


@dataclass(slots=True)
class Window:
    """One page in a browser of its own."""

    page: Page
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            self.strangers.append(request.url)


def chromium() -> str | None:
    return next((path for name in BINARIES if (path := shutil.which(name))), None)


@contextmanager
def window() -> Iterator[Window]:
    """Open a window on nothing."""
    arguments = ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's sandbox refuses to run as root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(TIMEOUT_MS)
        opened = Window(page)
        # Not the bare method: playwright wants to hang an attribute on its owner, which has slots.
        page.on("request", lambda request: opened.note(request))  # noqa: PLW0108 - see above
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        try:
            yield opened
        finally:
            browser.close()
