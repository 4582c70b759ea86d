"""The live chart: a history as a small SVG drawing, made anew after every epoch.

It looks like what `plotting` draws, but takes a fraction of a millisecond and a few kilobytes. Its x axis
has room for all epochs that are wanted, so that it stays the same while the curves grow.
"""

from html import escape
from math import isfinite

from helpers.curves.history import describe
from helpers.curves.sheets import (
    GHOST,
    GRID,
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
    epochs = max(epochs, 1)
    sheets = sheets_of(history, ghosts, best, epochs)
    done = len(sheets[0].lines[0].values)
    epochs = max(epochs, done)
    names = [line.look for line in sheets[0].lines] if done else ["training", "validation"]
    return draw(sheets, epochs, describe(history), names, uid)


def draw(sheets, epochs, label, legend, uid="chart", columns=None):
    """Draw plotting areas side by side.

    sheets: one or two `Sheet`s. epochs: the end of the x axis. label: the picture's alt text.
    legend: names in LOOKS, or pairs (look, words), from left to right. uid: as in `svg`.
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
    legend = [(name, name) if isinstance(name, str) else name for name in legend]
    looks = dict.fromkeys([look for look, _ in legend] + [line.look for sheet in sheets for line in sheet.lines])
    drawn = [
        f'<g data-pane="{escape(sheet.name)}" transform="translate({number % columns * space + LEFT:g} '
        f'{TOP + number // columns * (tall + BETWEEN)})">{_sheet(sheet, wide, tall, epochs, uid)}</g>'
        for number, sheet in enumerate(sheets)
    ]
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(label)}" fill="{INK}" style="display:block;'
        f'width:100%;height:auto;max-width:{WIDTH}px;font:13px sans-serif">'
        f"{_definitions(looks, uid, wide, tall, size)}"
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#FFF"/>'
        f"{_legend(legend, uid)}{''.join(drawn)}</svg>"
    )


def _definitions(looks, uid, wide, tall, size):
    """The markers, whose size is in widths of the line, and the part of a pane with"""
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


def _legend(names, uid):
    parts, x = [], WIDTH
    for look, words in reversed(names):
        x -= round(46 + 7.2 * len(words))
        parts.append(
            f'<path d="M{x} 18h14h14" {_look(look, uid)} stroke-width="1.8"/>'
            f'<text x="{x + 36}" y="22.5">{escape(words)}</text>'
        )
    return "".join(reversed(parts))


def _sheet(sheet, wide, tall, epochs, uid):
    """The elements of one plotting area; (0, 0) is its upper left corner."""
    ghosts, ticks = sheet.ghosts, ticks_of(sheet)

    def x(epoch):
        share = (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5
        return INSET + share * (wide - 2 * INSET)

    def y(value):
        share = (value - ticks[0]) / (ticks[-1] - ticks[0])
        return tall * (1 - min(share, 99))  # 99 times as high is out of sight as well

    def points(values):
        return [(x(epoch), y(value)) if isfinite(value) else None for epoch, value in enumerate(values.tolist(), 1)]

    grid = "".join(f"M0 {_short(y(tick))}h{wide:g}" for tick in ticks[1:])
    # The y of a y tick and the x of an x tick are exactly those of the scale: tests read them.
    parts = [
        f'<path d="{grid}" stroke="{GRID}"/>'
        f'<path d="M0 0V{tall}H{wide:g}" stroke="{INK}" fill="none"/>'
        f'<text y="-25" font-size="15">{escape(sheet.title or sheet.name).replace("_", " ")}</text>'
        '<g text-anchor="end" transform="translate(-7 4.5)">',
        *(
            f'<text class="ytick" y="{_short(y(tick))}">{label}</text>'
            for tick, label in zip(ticks, _labels(ticks), strict=True)
        ),
        f'</g><g text-anchor="middle" transform="translate(0 {tall + 18})">',
        *(f'<text class="xtick" x="{_short(x(epoch))}">{epoch}</text>' for epoch in x_ticks(epochs)),
        f'<text x="{wide / 2:g}" y="22">epoch</text></g>',
        f'<g clip-path="url(#{uid}c)" fill="none" stroke="{GHOST}">',
        *(
            f'<path class="ghost" d="{_moves(run)}"/>'
            for _, values in ghosts
            for run in _unbroken(_thinned(points(values)))
        ),
        f'</g><g font-size="11" fill="{GHOST}">',
        *(
            f'<text class="ghost" x="{wide + 7:g}" y="{tall * (1 - height) + 4:.1f}">{_cut(label)}</text>'
            for (label, _), height in zip(ghosts, label_heights(ghosts, ticks), strict=True)
            if label
        ),
        "</g>",
    ]
    for number, (epoch, words) in enumerate(sheet.marks):
        parts.append(f'<path class="best" d="M{x(epoch):.1f}-4V{tall}" stroke="{INK}" stroke-width=".8"/>')
        if sheet.name == "loss":
            # Near a side the label is written inwards, away from tick labels and from the next pane.
            anchor = "start" if x(epoch) < 45 else "end" if x(epoch) > wide - 45 else "middle"
            parts.append(
                f'<text x="{x(epoch):.1f}" y="{-8 - 13 * number}" font-size="12" '
                f'text-anchor="{anchor}">{escape(words)}</text>'
            )
    parts.append(f'<g clip-path="url(#{uid}c)" fill="none" stroke-width="1.8">')
    parts += [_band(points(band.low), points(band.high), LOOKS[band.look].colour) for band in sheet.bands]
    for line in sheet.lines:
        parts += [
            f'<polyline data-name="{escape(line.key)}" {_look(line.look, uid)} points="'
            + " ".join(f"{px:.1f},{py:.1f}" for px, py in run)
            + '"/>'
            for run in _unbroken(points(line.values))
        ]
    if sheet.notice:
        parts.append(
            f'</g><g text-anchor="middle" stroke="#FFF" stroke-width="4" paint-order="stroke">'
            f'<text class="notice" x="{wide / 2:g}" y="{0.3 * tall:g}">{escape(sheet.notice)}</text>'
        )
    return "".join(parts) + "</g>"


def _band(low, high, colour):
    pairs = [(below, above) for below, above in zip(low, high, strict=True) if below and above]
    around = [below for below, _ in pairs] + [above for _, above in reversed(pairs)]
    return (
        (
            f'<path class="band" stroke="none" fill="{colour}" fill-opacity=".22" d="M'
            + " ".join(f"{px:.1f},{py:.1f}" for px, py in around)
            + '"/>'
        )
        if pairs
        else ""
    )


def _short(pixels):
    return f"{pixels:.1f}".removesuffix(".0")


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
