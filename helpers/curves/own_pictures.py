"""The alt text of a picture that a student draws with Matplotlib: what stands in it, read from the figure itself.

JupyterLab shows alt text of HTML only, so the picture is shown as HTML, too. `helpers` tells IPython to ask for it.
"""

import base64
from html import escape

import numpy as np

MOST = 6  # charts, lines or bars that are described one by one


def html_of(figure):
    """`figure` as an <img> with its alt text; None where the notebook shows figures as something else than a PNG."""
    from IPython import get_ipython

    png = get_ipython().display_formatter.formatters["image/png"](figure)
    png = png[0] if isinstance(png, tuple) else png  # with or without metadata
    if png is None:
        return None
    return html(png if isinstance(png, str) else base64.b64encode(png).decode(), alt_of(figure))


def html(png, alt):
    """The HTML of a picture. png: base64, as text."""
    return f'<img class="own-picture" alt="{escape(alt)}" src="data:image/png;base64,{png.strip()}">'


def alt_of(figure):
    """What a figure of Matplotlib shows, in words: the titles of its charts, where their lines begin and end."""
    charts = [axes for axes in figure.axes if axes.get_visible()]
    pictures = [axes for axes in charts if axes.images and not axes.lines]
    said = [figure.get_suptitle()] if figure.get_suptitle() else []
    if pictures:
        titles = [title for axes in pictures if (title := _plain(axes.get_title()))]
        said.append(f"{_count(len(pictures), 'picture')}{': ' * bool(titles)}{', '.join(titles)}")
    others = [axes for axes in charts if axes not in pictures]
    said += [_chart(axes) for axes in others[:MOST]]
    if len(others) > MOST:
        said.append(f"{_count(len(others) - MOST, 'chart')} more")
    return ". ".join(said) + "." if said else "An empty picture."


def _chart(axes):
    """One chart in words."""
    x, y = _plain(axes.get_xlabel()), _plain(axes.get_ylabel())
    names = f"{y} against {x}" if x and y else x or y
    title = ", ".join(filter(None, (_plain(axes.get_title()), names))) or "A chart"
    lines = [line for line in axes.lines if np.size(line.get_ydata()) > 1 and line.get_visible()]
    said = [_line(line) for line in lines[:MOST]]
    if len(lines) > MOST:
        said.append(f"{_count(len(lines) - MOST, 'line')} more")
    said += [_bars(axes, bars) for bars in axes.containers if hasattr(bars, "patches") and len(bars.patches)]
    points = sum(len(points.get_offsets()) for points in axes.collections if hasattr(points, "get_offsets"))
    if points:
        said.append(_count(points, "point"))
    return f"{title}: {'; '.join(said)}" if said else title


def _line(line):
    label = _plain(line.get_label())
    name = "a line" if not label or label.startswith("_") else label
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata(), float)
    known = np.flatnonzero(np.isfinite(y))
    if not len(known):
        return f"{name} without values"
    first, last, low, high = known[0], known[-1], known[y[known].argmin()], known[y[known].argmax()]
    if y[low] == y[high]:
        return f"{name} level at {_number(y[low])}"
    words = f"{name} from {_number(y[first])} at {_number(x[first])} to {_number(y[last])} at {_number(x[last])}"
    for kind, place in (("lowest", low), ("highest", high)):
        if place not in (first, last):
            words += f", {kind} {_number(y[place])} at {_number(x[place])}"
    return words


def _bars(axes, bars):
    names = [_plain(label.get_text()) for label in axes.get_xticklabels()]
    heights = [_number(patch.get_height()) for patch in bars.patches]
    if len(heights) > MOST:
        return _count(len(heights), "bar")
    named = len(names) == len(heights) and all(names)
    return "bars " + ", ".join(
        f"{name} {height}" for name, height in zip(names if named else [""] * len(heights), heights, strict=True)
    )


def _number(value):
    try:
        return f"{float(value):.3g}"
    except (TypeError, ValueError):  # a date, or a name
        return str(value)


def _plain(text):
    return " ".join(str(text).split())


def _count(number, what):
    return f"{number} {what}{'s' * (number != 1)}"
