"""The pictures of a sweep: its table, the accuracies of all settings with their error bars, the curves of one, a
progress bar.

    entries = in_order(entries, "validation loss")
    table(entries, 1, "validation loss", "36 settings"), overview(entries, 1, 200, "validation loss"),
    curves_of(entries[0], 1, 20, 3)

Everything here is a string of HTML or SVG; nothing is trained and nothing is a widget.
"""

from collections import namedtuple
from html import escape
from math import ceil, floor, isfinite

import numpy as np

from helpers.curves import chart
from helpers.curves.sheets import GHOST, GRID, INK, LEFT, RIGHT, TRAINING, WIDTH, Line, Sheet, y_ticks
from helpers.error_bars import in_words, interval
from helpers.errors import shorten

LOSS, ACCURACY = "validation loss", "validation accuracy"  # what can be sorted by, besides each keyword
GUIDE = "A guide only: all settings answered the same pictures, and the luck of the seeds is not in the intervals."
FIGURES = (LOSS, ACCURACY, "best epoch")
DIRECTIONS = {
    LOSS: ("ascending", "▲"),
    ACCURACY: ("descending", "▼"),
}  # keywords have the order of their values in the grid
LOOKS = {"loss": "training", "val_loss": "validation"}
TALL, BELOW = 308, 150  # pixels of the overview, and of its plotting area
TOP_ROWS = 5  # of the table, that a page without a kernel shows
CHOSEN, BAND = "▸", "#FFF0B8"
LOWER = "#6E6E6E"  # of settings that can be told from the highest accuracy
STYLE = f"""<style>
.scoreboard{{border-collapse:separate;border-spacing:0;width:100%;background:#FFF;color:{INK};
font:13px/1.35 sans-serif}}
.scoreboard caption{{text-align:left;padding:4px 8px;background:#FFF;color:{INK}}}
.scoreboard th,.scoreboard td{{text-align:left;padding:3px 8px;background:#FFF;border-bottom:1px solid {GRID};
white-space:nowrap}}
.scoreboard thead th{{position:sticky;top:0;z-index:2;background:#F0F0F0}}
.scoreboard [scope=row]{{width:2.6em}}
.scoreboard td.told{{white-space:normal}}
.scoreboard tr[aria-current] :is(th,td){{position:sticky;top:25px;bottom:0;z-index:1;background:{BAND};
border-top:1px solid {INK};border-bottom:1px solid {INK}}}
.sweep-progress{{display:flex;align-items:center;gap:10px;height:28px;font:13px sans-serif}}
.sweep-progress [role=progressbar]{{flex:0 0 240px;height:14px;border:1px solid {GHOST};border-radius:7px;
overflow:hidden;background:#FFF}}
.sweep-progress [role=progressbar] div{{height:100%;background:{TRAINING}}}
</style>"""

# A setting of a sweep, as far as it has come. settings: {keyword: value}; histories: {seed: keras History}; runs: how
# many of its
# trainings are finished, failed ones included; error: "" or a sentence; loss, accuracy (means over the seeds) and epoch
# (the median
# of the best ones): NaN until it is `complete`, and where there is none.
Entry = namedtuple("Entry", "settings histories runs error complete loss accuracy epoch")


def in_order(entries, by):
    """`entries` (in the order of the grid) sorted by LOSS (lowest first), ACCURACY (highest first) or a keyword (as in
    the grid).

    Among equals the lower validation loss comes first. Below all that are complete stand those that are not, then
    failed ones, then
    those that still wait.
    """
    values = [] if by in DIRECTIONS else list(dict.fromkeys(text(entry.settings[by]) for entry in entries))

    def key(entry):
        place = 3 if not entry.runs else 2 if entry.error else 0 if entry.complete else 1
        figure = (
            entry.loss if by == LOSS else -entry.accuracy if by == ACCURACY else values.index(text(entry.settings[by]))
        )
        return place, _last_if_none(figure), _last_if_none(entry.loss)

    return sorted(entries, key=key)


def _last_if_none(figure):
    return figure if isfinite(figure) else np.inf


def against_highest(entries, n):
    """The accuracies and their 95 % intervals: (accuracies, low, high, near), arrays of shape (entries,), NaN where
    there is none.

    near: bool, whether the interval holds the highest accuracy, so that these n pictures cannot tell the setting from
    the best.
    """
    accuracies = np.array(
        [entry.accuracy if entry.complete and not entry.error else np.nan for entry in entries], float
    )
    low, high, known = np.full(len(entries), np.nan), np.full(len(entries), np.nan), np.isfinite(accuracies)
    if known.any():
        low[known], high[known] = interval(accuracies[known] * n, n)
    highest = np.max(accuracies[known], initial=0)
    return accuracies, low, high, known & (low <= highest) & (highest <= high)


def in_short(entries, n):
    """What the accuracies of all settings say together, in words."""
    accuracies, _, _, near = against_highest(entries, n)
    known = accuracies[np.isfinite(accuracies)]
    if not len(known):
        return f"No accuracy of the {_count(len(entries), 'setting')} is known yet."
    finished = "" if len(known) == len(entries) else f", {len(known)} of them with an accuracy"
    others = int(near.sum()) - 1
    return (
        f"{_count(len(entries), 'setting')}{finished}; the highest accuracy is {known.max():.2f};"
        f" {others or 'no'} other{'s' * (others != 1)} cannot be told from it on {n} pictures."
    )


# The table


def table(entries, row, by, caption, n):
    """An HTML table of `entries` (already in order). row: the chosen one, from 1. by: the column they are sorted by. n:
    pictures."""
    keywords = list(entries[0].settings)
    heads = "".join(_head(name, by) for name in ("row", *keywords, *FIGURES))
    rows = "".join(_row(number, entry, number == row, n) for number, entry in enumerate(entries, 1))
    return (
        "<table"
        f' class="scoreboard"><caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _head(name, by):
    direction, arrow = DIRECTIONS.get(name, ("other", "▲"))
    sort, arrow = (f' aria-sort="{direction}"', f' <span aria-hidden="true">{arrow}</span>') if name == by else ("", "")
    return f'<th scope="col"{sort}>{escape(name)}{arrow}</th>'


def _row(number, entry, chosen, n):
    said = entry.error or (
        "waiting" if not entry.runs else "" if entry.complete else f"training: {_count(entry.runs, 'seed')} finished"
    )
    cells = [f"<td>{escape(shorten(text(value), 40))}</td>" for value in entry.settings.values()]
    cells += (
        [f'<td class="told" colspan="3">{escape(said)}</td>']
        if said
        else [f"<td>{words}</td>" for words in _figures(entry, n)]
    )
    row, mark = ('<tr aria-current="true">', f"{CHOSEN} ") if chosen else ("<tr>", "")
    return f'{row}<th scope="row">{mark}{number}</th>{"".join(cells)}</tr>'


def _figures(entry, n):
    """The validation loss, the accuracy with its interval and the best epoch, in words."""
    loss = f"{entry.loss:.3f}" if entry.loss < 1000 else f"{entry.loss:.2g}" if isfinite(entry.loss) else "not a number"
    accuracy = in_words(entry.accuracy * n, n) if isfinite(entry.accuracy) else "–"
    return loss, accuracy, f"{entry.epoch:g}" if isfinite(entry.epoch) else "–"


def text(value):
    """A setting's value as it stands in the table."""
    return getattr(value, "__name__", None) or str(value)


def in_full(settings):
    """Settings in words: "architecture dense, learning_rate 0.01"."""
    return ", ".join(f"{name} {text(value)}" for name, value in settings.items())


# The accuracies of all settings


def overview(entries, row, n, by):
    """One <svg>: the accuracy of each setting, with its 95 % interval, against its row. Arguments as of `table`; row
    may be None."""
    accuracies, low, high, near = against_highest(entries, n)
    known = np.flatnonzero(np.isfinite(accuracies)).tolist()
    ticks = _share_ticks(low[known], high[known])
    wide, size = WIDTH - LEFT - RIGHT, min(4.5, 150 / len(entries))

    def x(number):
        return wide * (number - 0.5) / len(entries)

    def y(share):
        return BELOW * (ticks[-1] - share) / (ticks[-1] - ticks[0])

    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 10**6) if len(entries) <= 40 * step)
    chosen = row and (
        f'<path class="chosen" d="M{x(row):.1f} -4V{BELOW}" stroke="{BAND}" stroke-width="{max(14, 2 * size + 4):g}"/>'
        f'<text x="{x(row):.1f}" y="-7" text-anchor="middle" font-size="12">▾</text>'
    )
    parts = [
        chosen or "",
        f'<path d="{"".join(f"M0 {y(tick):.1f}h{wide}" for tick in ticks)}" stroke="{GRID}"/>',
        f'<path d="M0 0V{BELOW}H{wide}" stroke="{INK}" fill="none"/>',
        '<g text-anchor="end">',
        *(f'<text class="ytick" x="-7" y="{y(tick):.1f}" dy="4.5">{tick:.2f}</text>' for tick in ticks),
        '</g><g text-anchor="middle" font-size="11">',
        *(
            f'<text class="xtick" x="{x(number):.1f}" y="{BELOW + 15}">{number}</text>'
            for number in range(step, len(entries) + 1, step)
        ),
        "</g>",
    ]
    if known:
        parts.append(
            f'<path class="highest" d="M0 {y(accuracies[known].max()):.1f}H{wide}" stroke="{INK}" stroke-dasharray="5'
            ' 4"/>'
        )
    for index in known:
        name, colour, height = (
            "near" if near[index] else "lower",
            TRAINING if near[index] else LOWER,
            y(accuracies[index]),
        )
        parts.append(
            f'<g class="{name}" transform="translate({x(index + 1):.1f} {height:.1f})"><path d="M0'
            f' {y(low[index]) - height:.1f}V{y(high[index]) - height:.1f}" stroke="{colour}" stroke-width="1.5"/>'
            f"{_dot(near[index], size)}</g>"
        )
    axis = f"row of the table, sorted by {by}"
    legend = (
        (f'<g transform="translate(6 0)">{_dot(True, 4.5)}</g>', "cannot be told from the highest accuracy", 280),
        (f'<g transform="translate(6 0)">{_dot(False, 4.5)}</g>', "lower: its interval leaves the highest out", 286),
        (f'<path d="M-4 0h20" stroke="{INK}" stroke-dasharray="5 4"/>', "the highest accuracy", 0),
    )
    said, label = in_short(entries, n), f"Validation accuracy of each setting with its 95 % interval, sorted by {by}."
    return (
        f'<svg viewBox="0 0 {WIDTH} {TALL}" role="img" aria-label="{escape(f"{label} {said} {GUIDE}")}" fill="{INK}"'
        f' style="display:block;width:100%;height:auto;max-width:{WIDTH}px;font:13px sans-serif"><rect width="{WIDTH}"'
        f' height="{TALL}" rx="6" fill="#FFF"/><text x="14" y="22" font-size="15">validation accuracy of all settings,'
        f' with 95 % intervals</text>{_legend(legend)}<g data-pane="{ACCURACY}" transform="translate({LEFT}'
        f' 76)">{"".join(parts)}<text x="{wide / 2:g}" y="{BELOW + 33}" text-anchor="middle">{escape(axis)}</text></g>'
        f'<text x="14" y="{TALL - 29}">{escape(said)}</text><text x="14" y="{TALL - 10}">{GUIDE}</text></svg>'
    )


def _dot(near, size):
    """A mark at (0, 0): filled and round, or a hollow square."""
    if near:
        return f'<circle class="dot" r="{size:g}" fill="{TRAINING}"/>'
    square = f'x="{-size:g}" y="{-size:g}" width="{2 * size:g}" height="{2 * size:g}"'
    return f'<rect class="dot" {square} fill="#FFF" stroke="{LOWER}" stroke-width="1.5"/>'


def _legend(items):
    """A line of marks with their words. items: (mark, words, pixels to the next)."""
    parts, x = [], 18
    for mark, words, wide in items:
        parts.append(f'<g transform="translate({x} 44)">{mark}<text x="20" y="4.5">{words}</text></g>')
        x += wide
    return "".join(parts)


def _share_ticks(low, high):
    """Ticks that hold all of the intervals, in steps of 0.05, or 0.1 if that would be many."""
    if not len(low):
        return [0.0, 0.5, 1.0]
    step = 0.05 if high.max() - low.min() < 0.25 else 0.1
    return [round(step * number, 2) for number in range(floor(low.min() / step), ceil(high.max() / step) + 1)]


# The curves of one setting


def curves_of(entry, row, epochs, seeds, uid="curves"):
    """One <svg>: training and validation loss of every seed against the epoch. epochs, seeds: how many are wanted; uid:
    as in `chart`."""
    title = f"Row {row}: {in_full(entry.settings)}"
    lines = [
        Line(f"seed {seed}: {key}", look, np.array(history.history.get(key, ()), float))
        for key, look in LOOKS.items()
        for seed, history in entry.histories.items()
    ]
    marks, median = [], " (the median)" if len(entry.histories) > 1 else ""
    if isfinite(entry.epoch):
        marks = [(entry.epoch, f"best epoch {entry.epoch:g}{median}")]
    notice = "" if entry.histories else "cannot be trained: see the table" if entry.error else "waiting"
    each = f", {seeds} seeds" if seeds > 1 else ""
    sheet = Sheet(
        "loss",
        lines,
        marks=marks,
        title=shorten(title, 105),
        notice=notice,
        ticks=y_ticks("loss", [line.values for line in lines[:: max(1, len(entry.histories))] + lines]).tolist(),
    )
    label = (
        f"{title}. Training and validation loss against the epoch, {_count(len(entry.histories), 'seed')}."
        + "".join(f" Best epoch {epoch:g}{median}." for epoch, _ in marks)
        + (f" {notice}." if notice else "")
    )
    legend = [(look, f"{look} loss{each}") for look in LOOKS.values()]
    return chart.draw([sheet], epochs, label, legend, uid, columns=1)


# How far it is


def progress(done, runs, seconds=None, end=""):
    """A progress bar and its words. seconds: about how many are left, None if that cannot be told; end: words in their
    place."""
    words = f"{done} of {_count(runs, 'training')}"
    left = end or (f", {in_time(seconds)} left" if seconds is not None else ", time left: –")
    return (
        '<div class="sweep-progress"><div role="progressbar" aria-label="trainings finished" aria-valuemin="0"'
        f' aria-valuemax="{runs}" aria-valuenow="{done}" aria-valuetext="{words}"><div'
        f' style="width:{100 * done / max(runs, 1):.1f}%"></div></div>'
        f"<span>{words if done < runs else words + ' finished'}{left if done < runs else ''}</span></div>"
    )


def in_time(seconds):
    """About how long: "about 25 seconds", "about 3 minutes"."""
    if seconds >= 90:
        return f"about {round(seconds / 60)} minutes"
    whole = max(1, ceil(seconds) if seconds <= 10 else 5 * round(seconds / 5))
    return f"about {_count(whole, 'second')}"


def _count(number, thing):
    return f"{number} {thing}{'s' * (number != 1)}"


def below_each_other(upper, lower):
    """Two <svg> elements, as wide as the page, as one."""
    heights = [float(svg.split('viewBox="', 1)[1].split('"', 1)[0].split()[3]) for svg in (upper, lower)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {sum(heights):g}" role="group" aria-label="The curves of one setting, and the'
        f' accuracies of all" style="display:block;width:100%;height:auto;max-width:{WIDTH}px"><svg width="{WIDTH}"'
        f' height="{heights[0]:g}">{upper}</svg><svg y="{heights[0]:g}" width="{WIDTH}"'
        f' height="{heights[1]:g}">{lower}</svg></svg>'
    )


# For a page without a kernel


def still_picture(entries, n):
    """One <svg>: the overview of the settings, sorted by validation loss, and the first rows of the table."""
    best = in_order(entries, LOSS)
    first = [(number, entry) for number, entry in enumerate(best[:TOP_ROWS], 1) if entry.complete and not entry.error]
    lines = [
        f"{number}. {in_full(entry.settings)}: {' and accuracy '.join(_figures(entry, n)[:2]).partition(' (')[0]}"
        for number, entry in first
    ]
    lines = ["The settings with the lowest validation loss:", *lines] if lines else []
    tall = TALL + 22 * len(lines) + 12
    told = "".join(
        f'<text x="14" y="{TALL + 18 + 22 * place}">{escape(shorten(line, 120))}</text>'
        for place, line in enumerate(lines)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {tall}" fill="{INK}" style="font:13px sans-serif">'
        f'<rect width="{WIDTH}" height="{tall}" rx="6" fill="#FFF"/>'
        f'<svg width="{WIDTH}" height="{TALL}">{overview(best, None, n, LOSS)}</svg>{told}</svg>'
    )
