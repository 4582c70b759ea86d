"""The checks of lesson 2's exercises: gaps between curves, a run that overfits, a division without a leak."""

import keras
import numpy as np

from helpers.exercises.checks import NotYet, exercise

CALLED = {
    "loss": "training loss",
    "val_loss": "validation loss",
    "accuracy": "training accuracy",
    "val_accuracy": "validation accuracy",
}
# Made-up histories of several lengths. Two decimals: whoever rounds the gaps to two decimals is right as well.
FIVE_EPOCHS = {
    "accuracy": [0.50, 0.64, 0.75, 0.91, 0.99],
    "loss": [1.00, 0.70, 0.50, 0.25, 0.10],
    "val_accuracy": [0.57, 0.66, 0.73, 0.78, 0.77],
    "val_loss": [0.90, 0.72, 0.60, 0.55, 0.70],
}
OTHERS = [
    {"val_loss": [0.75], "loss": [0.80]},
    {
        "loss": [1.10, 0.90, 0.60],
        "accuracy": [0.30, 0.50, 0.80],
        "val_loss": [1.00, 0.95, 0.85],
        "val_accuracy": [0.35, 0.45, 0.60],
    },
    {"loss": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], "val_loss": [0.9, 0.7, 0.6, 0.6, 0.7, 0.8, 0.9, 1.1]},
]


@exercise(
    hint='history["val_loss"] and history["loss"] are lists of the same length. Go through both at once, for'
    " example with zip,"
    " and collect the difference of each pair in a list.",
    solution="def gaps(history):\n"
    '    return [val_loss - loss for val_loss, loss in zip(history["val_loss"], history["loss"])]',
)
def check_gaps(answer):
    if not callable(answer):
        raise NotYet(
            "gaps should be a function: begin with def gaps(history): and hand over its name, without brackets."
        )
    found = _gaps_of(answer, FIVE_EPOCHS)
    _look_at_gaps(found, FIVE_EPOCHS)
    for history in OTHERS:
        epochs = len(history["loss"])
        try:
            found = _gaps_of(answer, history)
        except NotYet:
            raise
        except Exception as error:
            raise NotYet(
                f"It works for a history of 5 epochs, but one of {epochs} (without anything but the losses, perhaps)"
                f" ends in {type(error).__name__}: {error}. Use only the two losses, and as many epochs as there are."
            ) from error
        if np.shape(found) == (5,) and epochs != 5:
            raise NotYet(
                f"A history of {epochs} gave five numbers again. Does your function use the history that it gets in"
                " the brackets, for any number of epochs?"
            )
        _look_at_gaps(found, history)
    return (
        "A gap below zero in the first epochs is nothing to worry about: training loss is averaged while the network"
        " still learns. A gap that goes on widening is worth a second look."
    )


def _gaps_of(answer, history):
    try:
        return answer({name: list(values) for name, values in history.items()})
    except AttributeError as error:
        if "'history'" not in str(error):
            raise
        raise NotYet(
            'history is already the dictionary here: history["val_loss"], without .history in between.'
        ) from error
    except TypeError as error:
        if "'list' and 'list'" not in str(error):
            raise
        raise NotYet(
            "Python cannot take one list away from another. Go through the epochs, and take one number away from"
            " the other in each."
        ) from error


def _look_at_gaps(found, history):
    right = np.subtract(history["val_loss"], history["loss"])
    epochs = len(right)
    if found is None or found is Ellipsis:
        raise NotYet(
            "Your function returns nothing yet: end it with return. (print only shows a value, it does not hand it"
            " back.)"
        )
    if hasattr(found, "__next__"):
        raise NotYet(f"Your function returns a {type(found).__name__}, which is not a list yet: put list(…) around it.")
    if np.ndim(found) == 0 and not isinstance(found, (int, float, np.number)):
        raise NotYet(f"Your function should return a list; it returns a {type(found).__name__}.")
    try:
        numbers = np.asarray(found, dtype=float)
    except (TypeError, ValueError) as error:
        raise NotYet("The list should hold one number for each epoch and nothing else.") from error
    if numbers.size == 1 and epochs > 1:
        which = ": that of the last epoch" if np.isclose(numbers.item(), right[-1], atol=0.004) else ""
        raise NotYet(f"Your function returns one number only{which}. Return a list, with one for each epoch.")
    if numbers.ndim != 1:
        raise NotYet("Your function should return a plain list with one number for each epoch; it has another shape.")
    if len(numbers) != epochs:
        raise NotYet(
            f"That history has {epochs} epoch{'s' * (epochs > 1)}, so the list should have {epochs}"
            f" number{'s' * (epochs > 1)}; yours has {len(numbers)}."
        )
    if np.allclose(numbers, right, atol=0.004):
        return
    if np.allclose(numbers, -right, atol=0.004):
        raise NotYet(
            "The sign is the wrong way round: a gap is positive where validation loss lies above training loss."
        )
    if np.allclose(numbers, np.abs(right), atol=0.004):
        raise NotYet("The sign has got lost: where validation loss lies below training loss, the gap is negative.")
    for name, values in history.items():
        if np.allclose(numbers, values, atol=0.004):
            raise NotYet(f"That is the {CALLED[name]} itself. How far does one loss lie above the other?")
        for other, others in history.items():
            if np.allclose(numbers, np.subtract(values, others), atol=0.004):
                raise NotYet(f"That is {CALLED[name]} minus {CALLED[other]}. The gap is between the two losses.")
    raise NotYet(
        f"For the validation losses {history['val_loss']} and the training losses {history['loss']} it should be"
        f" {[round(float(gap), 2) for gap in right]}; you get {[round(float(gap), 2) for gap in numbers]}."
    )


NEAR_ZERO = 0.15  # a training loss below this: nearly every picture is known by heart
ROSE = 0.20  # above its lowest value: more than ups and downs by chance
AT_THE_END = 5  # epochs; their middle value counts, because a single epoch may be a slip
TREND = 2 * AT_THE_END  # epochs; with fewer there is no trend


@exercise(
    hint="Fewer pictures are sooner learned by heart, and after that validation loss rises for as long as you let it."
    " Leave dropout at 0, take x[:…] and y[:…] of the same length, and give it plenty of epochs.",
    solution="my_run = train(x[:40], y[:40], x_val, y_val, epochs=80)",
)
def check_overfitting(answer):
    loss, val_loss = _losses(answer)
    if len(loss) < TREND:
        raise NotYet(
            f"That run has {len(loss)} epoch{'s' * (len(loss) != 1)}: too few to see anything turn. Train for several"
            " times as many."
        )
    if not np.isfinite([loss, val_loss]).all():
        raise NotYet(
            "A loss stops being a number in that run (nan or inf): that is not overfitting. Try a smaller learning"
            " rate."
        )
    end, val_end = np.median(loss[-AT_THE_END:]), np.median(val_loss[-AT_THE_END:])
    lowest, best = val_loss.min(), int(val_loss.argmin()) + 1
    if end > NEAR_ZERO:
        falls = end < 0.97 * np.median(loss[-2 * AT_THE_END : -AT_THE_END])
        raise NotYet(
            f"Training loss is still about {end:.2f} at the end, not near zero (below {NEAR_ZERO}): the network does"
            " not know its pictures by heart. "
            + (
                "Train longer, or with fewer pictures."
                if falls
                else "It does not fall any more either: is there dropout,"
                " is the network too small, or the learning rate too large?"
            )
        )
    if val_end < 1.4 * NEAR_ZERO:
        raise NotYet(
            f"Validation loss goes down towards zero as well, to about {val_end:.2f}. That is too good to be true: are"
            " the validation pictures among the training pictures? That is a leak, not overfitting."
        )
    if lowest > 0.86 * max(loss[0], val_loss[0]):
        raise NotYet(
            "Validation loss never gets much better than it was in the first epoch, so there is nothing it could turn"
            " from. Do pictures and labels belong together: is the same part taken of both, x[:40] and y[:40]?"
        )
    risen = val_end >= (1 + ROSE) * lowest
    if best > len(loss) - AT_THE_END:
        raise NotYet(
            f"Validation loss is lowest at the very end, at epoch {best} of {len(loss)}, so "
            + (
                "it only goes up and down. Use the usual batches of 32 and all validation pictures."
                if risen
                else "it has not turned yet: train longer."
            )
        )
    if not risen:
        raise NotYet(
            f"Training loss is near zero. But at the end your validation loss is only {val_end / lowest - 1:.0%} above"
            f" its lowest value (at epoch {best} of {len(loss)}); make it {ROSE:.0%} or more: train longer, or with"
            " fewer pictures."
        )
    return (
        f"Validation loss turned at epoch {best} and ends {val_end / lowest - 1:.0%} above its lowest value, while"
        f" training loss came down to {end:.2f}: from there on the network only learned its own pictures by heart."
    )


def _losses(run):
    """The two losses of what a student handed over, as arrays."""
    if run is None:
        raise NotYet("my_run is None: that is no run. Put what train(…) returns there: my_run = train(…).")
    if isinstance(run, keras.Model):
        raise NotYet("You handed over a network. Its curves are in what train returns: my_run = train(…).")
    if callable(run):
        raise NotYet("You handed over a function. Call it and keep what it returns: my_run = train(…).")
    curves = getattr(run, "history", run)
    if not isinstance(curves, dict):
        raise NotYet(
            f"You handed over a {type(run).__name__}. Hand over all that train returns, with both losses in it: my_run"
            " = train(…)."
        )
    if "loss" not in curves:
        raise NotYet("There is no training loss in what you handed over. Hand over what train returns, unchanged.")
    if "val_loss" not in curves:
        raise NotYet(
            "There is no validation loss in that run, so nobody can see whether it turned. Give train the validation"
            " pictures too: x_val, y_val."
        )
    try:
        loss, val_loss = (np.asarray(curves[name], dtype=float) for name in ("loss", "val_loss"))
    except (TypeError, ValueError) as error:
        raise NotYet("The losses should be lists of numbers. Hand over what train returns, unchanged.") from error
    if loss.ndim != 1 or loss.shape != val_loss.shape:
        raise NotYet(
            "The two losses should have one number for each epoch, as many in one as in the other. Hand over what"
            " train returns, unchanged."
        )
    return loss, val_loss


@exercise(
    hint="n = len(x) // 5 is a fifth. x[:-n] is all but the last n pictures, x[-n:] the last n; cut y at the same"
    " places. If you shuffle, shuffle x and y in the same order.",
    solution="def divide(x, y):\n    n = len(x) // 5\n    return x[:-n], y[:-n], x[-n:], y[-n:]",
)
def check_divide(answer):
    if not callable(answer):
        raise NotYet(
            "divide should be a function: begin with def divide(x, y): and hand over its name, without brackets."
        )
    one_kind = False
    for n, by_kind in ((50, False), (100, False), (33, False), (60, True)):
        kinds = np.arange(n) * 3 // n if by_kind else np.arange(n) % 3
        x = np.ones((n, 28, 28, 1), "float32") * ((np.arange(n) + 1) / 1000).astype("float32").reshape(
            -1, 1, 1, 1
        )  # the shade is the number
        x[:, -1, -1] = 0.5
        y = np.eye(3, dtype="float32")[kinds]
        given = answer(x.copy(), y.copy())
        _look_at_parts(given, n, kinds)
        one_kind |= len(set(kinds[_numbers(np.asarray(given[2]), n)])) == 1
    if one_kind:
        return (
            "No picture is in both parts. One thing to know: you take the pictures in the order they come in. That is"
            " right for ours, which are shuffled; where they are sorted by kind, shuffle first, or one kind is all"
            " that validation sees."
        )
    return (
        "No picture is in both parts, and as you shuffle first, even pictures that are sorted by kind are divided"
        " fairly."
    )


def _look_at_parts(given, n, kinds):
    if given is None or given is Ellipsis:
        raise NotYet("Your function returns nothing yet. End it with: return x_train, y_train, x_val, y_val")
    if not isinstance(given, (tuple, list)) or len(given) != 4:
        count = f"{len(given)} things" if isinstance(given, (tuple, list)) else "a single thing"
        raise NotYet(f"Your function should return four things, x_train, y_train, x_val, y_val; it returns {count}.")
    x_train, y_train, x_val, y_val = (np.asarray(part) for part in given)
    for name, part in (("x_train", x_train), ("y_train", y_train), ("x_val", x_val), ("y_val", y_val)):
        pictures = name.startswith("x")
        if part.shape[1:] != ((28, 28, 1) if pictures else (3,)):
            raise NotYet(
                "The order should be x_train, y_train, x_val, y_val (train_test_split returns another one). In the"
                f" place of {name} there should be {'pictures' if pictures else 'labels'}, as they came; there is"
                f" something of shape {part.shape}."
            )
    if len(x_train) == 0 or len(x_val) == 0:
        raise NotYet(
            f"Of {n} pictures, none are left for {'validation' if len(x_val) == 0 else 'training'}. Work out the size"
            " of a fifth from len(x)."
        )
    train, val = _numbers(x_train, n), _numbers(x_val, n)
    both, neither = set(train) & set(val), set(range(n)) - set(train) - set(val)
    if both:
        raise NotYet(
            f"Of {n} pictures, {len(both)} {'is' if len(both) == 1 else 'are'} in both parts: that is still a leak."
            " What is used for validation must not be in the training part."
        )
    for name, numbers, labels in (("training", train, y_train), ("validation", val, y_val)):
        if len(set(numbers)) < len(numbers):
            raise NotYet(f"Some pictures are in the {name} part more than once.")
        if len(labels) != len(numbers):
            raise NotYet(
                f"The {name} part has {len(numbers)} pictures, but {len(labels)} labels. Cut x and y at the same"
                " places."
            )
    if neither:
        raise NotYet(
            f"Of {n} pictures, {len(neither)} {'is' if len(neither) == 1 else 'are'} in neither part. Every picture"
            " should be used."
        )
    if len(train) <= n / 5 + 1:
        raise NotYet("The two parts are the other way round: the training part comes first, and it is the large one.")
    if abs(len(val) - n / 5) > 1:
        raise NotYet(
            f"Of {n} pictures, {len(val)} are for validation; a fifth would be {n / 5:.0f}. Work it out from len(x),"
            " so that it fits any number."
        )
    for name, numbers, labels in (("training", train, y_train), ("validation", val, y_val)):
        wrong = int((labels.argmax(axis=1) != kinds[numbers]).sum())
        if wrong:
            raise NotYet(
                f"In the {name} part {wrong} of {len(numbers)} pictures carry a label that is not their own."
                " Whatever you do to the order of x, do the same to y."
            )


def _numbers(pictures, n):
    """Which of the n trial pictures these are: the number is in the shade."""
    numbers = np.rint(pictures[:, 0, 0, 0].astype(float) * 1000).astype(int) - 1
    if ((numbers < 0) | (numbers >= n) | ~np.isclose(pictures[:, -1, -1, 0], 0.5)).any():
        raise NotYet("Some pictures came back changed. Divide them, and leave the pictures themselves as they are.")
    return numbers
