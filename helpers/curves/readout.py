"""The figures of a chart: an epoch's where the pointer, a finger or the keyboard is, and all of them in a table.

Both work without a script. Over each plotting area lie radio buttons without a look of their own, one for each epoch:
the page tells which one is pointed at or has the keyboard's focus, and shows its words. A group of them is one stop of
the Tab key, and the arrow keys go from epoch to epoch.
"""

from html import escape
from math import isfinite

MOST, LEAST = 38 * 1024, 10 * 1024  # bytes of a chart with its table and strips, and of the strips if those are long
AROUND = 80  # bytes around the words of an epoch


def columns(sheets, named, epochs, uid, head, tall, others):
    """A strip for each sheet, HTML to lie over its plotting area, whose words are those of all sheets.

    named: as of `names_of`, for each sheet. epochs: the end of the x axis. uid: of the chart. head, tall: pixels above
    a plotting area, and its height. others: bytes of the rest of the chart. Where all would be too many, only every
    second (third …) epoch has words.
    """
    done = max((len(values) for curves in named for _, values in curves), default=0)
    words = [_words(sheets, named, epoch) for epoch in range(1, done + 1)]
    step = max(1, -(-len(sheets) * sum(len(each) + AROUND for each in words) // max(LEAST, MOST - others)))
    shown = list(range(1, done + 1, step))
    # Each column reaches half the way to its neighbours; the first and the last one end with the curves.
    limits = [1, *((before + after) / 2 for before, after in zip(shown, shown[1:], strict=False))]
    limits.append(min(epochs, (shown or [1])[-1] + step / 2))
    strips = []
    for number, sheet in enumerate(sheets):
        parts = [
            f"<label{_wide(right - left)}><input type='radio' name='{uid}e{number}'/><b>{words[epoch - 1]}</b></label>"
            for epoch, left, right in zip(shown, limits, limits[1:], strict=False)
        ]
        if limits[-1] < epochs:
            parts.append(f'<i style="flex:{epochs - limits[-1]:g}"></i>')
        told = escape(f"{_title(sheet)}: figures of an epoch")
        where = f"--head:{head}px;top:{head}px;height:{tall}px"
        group = f'<div class="epochs" role="radiogroup" aria-label="{told}" style="{where}">{"".join(parts)}</div>'
        strips.append(group if shown else "")
    return strips


def _wide(epochs):
    return "" if epochs == 1 else f' style="flex:{max(epochs, 0.01):g}"'


def names_of(sheet, legend):
    """What the lines and ghosts of a sheet are called, and their values: pairs (name, array)."""
    told = [line for line in sheet.lines if line.told]
    words, looks = dict(legend), [line.look for line in told]
    lines = [
        (words.get(line.look, line.look) if looks.count(line.look) == 1 else line.key, line.values) for line in told
    ]
    return [*lines, *((f"({ghost.label})", ghost.values) for ghost in sheet.ghosts if ghost.label)]


def _words(sheets, named, epoch):
    said = [f"Epoch {epoch}"]
    for sheet, curves in zip(sheets, named, strict=True):
        numbers = [f"{name} {figure(values[epoch - 1])}" for name, values in curves if len(values) >= epoch]
        if numbers:
            said.append(f"{_title(sheet)}: {', '.join(numbers)}")
    return escape("\n".join(said))


def _title(sheet):
    return (sheet.title or sheet.name).replace("_", " ")


def table(sheets, named):
    """All figures behind a fold, an HTML element: a row for each epoch, a column for each curve."""
    curves = [
        (f"{_title(sheet)}: {name}", values)
        for sheet, of_sheet in zip(sheets, named, strict=True)
        for name, values in of_sheet
    ]
    done = max((len(values) for _, values in curves), default=0)
    if not done:
        return ""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name, _ in curves)
    rows = []
    for epoch in range(1, done + 1):
        cells = (figure(values[epoch - 1]) if len(values) >= epoch else "" for _, values in curves)
        rows.append(f'<tr><th scope="row">{epoch}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    return (
        '<details class="lab-figures"><summary>All figures</summary><div><table>'
        "<caption>The figures of the curves, epoch by epoch</caption>"
        f'<thead><tr><th scope="col">epoch</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table></div></details>"
    )


def figure(value):
    """A number of a curve in four digits."""
    return f"{value:.4g}" if isfinite(value) else "not a number"
