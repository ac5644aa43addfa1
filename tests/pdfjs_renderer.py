"""Draws the first page of PDF files by pdf.js in Chromium: ``python tests/pdfjs_renderer.py FOLDER``.

Reads ``*.pdf`` and ``scales.json`` (pixels a unit of the page, by the file's stem) of a folder, and writes ``*.png``
beside them. A process of its own, since Playwright and the tests want a loop each.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
from pathlib import Path

BUILD = Path("/usr/share/javascript/pdf/build")
"""Where Debian's package libjs-pdf (Apache-2.0) has it."""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_DRAW = """async ([data, scale]) => {
    pdfjsLib.GlobalWorkerOptions.workerSrc = 'http://pdfjs.test/pdf.worker.js';
    const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    const page = await (await pdfjsLib.getDocument({data: bytes}).promise).getPage(1);
    const viewport = page.getViewport({scale});
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [Math.round(viewport.width), Math.round(viewport.height)];
    await page.render({canvasContext: canvas.getContext('2d'), viewport}).promise;
    return canvas.toDataURL('image/png');
}"""


def chromium() -> str | None:
    """The Chromium on this machine; None if there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def main(folder: Path) -> None:
    """Draw every file. Nothing is asked of any network: pdf.js comes from its files."""
    from playwright.sync_api import sync_playwright

    scales = json.loads((folder / "scales.json").read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()

        def serve(route):
            name = route.request.url.rpartition("/")[2]
            if name:
                route.fulfill(body=(BUILD / name).read_bytes(), content_type="text/javascript")
            else:
                route.fulfill(body='<script src="/pdf.js"></script>', content_type="text/html")

        page.route("**/*", serve)
        page.goto("http://pdfjs.test/")
        for file in sorted(folder.glob("*.pdf")):
            data = base64.b64encode(file.read_bytes()).decode()
            url = page.evaluate(_DRAW, [data, scales[file.stem]])
            file.with_suffix(".png").write_bytes(base64.b64decode(url.partition(",")[2]))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
