"""Controls for two settings, A and B, which differ in a few keywords and share all others."""

import ipywidgets as widgets
import numpy as np
from traitlets import TraitError

from helpers.engine.builder import keywords, name_of
from helpers.engine.settings import DEFAULTS
from helpers.errors import LessonError, is_whole
from helpers.live.controls import controls, read, value_of, values_of
from helpers.live.fields import in_columns, make_slider

SEEDS_MEAN = "from how many seeds to train, in whole numbers of at least 1: for example seeds=(1, 10, 3)"
DEAL_MEANS = (
    "how the examples are dealt into training and validation: 0 as they are, 1, 2, … anew, as in deal=(0, 9, 0)"
)
COPIED = ("min", "max", "step", "base", "readout_format", "options")  # what makes a control for B like that for A


class Pair:
    """The controls for `forms`, as in `explore`, one more for B for each keyword of `other`, one for how many seeds,
    one for which deal of the data.

    other: {keyword: B's value, or where its control starts}. seeds: a form. deal: a form, or None for no such control.
    available: the number of training examples.
    `all`: the controls; `rows`: boxes of them, with A's and B's side by side; `lent`: those that belong to the student.
    Raises `LessonError` for forms that cannot be.
    """

    def __init__(self, build, other, seeds, forms, available, deal=None):
        _check_other(other)
        _check_no_seed(forms)
        forms = {"epochs": (1, 40, 15), "batch_size": DEFAULTS["batch_size"], **forms}
        if "n_train" in other:
            forms.setdefault("n_train", available)
        self._of_a, self._fixed = controls(build, forms, available, "ribbon")
        self._of_b, self._fixed_of_b = {}, {}
        for name, value in other.items():
            if name in self._of_a:
                self._of_b[name] = _twin(name, self._of_a[name], value)
                self._of_a[name].description = f"{name} (A)"
            else:
                self._fixed_of_b[name] = value
                if name not in self._fixed:
                    self._fixed[name] = _default(build, name)
        self._seeds, self._fixed_seeds = _counted(lambda seeds=1: None, "seeds", seeds, 1, SEEDS_MEAN)
        self._deal, self._fixed_deal = [], None
        if deal is not None:
            self._deal, self._fixed_deal = _counted(lambda deal=0: None, "deal", deal, 0, DEAL_MEANS)
        self.all = [*self._of_a.values(), *self._of_b.values(), *self._seeds, *self._deal]
        self.lent = [form for form in (*forms.values(), seeds, deal) if isinstance(form, widgets.Widget)]
        shared = [control for name, control in self._of_a.items() if name not in self._of_b]
        self.rows = [
            in_columns([*shared, *self._seeds, *self._deal]),
            *(in_columns([self._of_a[name], twin]) for name, twin in self._of_b.items()),
        ]

    def read(self):
        """What the controls show: ({"A": {keyword: value}, "B": {…}, "seeds": number}, {"A": its own in words, …}); the
        former with "deal": number, where there is a form for it."""
        a = {**read(self._of_a), **self._fixed}
        b = {**a, **read(self._of_b), **self._fixed_of_b}
        (seeds,) = [value_of(control) for control in self._seeds] or [self._fixed_seeds]
        deals = [value_of(control) for control in self._deal] or [self._fixed_deal]
        names = {"A": self._own_in_words(self._of_a, a), "B": self._own_in_words(self._of_b, b)}
        return {"A": a, "B": b, "seeds": seeds, **({} if deals == [None] else {"deal": deals[0]})}, names

    def _own_in_words(self, made, values):
        own = (*self._of_b, *self._fixed_of_b)
        return ", ".join(f"{name} {getattr(made.get(name), 'label', values[name])}" for name in own)


def _check_other(other):
    if not isinstance(other, dict) or not other:
        raise LessonError(
            "other says what is different in B: a keyword of your function and its value there, for example"
            f" other={{'dropout': 0.3}}. Here it is {other!r}."
        )
    for name in other:
        if name in ("epochs", "seed", "seeds"):
            alike = "A and B are trained for the same epochs and from the same seeds"
            raise LessonError(f"{alike}: take {name} out of other.")


def _check_no_seed(forms):
    if "seed" in forms:
        raise LessonError(
            "ribbon goes through the seeds 0, 1, 2, … itself: leave out seed, and say how many with seeds=(1, 10, 3)."
        )


def _default(build, name):
    """A's value of a keyword that has no form."""
    takes = keywords(build)
    if name not in takes:
        raise LessonError(
            f"other names {name!r}, but your function {name_of(build)}({', '.join(takes)}) has no such keyword."
            " Check its spelling, or write it into the function's first line and use it inside."
        )
    return takes[name]


def _twin(name, control, value):
    """A control for B like that for A, `control`, which starts at `value`."""
    copied = {trait: getattr(control, trait) for trait in COPIED if control.has_trait(trait)}
    copied["description"], kind = f"{name} (B)", type(control)
    twin = make_slider(kind, **copied) if control.has_trait("readout") else kind(**copied)
    try:
        twin.value = value
        fits = np.array_equal(value_of(twin), value)  # for a value beyond its end a slider goes to its end
    except TraitError:
        fits = False
    if not fits:
        raise LessonError(
            f"other={{{name!r}: {value!r}}}: B cannot start there, because the control for {name} does not have this"
            " value."
        )
    return twin


def _counted(takes, name, form, least, meaning):
    """([the control for a whole number], None), or ([], number) where it is fixed. takes: a function of that name.
    meaning: what the number says, and how."""
    made, fixed = controls(takes, {name: form}, None)
    for number in values_of(form, made.get(name)):
        if not is_whole(number, least):
            raise LessonError(f"{name} says {meaning}. Here it can be {number!r}.")
    return list(made.values()), fixed.get(name)
