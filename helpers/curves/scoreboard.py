"""The pictures of a sweep: its table, the accuracies of all settings with their error bars, the curves of one.

    entries = in_order(entries, "validation loss")
    table(entries, 1, "validation loss", "36 settings"), overview(entries, 1, 200, "validation loss"),
    curves_of(entries[0], 1, 20, 3)

Everything here is a string of HTML or SVG; nothing is trained and nothing is a widget.
"""

from collections import namedtuple
from html import escape
from math import inf, isfinite

import numpy as np

from helpers.curves import live_chart
from helpers.curves.accuracies import ACCURACY, TALL, count, overview
from helpers.curves.elements import frame, page, placed
from helpers.curves.sheets import WIDTH, Line, Sheet, y_ticks
from helpers.curves.theme import colour
from helpers.error_bars import in_words
from helpers.errors import shorten

LOSS = "validation loss"  # what can be sorted by, besides ACCURACY and each keyword
FIGURES = (LOSS, ACCURACY, "best epoch")
DIRECTIONS = {LOSS: ("ascending", "▲"), ACCURACY: ("descending", "▼")}  # keywords have the order of the grid
LOOKS = {"loss": "training", "val_loss": "validation"}
TOP_ROWS = 5  # of the table, that a page without a kernel shows
STYLE = f"""<style>
.scoreboard{{border-collapse:separate;border-spacing:0;width:100%;font:13px/1.35 sans-serif}}
.scoreboard :is(caption,th,td){{text-align:left;padding:3px 8px;background:{colour("paper")};color:{colour("ink")}}}
.scoreboard :is(th,td){{border-bottom:1px solid {colour("grid")};white-space:nowrap}}
.scoreboard thead th{{position:sticky;top:0;z-index:2;background:{colour("head")}}}
.scoreboard [scope=row]{{width:2.6em}}
.scoreboard td.told{{white-space:normal}}
.scoreboard tr[aria-current] :is(th,td){{position:sticky;top:25px;bottom:0;z-index:1;background:{colour("chosen")};
border-top:1px solid {colour("ink")};border-bottom:1px solid {colour("ink")}}}
</style>"""

# A setting of a sweep, as far as it has come. settings: {keyword: value}; histories: {seed: keras History}; runs: how
# many of its trainings are finished, failed ones included; error: "" or a sentence; loss, accuracy (means over the
# seeds) and epoch (the median of the best ones): NaN until it is `complete`, and where there is none.
Entry = namedtuple("Entry", "settings histories runs error complete loss accuracy epoch")


def in_order(entries, by):
    """`entries` (in the order of the grid) sorted by LOSS (lowest first), ACCURACY (highest first) or a keyword (as in
    the grid).

    Among equals the lower validation loss comes first. Below all that are complete stand those that are not, then
    failed ones, then those that still wait.
    """
    values = [] if by in DIRECTIONS else list(dict.fromkeys(text(entry.settings[by]) for entry in entries))

    def key(entry):
        place = 3 if not entry.runs else 2 if entry.error else 0 if entry.complete else 1
        if by in DIRECTIONS:
            figure = entry.loss if by == LOSS else -entry.accuracy
        else:
            figure = values.index(text(entry.settings[by]))
        return place, *(number if isfinite(number) else inf for number in (figure, entry.loss))

    return sorted(entries, key=key)


# The table


def table(entries, row, by, caption, n):
    """An HTML table of `entries` (already in order).

    row: the chosen one, from 1. by: the column they are sorted by. n: pictures.
    """
    heads = "".join(_head(name, by) for name in ("row", *entries[0].settings, *FIGURES))
    rows = "".join(_row(number, entry, number == row, n) for number, entry in enumerate(entries, 1))
    return (
        f'<table class="scoreboard"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _head(name, by):
    if name != by:
        return f'<th scope="col">{escape(name)}</th>'
    direction, arrow = DIRECTIONS.get(name, ("other", "▲"))
    return f'<th scope="col" aria-sort="{direction}">{escape(name)} <span aria-hidden="true">{arrow}</span></th>'


def _row(number, entry, chosen, n):
    cells = [f"<td>{escape(shorten(text(value), 40))}</td>" for value in entry.settings.values()]
    if entry.complete and entry.runs and not entry.error:
        cells += [f"<td>{words}</td>" for words in _figures(entry, n)]
    else:
        said = entry.error or (f"training: {count(entry.runs, 'seed')} finished" if entry.runs else "waiting")
        cells.append(f'<td class="told" colspan="3">{escape(said)}</td>')
    row, mark = (' aria-current="true"', "▸ ") if chosen else ("", "")
    # A click on it sets the control called "row" (helpers/live/page.js).
    return f'<tr{row} data-sets="row" data-value="{number}"><th scope="row">{mark}{number}</th>{"".join(cells)}</tr>'


def loss_in_words(loss):
    """With three decimals; as a smaller or a larger loss than these are made for, with two digits."""
    if not isfinite(loss):
        return "not a number"
    return f"{loss:.3f}" if loss == 0 or 0.001 <= abs(loss) < 1000 else f"{loss:.2g}"


def _figures(entry, n):
    """The validation loss, the accuracy with its interval and the best epoch, in words."""
    loss = loss_in_words(entry.loss)
    accuracy = in_words(entry.accuracy * n, n) if isfinite(entry.accuracy) else "–"
    return loss, accuracy, f"{entry.epoch:g}" if isfinite(entry.epoch) else "–"


def text(value):
    """A setting's value as it stands in the table."""
    return getattr(value, "__name__", None) or str(value)


def in_full(settings):
    """Settings in words: "architecture dense, learning_rate 0.01"."""
    return ", ".join(f"{name} {text(value)}" for name, value in settings.items())


# The curves of one setting


def curves_of(entry, row, epochs, seeds, uid="curves", figures=None):
    """One drawing: training and validation loss of every seed against the epoch.

    epochs, seeds: how many are wanted. uid, figures: as in `live_chart`.
    """
    title, runs = f"Row {row}: {in_full(entry.settings)}", len(entry.histories)
    lines = [
        Line(f"seed {seed}: {key}", look, np.array(history.history.get(key, ()), float))
        for key, look in LOOKS.items()
        for seed, history in entry.histories.items()
    ]
    epoch = f"epoch {entry.epoch:g}{' (the median)' if runs > 1 else ''}" if isfinite(entry.epoch) else ""
    notice = "" if runs else "cannot be trained: see the table" if entry.error else "waiting"
    # The axis is measured by the first training and the first validation loss.
    measured = [line.values for line in lines[:: max(1, runs)] + lines]
    sheet = Sheet(
        "loss",
        lines,
        marks=[(entry.epoch, f"best {epoch}")] if epoch else [],
        notice=notice,
        ticks=y_ticks("loss", measured).tolist(),
    )
    label = f"{title}. Training and validation loss against the epoch, {count(runs, 'seed')}."
    label += (f" Best {epoch}." if epoch else "") + (f" {notice}." if notice else "")
    each = f", {seeds} seeds" if seeds > 1 else ""
    names = [(look, f"{look} loss{each}") for look in LOOKS.values()]
    return live_chart.draw([sheet], epochs, label, names, uid, heading=title, figures=figures)


def below_each_other(upper, lower):
    """Two drawings as one HTML element."""
    return page([upper, lower], "The curves of one setting, and the accuracies of all")


# How far it is


# For a page without a kernel


def still_picture(entries, n):
    """One <svg>: the overview of the settings, sorted by validation loss, and the first rows of the table."""
    best = in_order(entries, LOSS)
    lines = [
        f"{number}. {in_full(entry.settings)}: {' and accuracy '.join(_figures(entry, n)[:2]).partition(' (')[0]}"
        for number, entry in enumerate(best[:TOP_ROWS], 1)
        if entry.complete and not entry.error
    ]
    if lines:
        lines.insert(0, "The settings with the lowest validation loss:")
    tall = TALL + 22 * len(lines) + 12
    told = "".join(
        f'<text x="14" y="{TALL + 18 + 22 * place}">{escape(shorten(line, 120))}</text>'
        for place, line in enumerate(lines)
    )
    drawn = placed(0, 0, WIDTH, TALL, overview(best, None, n, LOSS))
    return frame(WIDTH, tall, "The accuracies of all settings", f"{drawn}{told}")
