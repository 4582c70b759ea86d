"""The home page: `site/index.md`, with the explorer, the links of lesson 1 and the list of lessons at their places."""

from tests import notebooks
from tests.links import LESSONS, ROOT, title_of
from tests.site import launch, lessons

FIRST, PANEL = "01_training_with_fit", "panel"  # what the explorer shows


def page():
    """The home page in Markdown."""
    text = (ROOT / "site" / "index.md").read_text(encoding="utf-8")
    still = '<noscript><img src="pictures/panel.png" alt="Loss and accuracy, drawn against the epoch"></noscript>'
    explorer = lessons.script(FIRST) + lessons.explorer(FIRST, PANEL, still, " data-plays")
    for name, made in {"explorer": explorer, "launch": launch.row(FIRST), "lessons": _lessons()}.items():
        text = text.replace(f"<!-- {name} -->", made)
    return text


def _lessons():
    rows = []
    for name, (_, about) in LESSONS.items():
        title = title_of(notebooks.read(ROOT / "notebooks" / f"{name}.ipynb"))
        rows.append(f"{int(name[:2])}. [{title}]({name}.ipynb)<br>{about}")
    return "\n".join(rows)
