"""How a chart is looked at: ticks that zoom in, give the loss a logarithmic axis, or enlarge all for a projector."""

import ipywidgets as widgets

ZOOM, LOG, PROJECTOR = "zoom in on y", "log axis for the loss", "projector"
LARGER = "lab-projector"  # a class of `helpers.curves.theme`


class View:
    """The ticks below a chart, in `box`. `options`: for `live_chart.draw`, {"zoom": …, "log": …}.

    part: the `Live` whose chart it is; a tick draws it again, from what it has, without training.
    """

    def __init__(self, part):
        self._part = part
        self._zoom = _tick(ZOOM, "Show the range of the second half of the epochs, without the fall at the beginning")
        self._log = _tick(LOG, "Equal steps up are equal factors")
        self._large = _tick(PROJECTOR, "Larger words and thicker lines")
        for tick in (self._zoom, self._log):
            tick.observe(self._draw_again, "value")
        self._large.observe(self._enlarge, "value")
        self.box = widgets.HBox([self._zoom, self._log, self._large], layout={"flex_flow": "row wrap"})

    @property
    def options(self):
        return {"zoom": self._zoom.value, "log": self._log.value}

    def _draw_again(self, _change):
        if self._part.state not in ("building", "training"):  # then the next epoch draws it so
            self._part._draw(self._part.state)

    def _enlarge(self, _change):
        (self._part._box.add_class if self._large.value else self._part._box.remove_class)(LARGER)


def _tick(words, tooltip):
    return widgets.Checkbox(
        description=words, tooltip=tooltip, indent=False, layout={"width": "auto", "margin": "2px 12px 2px 2px"}
    )
