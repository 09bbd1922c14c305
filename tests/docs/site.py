"""The site of the documentation: ``python -m tests.docs.site`` copies its pages, then looks at what was built.

The pages are written for GitHub, where a link may lead to any file of the repository. In the copy a link to a file that
is no page becomes the file's name, so that the site has no dead link and needs no address of a repository. Only the
standard library is imported here: the site is built where the project is not installed.
"""

from __future__ import annotations

import re
import shutil
import sys
from functools import partial
from pathlib import Path

from tests.docs.pages import PAGES, ROOT, SITE_ONLY, name_of

SITE = ROOT / ".site"
COPY = SITE / "pages"
BUILT = SITE / "html"
ON_SITE = frozenset([*PAGES, *SITE_ONLY])
PICTURES = frozenset((".svg", ".png"))

_LINK = re.compile(r"!?\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
_FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_SECOND_WORD = re.compile(r"^(```\w+) .*$", re.MULTILINE)
_FETCHED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
_NOT_FETCHED = re.compile(r"\brel=[\"']?(?:canonical|prev|next)\b")


def copy_pages() -> None:
    """Write the copy anew: every page with its links as the site has them, and the pictures they show."""
    shutil.rmtree(COPY, ignore_errors=True)
    for page in ON_SITE:
        target = COPY / name_of(page)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(for_site(page, page.read_text()))
    for picture in (ROOT / "docs").rglob("*"):
        if picture.suffix in PICTURES:
            target = COPY / name_of(picture)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, target)


def for_site(page: Path, text: str) -> str:
    """A page's text for the site; it knows no second word behind the language of a fenced block."""
    link = partial(_link_for_site, page)
    pieces = _FENCED.split(text)
    return "".join(
        _SECOND_WORD.sub(r"\1", piece, count=1) if piece.startswith("```") else _LINK.sub(link, piece)
        for piece in pieces
    )


def _link_for_site(page: Path, link: re.Match[str]) -> str:
    """A link to a folder leads to its page; one to a file that is no page names the file."""
    if ":" in link["target"]:
        return link[0]
    target = (page.parent / link["target"]).resolve()
    if target in ON_SITE or target.suffix in PICTURES:
        return link[0]
    if target / "README.md" in ON_SITE:
        return f"[{link['text']}]({link['target'].rstrip('/')}/README.md)"
    name = f"`{name_of(target)}`"
    text = link["text"]
    return name if text.strip("`/") in name else f"{text} ({name})"


def fetched(html: str) -> list[str]:
    """The scripts, styles, pictures and frames that a page would fetch from elsewhere."""
    return [found for found in _FETCHED.findall(html) if not _NOT_FETCHED.search(found)]


def look_at_site() -> list[str]:
    """What is wrong with the built site: a page that is missing, or one that fetches something from elsewhere."""
    wrong = []
    for page in sorted(ON_SITE):
        built = BUILT / name_of(page).replace("README.md", "index.md").replace(".md", ".html")
        if not built.exists():
            wrong.append(f"{name_of(page)} was not built")
        elif outside := fetched(built.read_text()):
            wrong.append(f"{name_of(page)} fetches {outside[0]}")
    return wrong


if __name__ == "__main__":
    if "--look" in sys.argv:
        sys.exit("\n".join(look_at_site()) or None)
    copy_pages()
