"""What is asked in a cell: some widgets, a line of words, and nobody waits for an answer.

It trains nothing. Where nobody sits at a front end it prints one line, the same on every machine.
"""

import html

import ipywidgets as widgets
from IPython.display import display

from helpers.curves import theme
from helpers.live import cell, part
from helpers.live.keepsake import REVIVE, Keepsake
from helpers.live.page import STYLE as LOOKS
from helpers.live.page import page


class Asked:
    """Something that is asked. A subclass makes its widgets and calls `_assemble`; `_still_words()` gives its line for
    a page without a kernel, `_in_short()` how far the student has come, in a sentence that stays in the file."""

    def __init__(self):
        self._words, self._keepsake = widgets.HTMLMath(), Keepsake()
        self._place = self._shown_in = None

    def _assemble(self, *rows, below=()):
        """Put `rows` of widgets, the words, and what is `below` them below each other."""
        self._box = widgets.VBox([widgets.HTML(theme.SCREEN + LOOKS + part.STYLE), *rows, self._words, *below])
        self._box.add_class("live-part")
        self._box.add_class("live-asked")

    def show(self):
        """Show it in the cell that is running, in place of what that cell has asked before."""
        self._place, self._shown_in = cell.place(), cell.execution()
        cell.replace(self)
        if self._place == "nobody watches":
            print(self._still_words())
        else:
            self._display()
        return self

    def hand_on(self):
        """Nothing: what a student has said outlives the widgets by itself."""

    def take_over(self, handed_on):
        """As of `Live`."""

    def close(self):
        """Take it off the page."""
        self._keepsake.let_go()
        for widget in part._all_in(self._box):
            widget.close()

    def _display(self):
        part.hear_meanwhile(self._box)
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        display({"text/plain": self._still_words(), part.VIEW: view}, raw=True)
        if self._place == "background":
            self._keepsake.show()
            self._keep()
        display({"text/html": page(), "text/plain": ""}, raw=True)

    def _ipython_display_(self):
        if self._shown_in != cell.execution() and self._place != "nobody watches":
            self._display()

    def _say(self, words_in_html):
        """Show words, which a screen reader speaks; the cell's output keeps how far the student has come."""
        self._words.value = f'<div class="live-panel-state" role="status" tabindex="0">{words_in_html}</div>'
        if self._keepsake.is_shown:
            self._keep()

    def _keep(self):
        told = f"{self._in_short()} {REVIVE}"
        self._keepsake.keep(lambda: ({"text/html": f"<p>{html.escape(told)}</p>", "text/plain": told}, {}))
