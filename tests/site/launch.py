"""Where a lesson can be run: links that follow `repository` in pyproject.toml, as those of README do."""

import re
from urllib.parse import quote

from tests.links import ROOT, archive, home


def links(name):
    """{words: address} for a lesson."""
    at = home()
    path = f"notebooks/{name}.ipynb"
    return {
        "Open in Binder": f"https://mybinder.org/v2/gh/{at.repository}/{quote(at.branch, safe='')}"
        f"?urlpath=lab/tree/{path}",
        "Open in Colab": f"https://colab.research.google.com/github/{at.repository}/blob/{at.branch}/{path}",
        "Download all lessons": archive(at),  # a notebook alone does not find its helpers
    }


def row(name, more=()):
    """The links of a lesson, in a line of HTML. more: further links to make, {words: address}."""
    made = " ".join(f'<a href="{address}">{words}</a>' for words, address in {**links(name), **dict(more)}.items())
    return f'<p class="launch">{made}</p>'


def to_pages(text):
    """`text` of a document at the top of the project, with links that lead to pages here, or else to GitHub."""
    at = home()

    def target(found):
        address, anchor = found[1].partition("#")[::2]
        if address == "README.md":
            return "(index.md)"
        if re.fullmatch(r"notebooks/\w+\.ipynb", address):
            return f"({address.removeprefix('notebooks/')})"
        if (ROOT / address).exists() and address:
            return f"(https://github.com/{at.repository}/blob/{at.branch}/{address}{'#' + anchor if anchor else ''})"
        return found[0]

    return re.sub(r"(?<=\])\(([^)\s]+)\)", target, text)
