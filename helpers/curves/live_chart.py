"""The live chart: a history as a small SVG drawing, made anew after every epoch.

It looks like what `still_picture` draws, but takes a fraction of a millisecond and a few kilobytes. Its x axis
has room for all epochs that are wanted, so that it stays the same while the curves grow.
"""

from html import escape
from math import isfinite

from helpers.curves.elements import axes, frame, legend, polyline, ticks
from helpers.curves.history import describe
from helpers.curves.sheets import (
    GHOST,
    HEIGHT,
    INK,
    LABELS,
    LEFT,
    LOOKS,
    RIGHT,
    WIDTH,
    label_heights,
    sheets_of,
    shorten,
    ticks_of,
    x_ticks,
)

TOP, TALL = 66, 184  # pixels from the top of the chart to a plotting area, and its height
SMALL, BETWEEN = 130, 92  # the same for areas in several rows: their height, and the room from one to that below
INSET = 8  # pixels from the sides of a plotting area to the first and the last epoch
GHOST_POINTS = 30  # a ghost with more is thinned out; the curves of the run itself never are
MARKERS = {  # one width of the line large
    "circle": '<circle r="1"/>',
    "square": '<path d="M-1-1H1V1H-1"/>',
    "diamond": '<path d="M0-1.4L1.4 0L0 1.4L-1.4 0"/>',
    "triangle": '<path d="M-1.2 1L0-1.4L1.2 1"/>',
}


def svg(history, epochs, ghosts=(), best=True, uid="chart"):
    """Draw the curves as far as they have come.

    history: see `helpers.curves.history`; an empty dict draws empty axes.
    epochs: int, the number of epochs wanted: the end of the x axis, unless the history is longer.
    ghosts: earlier runs, pairs (label, history).
    best: whether to mark the best epoch so far, once there are two epochs with validation data.
    uid: a name of letters and digits, another one for each chart on the page.

    Returns one <svg> element as a string. Raises CurveError if a history cannot be read.
    """
    sheets = sheets_of(history, ghosts, best, max(epochs, 1))
    done = len(sheets[0].lines[0].values)
    names = [line.look for line in sheets[0].lines] if done else ["training", "validation"]
    return draw(sheets, max(epochs, done, 1), describe(history), names, uid)


def draw(sheets, epochs, label, names, uid="chart", columns=None):
    """Draw plotting areas side by side.

    sheets: one or two `Sheet`s. epochs: the end of the x axis. label: the picture's alt text.
    names: of the legend, in LOOKS, or pairs (look, words), from left to right. uid: as in `svg`.
    columns: for more sheets, how many of them stand in a row. Then there is no room for ghosts' labels: give them "".

    Returns one <svg> element as a string.
    """
    beside = RIGHT if columns else LABELS  # also before there are ghosts: the axes must not jump when one comes
    columns = columns or len(sheets)
    space = WIDTH / columns
    wide = space - LEFT - beside
    rows = -(-len(sheets) // columns)
    tall = TALL if rows == 1 else SMALL
    height = HEIGHT - TALL + rows * (tall + BETWEEN) - BETWEEN
    size = 1.6 if epochs <= 40 else 0.9
    entries = [(name, name) if isinstance(name, str) else name for name in names]
    looks = dict.fromkeys([look for look, _ in entries] + [line.look for sheet in sheets for line in sheet.lines])
    parts = [
        _definitions(looks, uid, wide, tall, size),
        legend([("h14h14", f'{_look(look, uid)} stroke-width="1.8"', words) for look, words in entries]),
    ]
    for number, sheet in enumerate(sheets):
        x, y = number % columns * space + LEFT, TOP + number // columns * (tall + BETWEEN)
        pane = _sheet(sheet, wide, tall, epochs, uid)
        parts.append(f'<g data-pane="{escape(sheet.name)}" transform="translate({x:g} {y})">{pane}</g>')
    return frame(WIDTH, height, label, "".join(parts))


def _definitions(looks, uid, wide, tall, size):
    """The markers, whose size is in widths of the line, and the part of a pane with curves."""
    # The browser repeats a marker at every point of a line: no point needs an element of its own.
    markers = "".join(
        f'<marker id="{uid}{look[0]}" overflow="visible"><g fill="{LOOKS[look].colour}" transform="scale({size})">'
        f"{MARKERS[LOOKS[look].marker]}</g></marker>"
        for look in looks
        if LOOKS[look].marker
    )
    # A bit taller than the plotting area: a marker on its border is drawn as a whole.
    return f'<defs>{markers}<clipPath id="{uid}c"><path d="M0-4H{wide:g}V{tall + 4}H0"/></clipPath></defs>'


def _look(name, uid):
    colour, dashes, marker = LOOKS[name]
    dashes = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'stroke="{colour}"{dashes}' + (f' style="marker:url(#{uid}{name[0]})"' if marker else "")


def _sheet(sheet, wide, tall, epochs, uid):
    """The elements of one plotting area; (0, 0) is its upper left corner."""
    numbers, title = ticks_of(sheet), (sheet.title or sheet.name).replace("_", " ")
    low, high = numbers[0], numbers[-1]
    name = f'<text x="{wide / 2:g}" y="22">epoch</text>'

    def x(epoch):
        share = (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5
        return INSET + share * (wide - 2 * INSET)

    def y(value):
        share = (value - low) / (high - low)
        return tall * (1 - min(share, 99))  # 99 times as high is out of sight as well

    def points(values):
        return [(x(epoch), y(value)) if isfinite(value) else None for epoch, value in enumerate(values.tolist(), 1)]

    parts = [
        axes(wide, tall, [y(number) for number in numbers[1:]]),
        f'<text y="-25" font-size="15">{escape(title)}</text>',
        ticks("y", zip(map(y, numbers), _labels(numbers), strict=True), -7, 4.5),
        ticks("x", [(x(epoch), epoch) for epoch in x_ticks(epochs)], 0, tall + 18, name),
        f'<g clip-path="url(#{uid}c)" fill="none" stroke="{GHOST}">',
    ]
    for _, values in sheet.ghosts:
        parts += [f'<path class="ghost" d="{_moves(run)}"/>' for run in _unbroken(_thinned(points(values)))]
    parts.append(f'</g><g font-size="11" fill="{GHOST}">')
    for (label, _), height in zip(sheet.ghosts, label_heights(sheet.ghosts, numbers), strict=True):
        if label:
            parts.append(f'<text class="ghost" x="{wide + 7:g}" y="{tall * (1 - height) + 4:.1f}">{_cut(label)}</text>')
    parts.append("</g>")
    for number, (epoch, words) in enumerate(sheet.marks):
        parts.append(f'<path class="best" d="M{x(epoch):.1f}-4V{tall}" stroke="{INK}" stroke-width=".8"/>')
        if sheet.name == "loss":
            # Near a side the label is written inwards, away from tick labels and from the next pane.
            anchor = "start" if x(epoch) < 45 else "end" if x(epoch) > wide - 45 else "middle"
            place = f'x="{x(epoch):.1f}" y="{-8 - 13 * number}"'
            parts.append(f'<text {place} font-size="12" text-anchor="{anchor}">{escape(words)}</text>')
    parts.append(f'<g clip-path="url(#{uid}c)" fill="none" stroke-width="1.8">')
    parts += [_band(points(band.low), points(band.high), LOOKS[band.look].colour) for band in sheet.bands]
    for line in sheet.lines:
        parts += [polyline(line.key, run, _look(line.look, uid)) for run in _unbroken(points(line.values))]
    parts.append("</g>")
    if sheet.notice:
        parts.append(
            f'<text class="notice" x="{wide / 2:g}" y="{0.3 * tall:g}" text-anchor="middle" stroke="#FFF" '
            f'stroke-width="4" paint-order="stroke">{escape(sheet.notice)}</text>'
        )
    return "".join(parts)


def _band(low, high, colour):
    pairs = [(below, above) for below, above in zip(low, high, strict=True) if below and above]
    if not pairs:
        return ""
    around = [below for below, _ in pairs] + [above for _, above in reversed(pairs)]
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in around)
    return f'<path class="band" fill="{colour}" fill-opacity=".22" d="M{corners}"/>'


def _cut(label):
    short = shorten(label)
    return escape(short) + (f"<title>{escape(label)}</title>" if short != label else "")


def _labels(ticks):
    """The ticks in words, all with as many decimals as the longest needs."""
    labels = [f"{tick:g}" for tick in ticks]
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


def _moves(points):
    """A path through the points in whole pixels: relative moves take the fewest characters."""
    points = [(round(px), round(py)) for px, py in points]
    moves = [(px - fx, py - fy) for (fx, fy), (px, py) in zip([(0, 0), *points], points, strict=False)]
    return "m" + " ".join(f"{dx} {dy}" for dx, dy in moves)
