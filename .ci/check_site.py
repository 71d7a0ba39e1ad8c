"""Check a built site: python .ci/check_site.py build/site.

Every link and anchor must have a target. No page may load anything from a network, so that the site
also works offline. External links are counted, not followed.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links, the loaded resources and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Store the addresses and anchors of an element."""
        found = dict(attributes)
        self.anchors |= {found[name] or "" for name in ("id", "name") if name in found}
        address = found.get("href") or found.get("src")
        if address and tag == "a":
            self.links.append(address)
        elif address:
            self.loads.append(address)


def find_problems(site: Path) -> Iterator[str]:
    """Yield a message for each broken link and each resource that is loaded from a network."""
    pages = {path: Page(path) for path in site.rglob("*.html") if "_downloads" not in path.parts}
    outside = 0
    for path, page in pages.items():
        where = path.relative_to(site)
        for address in page.links + page.loads:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                outside += 1
                if address in page.loads and parts.scheme != "data":
                    yield f"{where} loads {address} from a network"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{where} links to {address}, which does not exist"
            elif parts.fragment and target in pages:
                if unquote(parts.fragment) not in pages[target].anchors:
                    yield f"{where} links to {address}, which has no such anchor"
    for path in site.rglob("*.css"):
        if "url(http" in path.read_text(encoding="utf-8").replace('"', "").replace("'", ""):
            yield f"{path.relative_to(site)} loads from a network"
    if not pages:
        yield f"{site} has no pages"
    print(f"{len(pages)} pages checked, {outside} external links not followed")


def main() -> None:
    """Print the problems; exit with 1 if there is one."""
    problems = list(find_problems(Path(sys.argv[1]).resolve()))
    print("\n".join(problems))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
