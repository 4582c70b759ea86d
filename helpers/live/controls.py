"""Controls for a panel: from short forms, as in ipywidgets' `interact`, to sliders, drop-downs and tick boxes.

| you write            | you get                                                        |
|----------------------|----------------------------------------------------------------|
| `(low, high)`        | a slider that starts at the builder's default, or in the middle |
| `(low, high, start)` | a slider that starts at `start`                                |
| `[1, 2, 4]`          | a slider over just these numbers                               |
| `["a", "b"]`         | a drop-down; so is `{name: value}`, which gives choices names  |
| `True` or `False`    | a tick box                                                     |
| anything else        | no control: the value is fixed; so is that of a list of one    |

In two things the forms differ from `interact`. A tuple's third number is where the slider starts, not its step. And
numbers in a list make a slider, because JupyterLab takes the arrow keys away from a drop-down (the space bar opens it).
"""

import inspect
import json
import math
from numbers import Integral, Number

import ipywidgets as widgets

from helpers.engine.builder import keywords
from helpers.engine.settings import DEFAULTS, OF_TRAINING, check_builder, check_keywords, is_same
from helpers.errors import LessonError, is_whole
from helpers.live.fields import make_slider

PLACES = 200  # of a slider: on a narrow page, one for each pixel of its track


def controls(build, forms, available, made_by="explore"):
    """The controls for `forms` ({keyword: short form}), as {keyword: widget} and {keyword: fixed value}.

    `available`: the number of training images; `made_by`: the function the student called. Raises `LessonError` for a
    form that cannot be a control, a keyword the builder does not take, or one it needs and nobody gives.
    """
    check_builder(build, made_by)
    check_keywords(build, forms, f"{{}} out of {made_by}(…)", f"make a control: {made_by}(…, {{}}=(low, high))")
    made, fixed = {}, {}
    defaults = {keyword: value for keyword, value in keywords(build).items() if value is not inspect.Parameter.empty}
    for keyword, form in forms.items():
        alone = isinstance(form, (list, dict, range)) and len(form) == 1
        control = None if alone else _control(keyword, form, {**DEFAULTS, **defaults}.get(keyword))
        if control is None:
            fixed[keyword] = values_of(form, None)[0]
        else:
            made[keyword] = control
        if keyword == "batch_size" and control is not None and available is None and keyword not in keywords(build):
            raise LessonError(
                "A control for batch_size would change nothing: a tf.data.Dataset comes in batches already, as"
                " dataset.batch(…) made them. Leave batch_size out, or give arrays, (x, y)."
            )
        if keyword in OF_TRAINING and not (keyword == "n_train" and form is None):
            _check_number_of_training(keyword, values_of(form, control), available)
    return made, fixed


def _control(keyword, form, default):
    """The control for one form, or None where the value is fixed."""
    look = {"description": keyword}
    if isinstance(form, widgets.Widget):
        if not hasattr(form, "value"):
            raise LessonError(
                f"{keyword}: a {type(form).__name__} has no value that could be a setting. Use a slider, a drop-down"
                " or a tick box."
            )
        form.description = keyword
        return form
    if isinstance(form, bool):
        return widgets.Checkbox(value=form, **look)
    if isinstance(form, (list, dict, range)):
        return _choice(keyword, form, default, look)
    return _slider(keyword, form, default, look) if isinstance(form, tuple) else None


def _choice(keyword, form, default, look):
    values = list(form.values()) if isinstance(form, dict) else list(form)
    if not values:
        raise LessonError(f"{keyword}=[] leaves nothing to choose from: put the choices into the list.")
    numbers = all(isinstance(value, Number) and not isinstance(value, bool) for value in values)
    start = next((number for number, value in enumerate(values) if is_same(value, default)), 0)
    look.update(options=list(zip(map(str, form), values, strict=True)), index=start)
    is_list = numbers and not isinstance(form, dict)
    return make_slider(widgets.SelectionSlider, **look) if is_list else widgets.Dropdown(**look)


def _slider(keyword, form, default, look):
    numbers = all(isinstance(n, Number) and not isinstance(n, (bool, complex)) and math.isfinite(n) for n in form)
    if len(form) not in (2, 3) or not numbers:
        raise LessonError(
            f"{keyword}={form!r} is no slider. Write two or three numbers: (lowest, highest) or (lowest, highest,"
            " start)."
        )
    low, high = form[:2]
    if low > high:
        raise LessonError(
            f"{keyword}={form!r}: the first number must be smaller than the second, as in"
            f" ({high}, {low}{', start' * (len(form) == 3)})."
        )
    if low == high:
        raise LessonError(
            f"{keyword}={form!r}: from {low} to {high} a slider has nowhere to go. For one fixed value write"
            f" {keyword}={low}."
        )
    if high - low < 1e-9 * max(1, abs(high)):
        raise LessonError(
            f"{keyword}={form!r}: the first number is smaller than the second by next to nothing; very small values are"
            f" better chosen from a list, {keyword}=[{low}, {high}]."
        )
    whole = all(isinstance(n, Integral) for n in form) and (default is None or isinstance(default, Integral))
    usable = isinstance(default, Number) and low <= default <= high
    start = form[2] if len(form) == 3 else default if usable else (low + high) / 2
    if not low <= start <= high:
        raise LessonError(
            f"{keyword}={form!r}: the slider cannot start at {start}, outside {low} to {high}. (low, high, start): the"
            " third number is where it starts."
        )
    if whole:
        return make_slider(
            widgets.IntSlider,
            value=int(start),
            min=int(low),
            max=int(high),
            step=_whole_step(int(low), int(high), int(start)),
            **look,
        )
    step = _round_step((high - low) / 20)
    decimals = max(0, -math.floor(math.log10(step)))
    look.update(value=start, min=low, max=high, step=step, readout_format=f".{decimals}f")
    return make_slider(widgets.FloatSlider, **look)


def _whole_step(low, high, start):
    """A round step with which a slider over whole numbers has no more places than a mouse can tell apart.

    It is 1 where `low` or `start` would not be one of these places. The field beside the slider takes every number.
    """
    step = int(_round_step(max(1, (high - low) / PLACES)))
    return step if low % step == start % step == 0 else 1


def _round_step(rough):
    """The nearest of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return round(min((1, 2, 5, 10), key=lambda digit: abs(digit * power - rough)) * power, 12)


def values_of(form, control):
    """What a form allows: each value, or the lowest and the highest. control: the one for it; None: it is fixed."""
    if isinstance(form, dict):
        return list(form.values())
    if isinstance(form, (list, range)):
        return list(form)
    return [form] if control is None else [getattr(control, end, control.value) for end in ("min", "max")]


def _check_number_of_training(keyword, numbers, available):
    least = 0 if keyword == "seed" else 1
    for number in numbers:
        if not is_whole(number):
            raise LessonError(f"{keyword} needs whole numbers; {number!r} is none.")
        if number < least:
            raise LessonError(f"{keyword} must be at least {least}; here it can be {number}.")
        if keyword == "n_train" and available is not None and number > available:
            raise LessonError(f"n_train goes up to {number}, but there are only {available} training images.")


def value_of(control):
    """A control's value as Python's own number; a slider's steps are rounded off (0.30000000000000004 is 0.3)."""
    value = control.value.item() if hasattr(control.value, "item") else control.value
    return round(value, 12) if isinstance(value, float) else value


def read(made):
    """The values of controls: {keyword: value} from {keyword: widget}."""
    return {keyword: value_of(control) for keyword, control in made.items()}


# What the controls showed, and show now: settings, {keyword: value}


def of_curve(settings):
    """What decides the course of a curve: all settings but how far it goes."""
    return {keyword: value for keyword, value in settings.items() if keyword != "epochs"}


def curve(settings):
    """The course of a curve as text, the same for settings of the same course."""
    return json.dumps(of_curve(settings), sort_keys=True, default=repr)


def difference(settings, others):
    """Those settings in which a curve differs from another one."""
    return {keyword: value for keyword, value in of_curve(settings).items() if others.get(keyword) != value}


def in_words(settings):
    return ", ".join(f"{keyword} {value}" for keyword, value in settings.items())
