"""The checks of lesson 2's exercises: gaps between curves, a run that overfits, a division without a leak.

What is said of an answer stands in lesson_2.toml.
"""

import keras
import numpy as np

from helpers.exercises.checks import NotYet, Table, is_nothing

TABLE = Table("lesson_2")

CALLED = {
    "loss": "training loss",
    "val_loss": "validation loss",
    "accuracy": "training accuracy",
    "val_accuracy": "validation accuracy",
}
# Made-up histories of several lengths. Two decimals: whoever rounds the gaps to two decimals is right as well.
HISTORIES = [
    {
        "accuracy": [0.50, 0.64, 0.75, 0.91, 0.99],
        "loss": [1.00, 0.70, 0.50, 0.25, 0.10],
        "val_accuracy": [0.57, 0.66, 0.73, 0.78, 0.77],
        "val_loss": [0.90, 0.72, 0.60, 0.55, 0.70],
    },
    {"val_loss": [0.75], "loss": [0.80]},
    {
        "loss": [1.10, 0.90, 0.60],
        "accuracy": [0.30, 0.50, 0.80],
        "val_loss": [1.00, 0.95, 0.85],
        "val_accuracy": [0.35, 0.45, 0.60],
    },
    {"loss": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], "val_loss": [0.9, 0.7, 0.6, 0.6, 0.7, 0.8, 0.9, 1.1]},
]


@TABLE.check
def check_gaps(answer, mistakes):
    if not callable(answer):
        raise NotYet("no function", name="gaps", begins="gaps(history)")
    for history in HISTORIES:
        epochs = len(history["loss"])
        try:
            found = answer({name: list(values) for name, values in history.items()})
        except Exception as error:
            if isinstance(error, AttributeError) and "'history'" in str(error):
                raise NotYet("a dictionary already") from error
            if isinstance(error, TypeError) and "'list' and 'list'" in str(error):
                raise NotYet("a list minus a list") from error
            if epochs == 5:
                raise
            raise NotYet("an error after 5 epochs", epochs=epochs, kind=type(error).__name__, words=error) from error
        if epochs != 5 and np.shape(found) == (5,):
            raise NotYet("five numbers again", epochs=epochs)
        _look_at_gaps(found, history, mistakes)


def _look_at_gaps(found, history, mistakes):
    if is_nothing(found):
        raise NotYet("returns nothing")
    if hasattr(found, "__next__"):
        raise NotYet("an iterator", kind=type(found).__name__)
    if np.ndim(found) == 0 and not isinstance(found, (int, float, np.number)):
        raise NotYet("no list", kind=type(found).__name__)
    try:
        numbers = np.asarray(found, dtype=float)
    except (TypeError, ValueError) as error:
        raise NotYet("not only numbers") from error

    right = np.subtract(history["val_loss"], history["loss"])
    epochs = len(right)
    only_one = numbers.size == 1 and epochs > 1
    if only_one:
        numbers = numbers.reshape(1)  # in a list or not
    if _alike(numbers, right):
        return
    mistakes.compare(numbers, lambda gaps: gaps(history), same=_alike)
    if only_one:
        raise NotYet("one number")
    if numbers.ndim != 1:
        raise NotYet("another shape")
    if len(numbers) != epochs:
        raise NotYet("another length", epochs=epochs, s="s" * (epochs > 1), found=len(numbers))
    for name, values in history.items():
        if _alike(numbers, values):
            raise NotYet("a curve itself", curve=CALLED[name])
        for other, others in history.items():
            if _alike(numbers, np.subtract(values, others)):
                raise NotYet("other curves", curve=CALLED[name], other=CALLED[other])
    right, found = ([round(float(gap), 2) for gap in gaps] for gaps in (right, numbers))
    raise NotYet("other numbers", val_loss=history["val_loss"], loss=history["loss"], right=right, found=found)


def _alike(numbers, others):
    return np.shape(numbers) == np.shape(others) and np.allclose(numbers, others, atol=0.004)


NEAR_ZERO = 0.15  # a training loss below this: nearly every picture is known by heart
ROSE = 0.20  # above its lowest value: more than ups and downs by chance
AT_THE_END = 5  # epochs; their middle value counts, because a single epoch may be a slip
TREND = 2 * AT_THE_END  # epochs; with fewer there is no trend
MOST_PICTURES = 100


@TABLE.check
def check_overfitting(answer, _):
    loss, val_loss = _losses(answer)
    epochs = len(loss)
    if epochs < TREND:
        raise NotYet("few epochs", epochs=epochs, s="s" * (epochs != 1))
    if not np.isfinite([loss, val_loss]).all():
        raise NotYet("not finite")
    end, val_end = np.median(loss[-AT_THE_END:]), np.median(val_loss[-AT_THE_END:])
    if end > NEAR_ZERO:
        falls = end < 0.97 * np.median(loss[-TREND:-AT_THE_END])
        raise NotYet("still falling" if falls else "stuck", end=end, near_zero=NEAR_ZERO)
    if val_end < 1.4 * NEAR_ZERO:
        raise NotYet("a leak", val_end=val_end)
    lowest, best = val_loss.min(), int(val_loss.argmin()) + 1
    if lowest > 0.86 * max(loss[0], val_loss[0]):
        raise NotYet("never better")
    risen = val_end >= (1 + ROSE) * lowest
    if best > epochs - AT_THE_END:
        raise NotYet("up and down" if risen else "not turned", best=best, epochs=epochs)
    rise = val_end / lowest - 1
    if not risen:
        raise NotYet("a small rise", rise=rise, best=best, epochs=epochs, rose=ROSE)
    pictures = getattr(answer, "pictures", None)  # the notebook's `train` notes it
    if pictures is None:
        raise NotYet("how many pictures")
    if pictures > MOST_PICTURES:
        raise NotYet("too many pictures", pictures=pictures, most=MOST_PICTURES)
    return {"best": best, "rise": rise, "end": end, "pictures": pictures}


def _losses(run):
    """The two losses of what a student handed over, as arrays."""
    if run is None:
        raise NotYet("no run")
    if isinstance(run, keras.Model):
        raise NotYet("a network")
    if callable(run):
        raise NotYet("a function")
    curves = getattr(run, "history", run)
    if not isinstance(curves, dict):
        raise NotYet("no curves", kind=type(run).__name__)
    if "loss" not in curves:
        raise NotYet("no training loss")
    if "val_loss" not in curves:
        raise NotYet("no validation loss")
    try:
        loss, val_loss = (np.asarray(curves[name], dtype=float) for name in ("loss", "val_loss"))
    except (TypeError, ValueError) as error:
        raise NotYet("losses without numbers") from error
    if loss.ndim != 1 or loss.shape != val_loss.shape:
        raise NotYet("losses of two lengths")
    return loss, val_loss


@TABLE.check
def check_divide(answer, mistakes):
    if not callable(answer):
        raise NotYet("no function", name="divide", begins="divide(x, y)")
    one_kind = False
    for n, by_kind in ((50, False), (100, False), (33, False), (60, True)):
        kinds = np.arange(n) * 3 // n if by_kind else np.arange(n) % 3
        shades = np.arange(1, n + 1) / 1000  # by which a picture is known again
        x = np.full((n, 28, 28, 1), shades.reshape(-1, 1, 1, 1), "float32")
        x[:, -1, -1] = 0.5
        y = np.eye(3, dtype="float32")[kinds]
        val = _look_at_parts(answer(x, y), kinds)
        one_kind |= len(set(kinds[val])) == 1
    # Both are right, and each has words of its own.
    return {"words": mistakes.words("in the order given" if one_kind else "shuffled first")}


def _look_at_parts(given, kinds):
    """The numbers of the pictures for validation. kinds: of each trial picture, the kind that its label should say."""
    n = len(kinds)
    if is_nothing(given):
        raise NotYet("returns nothing")
    if not isinstance(given, (tuple, list)):
        raise NotYet("a single thing")
    if len(given) != 4:
        raise NotYet("not four things", count=len(given))
    x_train, y_train, x_val, y_val = arrays = [np.asarray(part) for part in given]
    for name, part in zip(("x_train", "y_train", "x_val", "y_val"), arrays, strict=True):
        what, shape = ("pictures", (28, 28, 1)) if name.startswith("x") else ("labels", (3,))
        if part.shape[1:] != shape:
            raise NotYet("another order", name=name, what=what, shape=part.shape)
    for part, pictures in (("validation", x_val), ("training", x_train)):
        if len(pictures) == 0:
            raise NotYet("none left", n=n, part=part)

    train, val = _numbers(x_train, n), _numbers(x_val, n)
    parts = (("training", train, y_train), ("validation", val, y_val))
    both, neither = set(train) & set(val), set(range(n)) - set(train) - set(val)
    if both:
        raise NotYet("in both parts", n=n, count=len(both), are="is" if len(both) == 1 else "are")
    for part, numbers, labels in parts:
        if len(set(numbers)) < len(numbers):
            raise NotYet("more than once", part=part)
        if len(labels) != len(numbers):
            raise NotYet("more or fewer labels", part=part, count=len(numbers), labels=len(labels))
    if neither:
        raise NotYet("in neither part", n=n, count=len(neither), are="is" if len(neither) == 1 else "are")
    if len(train) <= n / 5 + 1:
        raise NotYet("the other way round")
    if abs(len(val) - n / 5) > 1:
        raise NotYet("not a fifth", n=n, count=len(val), fifth=n / 5)
    for part, numbers, labels in parts:
        wrong = (labels.argmax(axis=1) != kinds[numbers]).sum()
        if wrong:
            raise NotYet("wrong labels", part=part, wrong=wrong, count=len(numbers))
    return val


def _numbers(pictures, n):
    """Which of the n trial pictures these are: the number is in the shade."""
    numbers = np.rint(pictures[:, 0, 0, 0].astype(float) * 1000).astype(int) - 1
    if ((numbers < 0) | (numbers >= n) | ~np.isclose(pictures[:, -1, -1, 0], 0.5)).any():
        raise NotYet("changed pictures")
    return numbers
