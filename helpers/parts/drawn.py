"""A curve that is predicted: some points of it, set by sliders or dragged in the chart. It is straight between them."""

import itertools
import math
from numbers import Real

import ipywidgets as widgets
import numpy as np

from helpers.curves import guess, paper
from helpers.curves.sheets import y_ticks
from helpers.errors import LessonError, is_whole
from helpers.live.fields import in_columns, make_slider
from helpers.parts.scales import Kind

POINTS = 4, 5  # at least, and as many as there are
_numbers = itertools.count(1)


def knots_over(epochs, points):
    """The epochs of the points: closer together at first, where a loss falls fast, the last one at the end."""
    places = (1 + (epochs - 1) * np.linspace(0, 1, points) ** 2).round().astype(int).tolist()
    return [max(place, number) for number, place in enumerate(places, 1)]


def slider_at(epoch, highest):
    """The slider of the point at `epoch`, from 0 to `highest`."""
    # One step of the arrow keys is a tenth of the way between two lines of the chart's grid.
    step = round(y_ticks("loss", [np.array([highest])])[1] / 10, 12)
    look = {"description": guess.control(epoch), "readout_format": f".{max(2, -math.floor(math.log10(step)))}f"}
    return make_slider(widgets.FloatSlider, value=highest / 2, min=0, max=highest, step=step, **look)


def as_entry(knots, values):
    """A drawn curve as the lab book keeps it."""
    return {"epochs": list(knots), "values": [float(f"{value:.4g}") for value in values]}


def rounded(run):
    """What came, an array with a value for each epoch, as the lab book keeps it; None where it is no number."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in run]


class Curve(Kind):
    """A curve over some epochs, from 0 up, right if it is off by `within` on average at most."""

    scale, verb, tall = "curve", "drew", True

    def __init__(self, asked, answers, epochs, within):
        if not is_whole(epochs, POINTS[0]):
            raise LessonError(f"draw={epochs!r} must be a whole number of epochs, {POINTS[0]} or more.")
        low, high = answers if isinstance(answers, tuple) and len(answers) == 2 else (None, None)
        if low != 0 or isinstance(high, bool) or not isinstance(high, Real) or not 0 < high < math.inf:
            raise LessonError(
                f"{answers!r} is no scale for a curve, which is drawn from 0 up: write (0, highest), as in"
                f' predict("the validation loss", (0, 1.5), draw={epochs}).'
            )
        self.within = high / 10 if within is None else within
        if isinstance(self.within, bool) or not isinstance(self.within, Real) or not 0 <= self.within < high:
            raise LessonError(f"within={within!r} must be a number from 0 up to {high:g}: how far off is still right.")
        self._asked, self._high, self._run = asked, high, None
        self._knots = knots_over(int(epochs), min(int(epochs), POINTS[1]))
        self.key = "curve", int(epochs), high, self.within
        self._sliders = [slider_at(epoch, high) for epoch in self._knots]
        self._moved, self._uid = False, f"q{next(_numbers)}"
        self._chart = widgets.HTML()
        for slider in self._sliders:
            slider.observe(self._on_move, "value")
        self.field = widgets.VBox([in_columns(self._sliders), self._chart], layout={"width": "100%"})
        self.field.add_class("live-at-once")  # the curve follows a slider on its way
        self._draw()

    def hint(self):
        return f"drag the points, or move their sliders; right if it is off by {self.within:.12g} on average at most"

    def answer(self):
        return [slider.value for slider in self._sliders] if self._moved else None

    def lock(self, said):
        for slider, value in zip(self._sliders, said["values"], strict=True):
            slider.disabled = True
            slider.value = value
        self._draw()

    def came(self, happened):
        self._run = happened
        self._draw()

    def read(self, said):
        """The curve, from the list of its values at the points. Raises `LessonError` where it is none."""
        values = list(said) if isinstance(said, (list, tuple, np.ndarray)) else [said]
        numbers = all(isinstance(value, Real) and not isinstance(value, bool) for value in values)
        if len(values) != len(self._knots) or not numbers:
            epochs = ", ".join(map(str, self._knots))
            raise LessonError(f"A curve is a list of {len(self._knots)} numbers, at epochs {epochs}; it got {said!r}.")
        for value in values:
            if not 0 <= value <= self._high:
                raise LessonError(f"{value:g} is not on the scale, which goes from 0 to {self._high:g}.")
        return as_entry(self._knots, values)

    def result(self, happened):
        """What happened, epoch by epoch, rounded; None where it is no number."""
        try:
            values = np.asarray(happened, float)
        except (TypeError, ValueError):
            values = np.array(0.0)
        if values.ndim != 1 or not len(values):
            raise LessonError(
                "happened(…) needs the curve that came, a number for each epoch, as in"
                f' happened(training.history["val_loss"]); it got {happened!r}.'
            )
        return rounded(values)

    def is_right(self, said, happened):
        return guess.apart(said["epochs"], said["values"], np.array(happened, float)) <= self.within + 1e-9

    def in_words(self, value):
        values = value["values"] if isinstance(value, dict) else value
        ends = ["no number" if end is None else f"{end:.3g}" for end in (values[0], values[-1])]
        return f"a curve from {ends[0]} to {ends[1]}"

    def in_detail(self, said, happened):
        return " " + guess.compare_curves(said["epochs"], said["values"], np.array(happened, float))

    def picture(self, said, happened):
        run = np.array(happened, float)
        drawing = guess.picture_of_one(self._asked, said["epochs"], said["values"], run, self._high, self._uid)
        return paper.as_image(drawing)

    def _on_move(self, _change):
        self._moved = True
        self._draw()

    def _draw(self):
        values, step = [slider.value for slider in self._sliders], self._sliders[0].step
        locked = self._sliders[0].disabled
        run = None if self._run is None else np.array(self._run, float)
        self._chart.value = guess.picture_of_one(
            self._asked, self._knots, values, run, self._high, self._uid, None if locked else step
        )
