"""The documentation as pages that need no network: ``make docs``, into ``dist/docs``; open ``index.html``.

What is shown is what the README leads to: every page, picture and file that links reach, from link to link, at the same
place as in the sources. A file that is no page becomes one, so that a reader sees it. MkDocs then holds every link and
every anchor, and a page that nobody placed in the navigation ends the build.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = Path(__file__).with_name("mkdocs.yml")
FIRST = ROOT / "README.md"
LINK = re.compile(r"(```.*?```|`[^`\n]*`)|(\]\(|<img src=\")([^)\s\"]+)", re.DOTALL)
OUTSIDE = re.compile(r"""(?:src|href)="(?:https?:)?//[^"]+\.(?:js|css|woff2?|png|svg)\b|url\(["']?(?:https?:)?//""")
ASIDE = "---\nsearch:\n  boost: 0.4\n---\n"  # found after the pages that say how something is used
UNSOUGHT = "---\nsearch:\n  exclude: true\n---\n"
LANGUAGES = {".mjs": "js", ".py": "python", ".java": "java", ".toml": "toml"}


def gather(into: Path) -> None:
    """Lay out everything that can be reached from the README."""
    seen: set[Path] = set()
    waiting = [FIRST]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        there = into / file.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".png":
            shutil.copy(file, there)
        elif file.suffix == ".md":
            text, found = placed(file)
            aside = file.parent.name == "adr"
            there.write_text(ASIDE + text if aside else text, encoding="utf-8")
            waiting += found
        else:
            there.with_name(f"{there.name}.md").write_text(as_page(file), encoding="utf-8")


def placed(page: Path) -> tuple[str, list[Path]]:
    """A page with its links as they are among the pages, and the files that they lead to."""
    found: list[Path] = []

    def link(match: re.Match[str]) -> str:
        code, before, target = match.groups()
        if code is not None or target.startswith("#") or re.match(r"[a-z]+:", target):
            return match[0]
        path, mark, anchor = target.partition("#")
        file = (page.parent / unquote(path)).resolve()
        if file.is_dir():  # what a forge would list
            file, path = file / "README.md", f"{path.rstrip('/')}/README.md"
            if not file.exists():
                inside = sorted(one for one in file.parent.iterdir() if one.is_file() and one.suffix != ".pyc")
                found.extend(inside)
                return f"{before}{path.removesuffix('README.md')}{inside[0].name}.md"
        found.append(file)
        plain = file.suffix in (".md", ".png")
        return f"{before}{path}{'' if plain else '.md'}{mark}{anchor}"

    return LINK.sub(link, page.read_text(encoding="utf-8")), found


def as_page(file: Path) -> str:
    """A file that is no page, as one."""
    fence = "~~~~~~"
    text = file.read_text(encoding="utf-8").rstrip("\n")
    return f"{UNSOUGHT}# {file.relative_to(ROOT)}\n\n{fence}{LANGUAGES.get(file.suffix, 'text')}\n{text}\n{fence}\n"


def build(site: Path) -> None:
    """The pages into a folder that is made anew. SystemExit where a link is broken or something comes from outside."""
    with tempfile.TemporaryDirectory() as made:
        gathered = Path(made) / "gathered"
        gather(gathered)
        environment = {
            **os.environ,
            "DOCS_GATHERED": str(gathered),
            "DOCS_SITE": str(site.resolve()),
            "SOURCE_DATE_EPOCH": "0",  # the same sources give the same pages
            "NO_MKDOCS_2_WARNING": "1",
        }
        command = (sys.executable, "-m", "mkdocs", "build", "--clean", "--config-file", str(CONFIGURATION))
        if subprocess.run(command, env=environment).returncode != 0:
            raise SystemExit(1)
    for page in site.rglob("*.html"):
        if wanted := OUTSIDE.search(page.read_text(encoding="utf-8")):
            raise SystemExit(f"{page.relative_to(site)} takes something from outside: {wanted[0]}")


def main() -> None:
    """Build; the first page on stdout."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--to", type=Path, default=ROOT / "dist" / "docs")
    asked = arguments.parse_args()
    build(asked.to)
    print(asked.to / "index.html")


if __name__ == "__main__":
    main()
