"""The README's picture, taken from a real report: the first screen, in light colours.

    python -m proofs.audit.picture [PAGE] [PICTURE]     build/audit/report.html, docs/report.webp

It needs playwright, from the extra ``browser``, and Chromium: on the path, or named by PROOFGRAD_CHROMIUM.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PAGE = Path("build/audit/report.html")
PICTURE = Path("docs/report.webp")
WIDTH, HEIGHT = 1280, 800
QUALITY = 85
MOST_BYTES = 150_000


def chromium() -> str | None:
    """Where Chromium is, if anywhere."""
    named = os.environ.get("PROOFGRAD_CHROMIUM")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)


def take(page: Path, picture: Path, browser: str) -> int:
    """Write the picture of a page's first screen, and say how many bytes it has."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        window = running.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        window.goto(page.resolve().as_uri())
        session = window.context.new_cdp_session(window)
        taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})["data"]
        running.close()
    picture.parent.mkdir(parents=True, exist_ok=True)
    return picture.write_bytes(base64.b64decode(taken))


def main(arguments: Sequence[str]) -> int:
    """Take the picture of the last report; 0 if it is there and small."""
    page = Path(arguments[0]) if arguments else PAGE
    picture = Path(arguments[1]) if len(arguments) > 1 else PICTURE
    browser = chromium()
    if browser is None:
        print("not run: there is no Chromium; install it, or name it in PROOFGRAD_CHROMIUM")
        return 2
    if importlib.util.find_spec("playwright") is None:
        print("not run: playwright is not installed; pip install '.[browser]' does that")
        return 2
    if not page.is_file():
        print(f"not run: there is no page {page}; make audit writes build/audit/report.html")
        return 2
    size = take(page, picture, browser)
    print(f"{picture}: {size:,} bytes")
    if size > MOST_BYTES:
        print(f"that is more than {MOST_BYTES:,}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
