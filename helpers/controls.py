"""Controls for a panel: from short forms, as in ipywidgets' `interact`, to sliders, drop-downs and tick boxes.

| you write            | you get                                                        |
|----------------------|----------------------------------------------------------------|
| `(low, high)`        | a slider that starts at the builder's default, or in the middle |
| `(low, high, start)` | a slider that starts at `start`                                |
| `[1, 2, 4]`          | a slider over just these numbers                               |
| `["a", "b"]`         | a drop-down; so is `{name: value}`, which gives choices names  |
| `True` or `False`    | a tick box                                                     |
| anything else        | no control: the value is fixed                                 |

In two things the forms differ from `interact`. A tuple's third number is where the slider starts, not its step. And
numbers in a list make a slider, because JupyterLab takes the arrow keys away from a drop-down (the space bar opens it).
"""

import inspect
import math
from numbers import Number

import ipywidgets as widgets

from helpers.builder import keywords
from helpers.errors import LessonError

OF_TRAINING = ("epochs", "batch_size", "n_train", "seed")  # these belong to the training, all others to the builder
DEFAULTS = {"batch_size": 32, "seed": 0}  # as in `fit`, and the first of seeds


def controls(build, forms, available):
    """The controls for `forms` ({keyword: short form}), as {keyword: widget} and {keyword: fixed value}.

    `available`: the number of training images. Raises `LessonError` for a form that cannot be a control, a keyword
    the builder does not take, or one it needs and nobody gives.
    """
    takes = keywords(build)
    name = getattr(build, "__name__", "build")
    anything = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(build).parameters.values())
    for keyword in forms:
        if keyword not in (*OF_TRAINING, *takes) and not anything:
            raise LessonError(
                f"Your function {name}({', '.join(takes)}) has no keyword {keyword!r}. Write it into the function's first line"
                f" (def {name}({', '.join([*takes, keyword + '=…'])}):) and use it inside, or take {keyword} out of explore(…)."
            )
    for keyword, parameter in inspect.signature(build).parameters.items():
        if keyword not in forms and parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            raise LessonError(f"Your function {name}() needs a value for {keyword!r}: give it a default, or make a control: explore(…, {keyword}=(low, high)).")
    made, fixed = {}, {}
    for keyword, form in forms.items():
        default = takes.get(keyword, DEFAULTS.get(keyword))
        control = _control(keyword, form, None if default is inspect.Parameter.empty else default)
        if control is None:
            fixed[keyword] = form
        else:
            made[keyword] = control
        if keyword in OF_TRAINING and form is not None:
            _check_number_of_training(keyword, form if control is None else control, available)
    return made, fixed


def _control(keyword, form, default):
    if isinstance(form, widgets.Widget):
        form.description = keyword
        return form
    style = {"description_width": "6.5em"}
    layout = widgets.Layout(width="24em")
    if isinstance(form, bool):
        return widgets.Checkbox(value=form, description=keyword, style=style, layout=layout, indent=True)
    if isinstance(form, (list, dict)):
        choices = list(form.items()) if isinstance(form, dict) else list(form)
        if not choices:
            raise LessonError(f"{keyword}=[] leaves nothing to choose from: put the choices into the list.")
        values = list(form.values()) if isinstance(form, dict) else choices
        ordered = not isinstance(form, dict) and all(isinstance(value, Number) and not isinstance(value, bool) for value in values)
        kind = widgets.SelectionSlider if ordered else widgets.Dropdown
        return kind(options=choices, value=default if default in values else values[0], description=keyword, style=style, layout=layout)
    if not isinstance(form, tuple):
        return None
    if len(form) not in (2, 3) or not all(isinstance(n, (int, float)) and not isinstance(n, bool) and math.isfinite(n) for n in form):
        raise LessonError(f"{keyword}={form!r} is no slider. Write two or three numbers: (lowest, highest) or (lowest, highest, start).")
    low, high = form[:2]
    if not low < high:
        raise LessonError(f"{keyword}={form!r}: the first number must be smaller than the second.")
    whole = all(isinstance(n, int) for n in form) and (default is None or isinstance(default, int))
    start = form[2] if len(form) == 3 else default if default is not None and low <= default <= high else (low + high) / 2
    if not low <= start <= high:
        raise LessonError(f"{keyword}={form!r}: the slider cannot start at {start}, outside {low} to {high}. (low, high, start): the third number is where it starts.")
    if whole:
        return widgets.IntSlider(value=int(start), min=low, max=high, description=keyword, style=style, layout=layout)
    step = _round_step((high - low) / 20)
    decimals = max(0, -math.floor(math.log10(step)))
    return widgets.FloatSlider(value=start, min=low, max=high, step=step, description=keyword, style=style, layout=layout,
                               readout_format=f".{decimals}f")


def _round_step(rough):
    """The nearest of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return round(min((1, 2, 5, 10), key=lambda digit: abs(digit * power - rough)) * power, 12)


def _check_number_of_training(keyword, control, available):
    lowest, highest = getattr(control, "min", control), getattr(control, "max", control)
    if hasattr(control, "options"):
        numbers = [option[1] if isinstance(option, tuple) else option for option in control.options]
    else:
        numbers = [lowest, highest]
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int):
            raise LessonError(f"{keyword} needs whole numbers; {number!r} is none.")
        if number < (0 if keyword == "seed" else 1):
            raise LessonError(f"{keyword} must be at least {0 if keyword == 'seed' else 1}; the control begins at {number}.")
        if keyword == "n_train" and available is not None and number > available:
            raise LessonError(f"n_train goes up to {number}, but there are only {available} training images.")


def value_of(control):
    """A control's value as Python's own number; a slider's steps are rounded off (0.30000000000000004 is 0.3)."""
    value = control.value.item() if hasattr(control.value, "item") else control.value
    return round(value, 12) if isinstance(value, float) else value
