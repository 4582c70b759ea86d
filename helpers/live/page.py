"""What a live part asks of the page itself: its looks (page.css), and what ipywidgets leaves out (page.js)."""

from pathlib import Path

HERE = Path(__file__).parent
STYLE = f"<style>{(HERE / 'page.css').read_text(encoding='utf-8')}</style>"  # goes into each part


def page():
    """The script, as HTML to display once after a part; a page runs it once. Without it, parts work all the same."""
    hide = "<style>.jp-OutputArea-child:has(.live-page){display:none}</style>"  # it takes no line of its own
    return f'<div class="live-page">{hide}<script>{(HERE / "page.js").read_text(encoding="utf-8")}</script></div>'
