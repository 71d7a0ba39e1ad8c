"""Show pages of benchmarks/ in the site, and read the math that GitHub writes.

A page of docs/benchmarks/ only links to the page of benchmarks/ with the same name. Here its text
is replaced by that page, whose links are rewritten to work from docs/benchmarks/.
"""

import re
from os.path import relpath
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parents[1]
BENCHMARKS = DOCS.parent / "benchmarks"
CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(\]\()([^()\s#]+)((?:#[^()\s]*)?\))")
GITHUB_MATH = re.compile(r"\$`(.+?)`\$", re.DOTALL)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}


def _read(app: Sphinx, page: str, content: list[str]) -> None:
    folder, text = (DOCS / page).parent, content[0]
    if page.startswith("benchmarks/"):
        original = BENCHMARKS / (DOCS / f"{page}.md").name.replace("index", "README")
        app.env.note_dependency(str(original))
        folder, text = BENCHMARKS, original.read_text(encoding="utf-8")
    if app.env.doc2path(page).suffix == ".md":
        content[0] = _outside_code(text, folder, (DOCS / page).parent)


def _outside_code(text: str, folder: Path, page_folder: Path) -> str:
    """Rewrite links and math everywhere except in code blocks."""

    def moved(link: re.Match[str]) -> str:
        return link[1] + _moved(link[2], folder, page_folder) + link[3]

    parts = CODE.split(text)
    parts[::2] = [GITHUB_MATH.sub(r"$\1$", LINK.sub(moved, part)) for part in parts[::2]]
    return "".join(parts)


def _moved(link: str, folder: Path, page_folder: Path) -> str:
    """Convert a link in a file of `folder` so that it works in a page of `page_folder`."""
    if re.match(r"\w+:", link):
        return link
    target = (folder / link).resolve()
    if target.parent == BENCHMARKS and target.suffix == ".md":
        target = DOCS / "benchmarks" / target.name.replace("README", "index")
    return Path(relpath(target, page_folder)).as_posix()
