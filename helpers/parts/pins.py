"""Runs that a student pins to a panel: up to six, each with a name and a line of its own, to compare with and to keep.

A pin is a run as it was when it was pinned: later moves do not change it, nor does running the cell again.
"""

from collections import namedtuple
from html import escape

import ipywidgets as widgets

from helpers.curves.sheets import PINNED
from helpers.curves.theme import name_of
from helpers.errors import LessonError
from helpers.lab_book import note
from helpers.live.controls import curve, difference, in_words
from helpers.live.part import beside, hear_meanwhile
from helpers.parts import pinned_files

MOST = len(PINNED)
FULL = f"There is room for {MOST} pinned runs: take one off first."
TOO_EARLY = "There is no finished run to pin yet: wait until it has ended, or press Stop."
PIN, SAVE, TAKE_OFF = "Pin this run", "Save the runs", "Take off"
TOOLTIPS = {
    PIN: f"Keep this run in the picture, with a name of its own; up to {MOST} of them",
    SAVE: "Save the picture, the figures (CSV) and the settings (Python) in a folder beside the notebook",
}
OUTDATED = "# Not among them, because the network or its data has changed since they were pinned:\n# {}\n"
# look: one of PINNED; history: {name of a metric: list with a value per epoch}; name: the `Text` it stands in;
# outdated: whether the network or its data was another one then
Pin = namedtuple("Pin", "look settings history name row outdated")


class Pins:
    """The pinned runs of `part`, a `Panel`, in `box`: buttons, and a row for each of them."""

    def __init__(self, part):
        self._part, self._pins = part, ()
        self._first = part.settings  # what a run is named after is how it differs from these
        self._said = widgets.HTML()
        buttons = [self._button(PIN, self.pin), self._button(SAVE, self.save)]
        self._above = beside([*buttons, self._said])
        self.box = widgets.VBox([self._above])

    def _button(self, words, do, tooltip=""):
        button = widgets.Button(description=words, tooltip=tooltip or TOOLTIPS[words])
        button.on_click(do)
        return button

    @property
    def runs(self):
        """The pinned runs, [(name, settings, history)]; names are told apart by a number where they are the same."""
        named = []
        for pin in self._pins:
            name, number = pin.name.value.strip() or pin.look, 1
            while (wanted := name if number == 1 else f"{name} ({number})") in [known for known, *_ in named]:
                number += 1
            named.append((wanted, pin.settings, pin.history))
        return named

    def ghosts(self):
        """The pinned runs as the ghosts of a chart: [(name, history, look)]."""
        return [(name, history, pin.look) for pin, (name, _, history) in zip(self._pins, self.runs, strict=True)]

    def has(self, settings):
        """Whether a run with the curve that `settings` give is pinned, of any length."""
        return self._pin_of(settings) is not None

    def _pin_of(self, settings):
        wanted = curve(settings)
        return next((pin for pin in self._pins if curve(pin.settings) == wanted and not pin.outdated), None)

    def _code(self, more=()):
        """The lines of plain Keras that train the pinned runs again, and `more`, as in `runs`."""
        named = list(zip([pin.outdated for pin in self._pins], self.runs, strict=True))
        runs = [run for outdated, run in named if not outdated] + list(more)
        left_out = [name for outdated, (name, *_) in named if outdated]
        told = OUTDATED.format(", ".join(" ".join(name.split()) for name in left_out)) if left_out else ""
        return (self._part.code(runs) if runs else "") + told

    def hand_on(self, made_of):
        """What `take_over` takes. made_of: what tells the network and its data from others."""
        runs = zip(self._pins, self.runs, strict=True)
        return made_of, [(name, settings, history, pin.outdated) for pin, (name, settings, history) in runs]

    def take_over(self, made_then, runs, made_of):
        """Pin the runs of the panel that stood here before."""
        for name, settings, history, outdated in runs:
            changed = not outdated and made_then != made_of
            self._add(settings, history, f"{name} (before)" if changed else name, outdated or changed)
        if runs:
            self._draw_again()

    # What a student can do with them

    def pin(self, _button=None):
        """Pin the run that the panel shows; one with the same curve, which is pinned already, becomes this one."""
        settings, history = self._shown()
        if not history:
            return self._say(TOO_EARLY)
        same = self._pin_of(settings)
        if same:
            new = same._replace(settings=settings, history=history)
            self._pins = tuple(new if pin is same else pin for pin in self._pins)
        elif len(self._pins) == MOST:
            return self._say(FULL)
        else:
            self._add(settings, history)
        name = next(name for name, pinned, _ in self.runs if pinned is settings)
        note("pin", name=name, settings=settings)
        self._draw_again(f"Pinned: {name}.")

    def _shown(self):
        """(settings, history) of the run that the panel shows, with the epochs that it has; empty while it trains."""
        part = self._part
        history = part.shown() if part.state in ("done", "stopped") else {}
        return {**part.settings, "epochs": len(next(iter(history.values()), ()))}, history

    def _add(self, settings, history, words="", outdated=False):
        look = next(look for look in PINNED if look not in [pin.look for pin in self._pins])
        words = words or in_words(difference(settings, self._first)) or "first settings"
        name = widgets.Text(words, description=look, continuous_update=False)
        name.observe(lambda _change: self._draw_again(), "value")
        sample = widgets.HTML(
            f'<div class="lab-chart"><svg width="44" height="16" aria-hidden="true"><g class="{name_of(look)}">'
            '<path class="line ghost" d="M4 8h36"/></g></svg></div>'
        )
        off = self._button(TAKE_OFF, lambda _button: self.take_off(look), f"Take this run off: {words}")
        row = beside([sample, name, off])
        row.add_class("live-pin")
        hear_meanwhile(row)
        self._pins = (*self._pins, Pin(look, settings, history, name, row, outdated))

    def take_off(self, look):
        """Take off the run that is drawn with `look`, one of PINNED."""
        gone = next(pin for pin in self._pins if pin.look == look)
        self._pins = tuple(pin for pin in self._pins if pin is not gone)
        self._draw_again(f"Taken off: {gone.name.value}.")
        for widget in (*gone.row.children, gone.row):
            widget.close()

    def save(self, _button=None):
        """Save the runs, pinned ones and the one that is shown, in a new folder beside the notebook."""
        settings, history = self._shown()
        same = history and self._pin_of(settings)  # a pin may be a shorter run
        more = [("this run", settings, history)] if history and not (same and same.settings == settings) else []
        runs = [*self.runs, *more]
        if not runs:
            return self._say(TOO_EARLY)
        try:
            folder, files = pinned_files.save(runs, self._code(more), self._part._still_picture())
        except LessonError as error:
            return self._say(str(error))
        self._say(f"Saved in {folder}: {', '.join(files)}.")

    # What it looks like

    def _draw_again(self, words=""):
        rows = [pin.row for pin in self._pins]
        code = [widgets.HTML(_fold(self._code()))] if rows else []
        old = [child for child in self.box.children if isinstance(child, widgets.HTML)]
        self.box.children = [self._above, *rows, *code]
        for child in old:
            child.close()
        self._say(words)
        if self._part.state not in ("building", "training"):  # then the next epoch draws them
            self._part._draw(self._part.state)

    def _say(self, words):
        self._said.value = f'<span role="status">{escape(words)}</span>'


def _fold(text):
    return (
        '<details class="lab-code"><summary>The pinned runs as code</summary>'
        f'<button type="button" class="jupyter-button" data-copies>Copy</button><pre tabindex="0">{escape(text)}</pre>'
        "</details>"
    )
