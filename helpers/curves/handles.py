"""Points of a chart that can be dragged up and down: each sets a control of its part, by the page's script.

Every point has a column of the plotting area to itself, up to half the way to its neighbours, so that a click anywhere
sets the nearest one. A finger drags only the round grip at the point: elsewhere it scrolls the page.
"""

from html import escape


def strip(handles, x, limits, head, tall):
    """An HTML element to lie over a plotting area, with `sheets.Handle`s from left to right in it; "" for none.

    x: from an epoch to hundredths of the width. limits: the lowest and the highest value of the y axis. head, tall:
    pixels above the plotting area, and its height.
    """
    places = [x(handle.epoch) for handle in handles]
    borders = [0, *((left + right) / 2 for left, right in zip(places, places[1:], strict=False)), 100]
    columns = zip(handles, places, borders, borders[1:], strict=False)
    inside = "".join(_column(*column, *limits) for column in columns)
    return f'<div class="handles" style="top:{head}px;height:{tall}px">{inside}</div>' if handles else ""


def _column(handle, place, left, right, lowest, highest):
    axis, reach = highest - lowest, handle.high - handle.low
    where = f"left:{left:.2f}%;width:{right - left:.2f}%;height:{100 * reach / axis:.2f}%"
    where += f";bottom:{100 * (handle.low - lowest) / axis:.2f}%"
    grip = f"left:{100 * (place - left) / (right - left):.1f}%;bottom:{100 * (handle.value - handle.low) / reach:.1f}%"
    return (
        f'<div class="handle" data-sets="{escape(handle.control)}" data-low="{handle.low:g}" '
        f'data-high="{handle.high:g}" data-step="{handle.step:g}" style="{where}"><i style="{grip}"></i></div>'
    )
