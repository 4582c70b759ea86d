"""What can be predicted: a number, a choice, an order. Each has its field, reads it, and says what counts as right."""

import math
from numbers import Integral, Real

import ipywidgets as widgets

from helpers.errors import LessonError
from helpers.live.part import beside

FEWEST, MOST = 2, 7  # answers to choose from, or things to put into an order


def kind_of(answers, order, within):
    """The `Number`, `Choice` or `Order` that `predict` was asked for. Raises `LessonError` where it is none."""
    if (answers is None) == (order is None):
        raise LessonError(
            "predict needs to know what can be said: (lowest, highest) for a number, a list of answers for a choice, or"
            ' order=[…] for an order. For example predict("accuracy", (0.0, 1.0), within=0.05).'
        )
    if order is not None or isinstance(answers, list):
        if within is not None:
            raise LessonError("within is for numbers: a choice or an order is right or it is not. Leave it out.")
        return Order(_names(order, "order=")) if order is not None else Choice(_names(answers, ""))
    if not isinstance(answers, tuple) or len(answers) != 2 or not all(map(_is_number, answers)):
        raise LessonError(
            f"{answers!r} is no scale and no list of answers. For a number write (lowest, highest), for a choice a"
            ' list, ["yes", "no"].'
        )
    return Number(*answers, within)


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _names(given, before):
    names = [str(name).strip() for name in given] if isinstance(given, (list, tuple)) else []
    if not FEWEST <= len(names) <= MOST or len(set(names)) < len(names) or "" in names:
        raise LessonError(f"{before}{given!r} must be a list of {FEWEST} to {MOST} different answers.")
    return names


class Kind:
    """What all kinds of predictions share. A kind has a `field` to say it with, a `key` that tells it from another of
    the same name, and `hint`, `answer`, `lock`, `read`, `result`, `is_right` and `in_words`."""

    verb = "said"
    tall = False  # whether the buttons stand below the field, not beside it

    def came(self, happened):
        """Show in the field what happened, once the prediction is locked."""

    def in_detail(self, said, happened):
        """More words on the two."""
        return ""

    def picture(self, said, happened):
        """The two as HTML."""
        return ""


class Number(Kind):
    """A number on a scale, right if it is off by `within` at most; a whole one where all of these are whole."""

    scale = "number"

    def __init__(self, low, high, within):
        if low >= high:
            raise LessonError(f"({low}, {high}): the first number of a scale must be smaller than the second.")
        self.low, self.high = low, high
        self.within = (high - low) / 10 if within is None else within
        self.key = low, high, self.within  # tells it from another prediction of the same name
        if not _is_number(self.within) or not 0 <= self.within < high - low:
            raise LessonError(
                f"within={within!r} must be a number from 0 up to the length of the scale: how far off is still right."
            )
        self.whole = isinstance(low, Integral) and isinstance(high, Integral) and self.within == int(self.within)
        self._decimals = 0 if self.whole else max(0, 2 - math.floor(math.log10(high - low)))
        self.field = widgets.Text(placeholder=self._range(), layout={"width": "9em"})

    def hint(self):
        right = f"right if it is off by {self.within:.12g} at most" if self.within else "right if it is exact"
        return f"{'a whole number' if self.whole else 'a number'} from {self._range()}, {right}"

    def answer(self):
        return self.field.value

    def lock(self, said):
        self.field.value, self.field.disabled = f"{said:.12g}", True

    def read(self, said):
        """What was typed, or given from a cell, as a number on the scale. Raises `LessonError` where it is none."""
        text = str(said).strip().replace(",", ".").replace("−", "-")
        percent = 100 if text.endswith("%") and self.high <= 1 else 1
        try:
            number = float(text.removesuffix("%")) / percent
        except ValueError:
            raise LessonError(f"“{said}” is no number. Write one from {self._range()}.") from None
        if not self.low <= number <= self.high:  # so nan is none, either
            raise LessonError(f"{said} is not on the scale, which goes from {self._range()}.")
        if self.whole and number != int(number):
            raise LessonError(f"{said} is no whole number. Write one from {self._range()}, without a comma or a point.")
        return int(number) if self.whole else number

    def result(self, happened):
        """What happened, as it is shown: rounded. It may lie off the scale."""
        try:
            return round(float(happened), self._decimals) + 0.0  # which makes 0 of -0
        except (TypeError, ValueError):
            raise LessonError(f"happened(…) needs the number that came out; it got {happened!r}.") from None

    def is_right(self, said, happened):
        return abs(said - happened) <= self.within + 1e-9  # 0.16 - 0.1 is a little more than 0.06

    def in_words(self, value):
        typed = len(f"{value:.12g}".partition(".")[2])  # decimals
        return f"{value:.{max(self._decimals, typed)}f}"

    def _range(self):
        return f"{self.low:.12g} to {self.high:.12g}"


class Choice(Kind):
    """One of several answers."""

    scale = "choice"

    def __init__(self, names):
        self.names, self.key = names, tuple(names)
        self.field = widgets.ToggleButtons(options=names, value=None, style={"button_width": "auto"})

    def hint(self):
        return "choose one"

    def answer(self):
        return self.field.value

    def lock(self, said):
        self.field.value, self.field.disabled = said, True

    def read(self, said):
        """The answer that was meant. Raises `LessonError` for one that cannot be chosen."""
        if str(said) not in self.names:
            raise LessonError(f"{said!r} is none of the answers, which are: {', '.join(self.names)}.")
        return str(said)

    result = read

    def is_right(self, said, happened):
        return said == happened

    def in_words(self, value):
        return f"“{value}”"


class Order(Kind):
    """Several things in an order: their buttons are pressed one after the other, and again to take one out."""

    scale = "order"

    def __init__(self, names):
        self.names, self.key, self._placed, self._locked = names, tuple(names), [], False
        self._buttons = {name: widgets.Button(description=name, layout={"width": "auto"}) for name in names}
        for name, button in self._buttons.items():
            button.on_click(lambda _button, name=name: self._press(name))
        self.field = beside(self._buttons.values())
        self.field.add_class("live-answers")

    def hint(self):
        return "press them in your order; press one again to take it out"

    def answer(self):
        return self._placed

    def lock(self, said):
        self._placed, self._locked = list(said), True
        self._number()

    def read(self, said):
        """The order that was meant. Raises `LessonError` unless everything is in it once."""
        order = [str(name) for name in said] if isinstance(said, (list, tuple)) else []
        if sorted(order) != sorted(self.names):
            missing = [name for name in self.names if name not in order]
            wrong = f"Missing: {', '.join(missing)}." if missing else f"It got {said!r}."
            raise LessonError(f"An order needs each of these once: {', '.join(self.names)}. {wrong}")
        return order

    result = read

    def is_right(self, said, happened):
        return said == happened

    def in_words(self, value):
        return f"“{', '.join(value)}”"

    def _press(self, name):
        if not self._locked:
            self._placed.remove(name) if name in self._placed else self._placed.append(name)
            self._number()

    def _number(self):
        for name, button in self._buttons.items():
            place = f"{self._placed.index(name) + 1}. " if name in self._placed else ""
            button.description = place + name
