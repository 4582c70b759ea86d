"""`measure`: the figures of learning curves that a diagnosis rests on.

The end of a curve is the median of its last fifth, because a single epoch may be a slip.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from helpers.curves.values import TINY, best_epoch, finite, jump, panes, zigzag

FEW_EPOCHS = 3  # with fewer there is no trend
BELOW = 0.95  # of the training loss: what lies under that lies visibly below it
SHARES = ("acc", "iou", "dice", "precision", "recall", "auc", "f1")  # metrics that cannot be above 1 begin like this


def measure(history, guess=None):
    """The figures of the curves, as a dict. A figure that the history cannot give is missing.

    guess: what guessing costs, if it is known. "training end" and what begins with "validation" are shares of it;
    otherwise of the first epoch's training loss, which is not far from it where training begins at the beginning.
    """
    loss, *others = panes(history)
    train, val = loss.train, loss.val
    all_finite = bool(np.isfinite(train).all() and (val is None or np.isfinite(val).all()))
    figures = {"epochs": len(train), "finite": all_finite}
    if len(finite(train)) < FEW_EPOCHS:
        return figures
    train = finite(train)
    yardstick = float(guess or train[0]) or 1.0
    figures |= {
        "first": float(train[0]),
        "last": end(train),
        "lowest": float(np.min(train if val is None or not len(finite(val)) else [*train, *finite(val)])),
        "jump": jump(train),
        "first jump": float(train[0] / max(train[1], TINY)),
        "later jump": float(np.max(train - np.minimum.accumulate(train)) / max(abs(yardstick), TINY)),
        "lost": float((end(train) - np.min(train)) / max(abs(yardstick), TINY)),
        "end over typical": float(end(train) / max(np.median(train), TINY)),
        "end over second": float(end(train) / max(train[1], TINY)),
        "training end": end(train) / yardstick,
        "training fall": late_fall(train),
        "training roughness": roughness(train),
        "training steadiness": steadiness(train),
        "spread": _spread(train),
        "late spread": _spread(train[1:]),
    }
    if guess:
        figures["guess"] = float(guess)
    if val is not None and len(finite(val)) == len(val) == len(train):
        figures |= _of_validation(train, val, yardstick) | {"best epoch": best_epoch(history)}
    for pane in others:
        if "acc" in pane.name:
            figures |= _of_accuracy(*pane)
            figures |= _excess(figures)
    return figures | _of_scores(history)


def _of_validation(train, val, yardstick):
    lowest, typical = float(np.min(val)), max(np.mean(np.abs(val[1:])), TINY)
    smooth = smoothed(val)
    rough = roughness(val)
    middle = np.mean(val[len(val) // 2 :][: max(1, len(val) // 6)])
    return {
        "validation first": float(val[0]) / yardstick,
        "validation best": lowest / yardstick,
        "validation end": end(val) / yardstick,
        "validation last": end(val),
        "rise": end(val) / max(lowest, TINY) - 1,
        "smooth rise": float(end(val) / max(np.min(smooth), TINY) - 1),
        "improved": lowest / max(float(val[0]), TINY),
        "steadiness": steadiness(val),
        "gap": end(val) / max(end(train), TINY),
        "typical gap": float(np.median(val / np.maximum(train, TINY))),
        "below": float(np.mean(val < BELOW * train)),
        "fall": late_fall(val),
        "zigzag": zigzag(val),
        "roughness": rough,
        "validation spread": _spread(val),
        "rise in zigzags": float((end(val) - np.min(smooth)) / max(rough * typical, TINY)),
        "fall in zigzags": float((middle - end(val)) / max(rough * typical, TINY)),
        "after the best": float(1 - (np.argmin(smooth) + 1) / len(val)),
    }


def _of_accuracy(name, train, val):
    if not np.isfinite(train).all():
        return {}
    figures = {"accuracy name": name, "first accuracy": float(train[0]), "accuracy": end(train)}
    figures |= {"accuracy spread": float(np.ptp(train)), "learned": _way_up(train[0], end(train))}
    if val is not None and np.isfinite(val).all():
        figures |= {
            "validation accuracy": end(val),
            "best validation accuracy": float(np.max(val)),
            "first validation accuracy": float(val[0]),
            "validation learned": _way_up(train[0], end(val)),
            "accuracy gap": end(train) - end(val),
        }
    return figures


def _excess(figures):
    """How large the losses are for so many right answers: cross-entropy of guessing is minus the logarithm of them."""
    found = {}
    for loss, accuracy in (
        ("first", "first accuracy"),
        ("last", "accuracy"),
        ("validation last", "validation accuracy"),
    ):
        if loss in figures and 0 <= figures.get(accuracy, -1) <= 1:
            found[f"{loss} excess"] = float(figures[loss] / -np.log(np.clip(figures[accuracy], 0.02, 0.98)))
    return found


def _of_scores(history):
    """The largest value of a metric that cannot be above 1, if one is; an accuracy in percent is none."""
    logs = getattr(history, "history", history)
    highest = {}
    for name, values in logs.items():
        if name.removeprefix("val_").startswith(SHARES) and "acc" not in name:
            values = finite(np.asarray(values, dtype=float))
            highest[name] = float(np.max(values)) if len(values) else 0.0
    name = max(highest, key=highest.get, default=None)
    return {"score": highest[name], "score name": name} if name and highest[name] > 1.01 else {}


def _way_up(first, last):
    """How much of the way from the first accuracy to 1 has been gone: 0 to 1; negative where it has fallen."""
    return float((last - first) / max(1 - first, 0.02))


def _spread(values):
    """From the lowest to the highest value, as a share of the typical one."""
    return float(np.ptp(values) / max(abs(np.median(values)), TINY))


def end(values):
    """The typical value of the last epochs."""
    return float(np.median(values[-max(1, len(values) // 5) :]))


def late_fall(values):
    """By what share the values fall over the last third of the epochs; negative where they rise."""
    third = max(2, len(values) // 3)
    late = values[-third - 1 :]
    ends = max(1, len(late) // 3)
    before, after = np.mean(late[:ends]), np.mean(late[-ends:])
    return float((1 - after / before if before > TINY else 0) * third / (len(late) - ends))


def smoothed(values):
    """The values without slips (the middle one of three), and then without what goes back and forth."""
    if len(values) < 2:
        return np.asarray(values, float)
    middle = np.median(sliding_window_view(values, 3), axis=1) if len(values) > 2 else []
    without = [np.mean(values[:2]), *middle, np.mean(values[-2:])]
    padded = np.array([without[0], *without, without[-1]])
    return (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4


def steadiness(values):
    """Which part of the whole way down falls to the last third of the epochs: a third if the fall is steady."""
    third, smooth = max(2, len(values) // 3), smoothed(values)
    last = end(values)
    way = max(np.max(values[: max(1, len(values) // 10)]), np.max(smooth)) - min(last, np.min(smooth))
    before = np.mean(values[-third - 1 :][: max(1, third // 3)])
    return float(np.clip((before - last) / max(way, TINY), -1, 1))


def roughness(values):
    """How far a value is from the middle of its neighbours, as a share of the typical value; the first is left out."""
    values = values[1:] if len(values) > 3 else values
    if len(values) < 3:
        return 0.0
    off = np.abs(values[1:-1] - (values[:-2] + values[2:]) / 2)
    return float(np.median(off) / max(np.mean(np.abs(values)), TINY))
