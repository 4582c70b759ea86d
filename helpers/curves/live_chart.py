"""The live chart: a history as a small drawing in HTML and SVG, made anew after every epoch.

It takes a fraction of a millisecond and a few kilobytes. Its x axis has room for all epochs that are wanted, so that it
stays the same while the curves grow. Each plotting area, a pane, is an <svg> of its own, so that the page puts them
beside or below each other. A pane gets as wide as there is room; its words keep their size, because they stand at
shares of the width, and only the curves are stretched: in an inner <svg>, 100 units wide, all points are written "x,y".

`theme` says how all this looks.
"""

from functools import partial
from html import escape
from math import isfinite, log10

from helpers.curves import handles, readout
from helpers.curves.elements import short
from helpers.curves.history import describe
from helpers.curves.sheets import LOOKS, Ghost, sheets_of, shorten, ticks_of, x_ticks
from helpers.curves.theme import name_of

HEIGHT, SMALL = 296, 226  # pixels: of a pane with its words, and of a small one
LEAST = 110  # pixels of a plotting area, whatever stands above it
FOOT = 40  # pixels below a plotting area, for the numbers and the name of the x axis
TITLE, ROW, MARK = 18, 16, 14  # pixels of the lines above it: its title, a line of its legend, and words of its marks
ROOM = {False: 288, True: 246}  # pixels for a line of a legend, also in the narrowest pane; small ones are narrower
GUTTER = 34  # pixels of these numbers
NARROWEST = 210  # pixels of a plotting area, in the narrowest pane
LETTER, SIGN = 6.7, 30  # pixels of a letter, at most, and of the sign in front of the words
INSET = 2  # hundredths of the width, from the sides of a plotting area to the first and the last epoch
GHOST_POINTS = 30  # a ghost with more is thinned out; the curves of the run itself never are
MARKERS = 20  # more points than that on an axis would merge into a rope: not each of them has a marker then


def chart(history, epochs, ghosts=(), best=True, uid="chart", heading="", **how):
    """Draw the curves as far as they have come.

    history: see `helpers.curves.history`; an empty dict draws empty axes.
    epochs: int, the number of epochs wanted: the end of the x axis, unless the history is longer.
    ghosts: earlier runs, pairs (label, history).
    best: whether to mark the best epoch so far, once there are two epochs with validation data.
    uid: a name of letters and digits, another one for each chart on the page. heading: a line above all.
    how: as in `draw`.

    Returns one HTML element as a string. Raises CurveError if a history cannot be read.
    """
    sheets = sheets_of(history, ghosts, best, max(epochs, 1))
    done = len(sheets[0].lines[0].values)
    names = [line.look for line in sheets[0].lines] if done else ["training", "validation"]
    grows = how.get("figures") is False
    label = f"Learning curves of a training under way, {done} of {epochs} epochs." if grows else describe(history)
    return draw(sheets, max(epochs, done, 1), label, names, uid, heading=heading, **how)


def draw(
    sheets, epochs, label, names, uid="chart", small=False, heading="", figures=None, zoom=False, log=False, coming=()
):
    """Draw plotting areas side by side, or below each other where the page is narrow.

    sheets: `Sheet`s. epochs: the end of the x axis. label: the picture's alt text. names: of the legend, in LOOKS, or
    pairs (look, words), for each sheet that has none of its own. uid, heading: as in `chart`. small: for many sheets.
    figures: whether its numbers can be read, as in `readout`: once the curves are complete; until then, False, there is
    room for them, so that nothing moves; None: never. zoom: whether the y axes
    have the range of the second half of the epochs only. log: whether the loss has a logarithmic axis. coming: labels
    of ghosts that there may be later: there is room for them, so that the axes stay where they are.

    Returns one HTML element as a string.
    """
    sheets = [sheet._replace(zoom=zoom, log=log and sheet.name == "loss") for sheet in sheets]
    names = [(name, name) if isinstance(name, str) else name for name in names]
    legends = [_legend(sheet, sheet.legend or names, ROOM[small]) for sheet in sheets]
    # All panes have as much above their plotting areas, so that these stand at the same height.
    marks = max([1, *(len(_told(sheet)) for sheet in sheets)])
    later = [sheet._replace(ghosts=[Ghost(label, ()) for label in coming]) for sheet in sheets]
    rows = [_legend(sheet, sheet.legend or names, ROOM[small])[0] for sheet in [*sheets, *later]]
    head = TITLE + ROW * max(rows) + MARK * marks + 5
    tall = max(LEAST, (SMALL if small else HEIGHT) - head - FOOT)
    panes = [
        f'<svg data-pane="{escape(sheet.name)}" role="img" aria-label="{escape(_title(sheet))}" '
        f'height="{head + tall + FOOT}">{legend}<g transform="translate(0 {head})">{_plot(sheet, tall, epochs)}</g>'
        "</svg>"
        for sheet, (_, legend) in zip(sheets, legends, strict=True)
    ]
    strips, table = [], ""
    for sheet in sheets:
        lowest, *_, highest = ticks_of(sheet)
        across = partial(_across, epochs=epochs)
        strips.append(handles.strip(sheet.handles, across, (lowest, highest), head, tall))
    if figures:
        named = [readout.names_of(sheet, sheet.legend or names) for sheet in sheets]
        table = readout.table(sheets, named)
        others = len(table) + sum(map(len, panes))
        strips = readout.columns(sheets, named, epochs, uid, head, tall, others)
    panes = [f'<div class="lab-pane">{pane}{strip}</div>' for pane, strip in zip(panes, strips, strict=True)]
    if figures is not None:
        table = f'<div class="lab-fold">{table}</div>'
    heading = f'<div class="heading">{escape(heading)}</div>' if heading else ""
    kind = "lab-panes small" if small else "lab-panes"
    inside = f'{heading}<div class="{kind}">{"".join(panes)}</div>{table}'
    return f'<div class="lab-chart" role="group" aria-label="{escape(label)}">{inside}</div>'


def _title(sheet):
    return (sheet.title or sheet.name).replace("_", " ")


def _told(sheet):
    """The marks of a sheet with words, which stand above its plotting area."""
    return [mark for mark in sheet.marks if mark[1]] if sheet.name == "loss" else []


def _legend(sheet, names, room):
    """(number of its lines, elements): what each line is, and above that the title."""
    parts, x, row = [f'<text class="title" x="-{GUTTER}" y="14">{escape(_title(sheet))}</text>'], 0, 1
    ghosts = [(ghost.look, ghost.label) for ghost in sheet.ghosts if ghost.label]
    for number, (look, words) in enumerate([*names, *ghosts]):
        cut = shorten(words, int((room - SIGN) / LETTER))
        wide = round(SIGN + LETTER * len(cut))
        if x and x + wide > room:
            x, row = 0, row + 1
        told = f"<title>{escape(words)}</title>" if cut != words else ""
        kind = "line" if number < len(names) else "line ghost"
        parts.append(
            f'<g class="{name_of(look)}" transform="translate({x - GUTTER} {14 + ROW * row})">'
            f'<path class="{kind}" d="M0-4h24"/>{_markers(look, [(12, -4)])}<text class="name" x="{SIGN}">'
            f"{escape(cut)}{told}</text></g>"
        )
        x += wide + 12
    return row, "".join(parts)


def _across(epoch, epochs):
    """Where an epoch is in a plotting area, in hundredths of its width."""
    share = (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5
    return INSET + share * (100 - 2 * INSET)


def _plot(sheet, tall, epochs):
    """The elements of one plotting area; (0, 0) is its upper left corner."""
    numbers = ticks_of(sheet)
    log = sheet.log and numbers[0] > 0  # without a loss above 0 there is no such axis
    scale = log10 if log else float
    low, high = scale(numbers[0]), scale(numbers[-1])

    x = partial(_across, epochs=epochs)

    def y(value):
        share = (scale(value) - low) / (high - low)
        return tall * (1 - max(min(share, 99), -99))  # 99 times as high is out of sight as well

    def points(values):
        def can_be_drawn(value):
            return isfinite(value) and (value > 0 or not log)

        numbered = enumerate(values.tolist(), 1)
        return [(x(epoch), y(value)) if can_be_drawn(value) else None for epoch, value in numbered]

    parts = [
        f'<path class="axis" d="M0 0V{tall}"/><line class="axis" x2="100%" y1="{tall}" y2="{tall}"/>',
        _ticks("y", zip(map(y, numbers), _labels(numbers), strict=True), -7, 4.5),
        _ticks("x", [(x(epoch), epoch) for epoch in x_ticks(epochs)], 0, tall + 17, "%"),
        f'<text class="middle" x="50%" y="{tall + 34}">epoch</text>',
    ]
    for number, (epoch, words) in enumerate(_told(sheet)):
        # Near a side the words are written inwards, so that they stay within the narrowest pane.
        half, place = LETTER * len(words) / 2, NARROWEST * x(epoch) / 100
        side = "" if place - half < -GUTTER else "end" if place + half > NARROWEST else "middle"
        place = f'x="{x(epoch):.1f}%" y="{-7 - MARK * number}"'
        parts.append(f'<text class="mark {side}" {place}>{escape(words)}</text>')
    # A bit taller than the plotting area: a marker on its border is drawn as a whole.
    parts.append(
        f'<svg class="curves" y="-4" width="100%" height="{tall + 8}" viewBox="0 -4 100 {tall + 8}" '
        'preserveAspectRatio="none">'
    )
    across = "".join(f"M0,{short(y(number))}H100" for number in numbers[1:])
    parts.append(f'<path class="grid" d="{across}"/>')
    parts += [f'<path class="best" d="M{x(epoch):.1f},-4V{tall}"/>' for epoch, _ in sheet.marks]
    for ghost in sheet.ghosts:
        runs = _unbroken([point and (point[0], round(point[1])) for point in _thinned(points(ghost.values))])
        drawn = "".join(f'<polyline class="line ghost" points="{_pairs(run)}"/>' for run in runs)
        parts.append(f'<g class="{name_of(ghost.look)}">{drawn}</g>')
    for band in sheet.bands:
        parts.append(f'<g class="{name_of(band.look)}">{_band(points(band.low), points(band.high))}</g>')
    for line in sheet.lines:
        runs = _unbroken(points(line.values))
        drawn = "".join(
            f'<polyline class="line" data-name="{escape(line.key)}" points="{_pairs(run)}"/>' for run in runs
        )
        marked = [point for run in runs for point in _marked(run, epochs)]
        parts.append(f'<g class="{name_of(line.look)}">{drawn}{_markers(line.look, marked)}</g>')
    parts.append("</svg>")
    if sheet.notice:
        parts.append(f'<text class="notice middle" x="50%" y="{0.3 * tall:g}">{escape(sheet.notice)}</text>')
    return "".join(parts)


def _ticks(axis, numbers, x, y, unit=""):
    """The numbers at an axis: pairs (where along it, words); x, y: how far they stand from it."""
    # Where along it is exactly what the scale says, and the distance is apart from that: tests read them.
    labels = "".join(
        f'<text class="{axis}tick" {axis}="{short(place)}{unit}">{words}</text>' for place, words in numbers
    )
    return f'<g transform="translate({x:g} {y:g})">{labels}</g>'


def _markers(look, points):
    """A marker at each point: a stroke without length is as wide as it is high, however the curves are stretched."""
    if not points or not LOOKS[look].marker:
        return ""
    strokes = "".join(f"M{short(x)},{short(y)}h0" for x, y in points)
    hole = f'<path class="hole" d="{strokes}"/>' if LOOKS[look].marker in ("ring", "frame") else ""
    return f'<path class="dots" d="{strokes}"/>{hole}'


def _marked(run, epochs):
    """The points of an unbroken run that have a marker: the first, the last, and so many between as can be told
    apart."""
    step = -(-epochs // MARKERS)
    return [*run[:-1:step], run[-1]]


def _pairs(points):
    return " ".join(f"{short(x)},{short(y)}" for x, y in points)


def _band(low, high):
    pairs = [(below, above) for below, above in zip(low, high, strict=True) if below and above]
    if not pairs:
        return ""
    around = [below for below, _ in pairs] + [above for _, above in reversed(pairs)]
    return f'<path class="band" d="M{_pairs(around)}Z"/>'


def _labels(ticks):
    """The ticks in words, all with as many decimals as the longest needs."""
    labels = [f"{tick:g}" for tick in ticks]
    if ticks[0] > 0 and ticks[-1] >= 99 * ticks[0]:  # on a logarithmic axis each has its own decimals
        return labels
    if any("e" in label for label in labels):  # very large or very small
        return labels
    decimals = max(len(label.partition(".")[2]) for label in labels)
    return [f"{tick:.{decimals}f}" for tick in ticks]


def _thinned(points):
    if len(points) <= GHOST_POINTS:
        return points
    step = (len(points) - 1) / (GHOST_POINTS - 1)
    return [points[round(number * step)] for number in range(GHOST_POINTS)]


def _unbroken(points):
    """The runs of points without a None, which stands for a value that is not a number."""
    runs = [[]]
    for point in points:
        if point is not None:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
