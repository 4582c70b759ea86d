"""What the column of a training log is called, and what it holds."""

import re
from collections import namedtuple
from functools import lru_cache

# kind: "metric", "epoch", "step", or "other" (times, learning rates: never drawn). split: "train", "val", or "" where
# the name does not say. name: as in a history of Keras ("val_loss"). rank: of two columns with the same name the lower
# counts.
Column = namedtuple("Column", "kind split name rank")

TRAIN = ("train", "training", "trn", "tr")
# The names of validation data, the plainest first: where there is a test set as well, it is not the validation set.
VALIDATION = ("val", "valid", "validation", "vali", "eval", "evaluation", "dev", "holdout", "test", "testing")
TEST = VALIDATION.index("test")  # the rank of a test set, and of what comes after it
FILLERS = ("avg", "average", "mean", "running", "set", "phase", "the")
STEPS = {
    "step",
    "steps",
    "iter",
    "iters",
    "iteration",
    "iterations",
    "batch",
    "batches",
    "global_step",
    "trainer_global_step",
}
# A name with one of these words is no metric of the epoch.
OTHER = {
    *("lr", "momentum", "decay", "norm", "time", "runtime", "second", "seconds", "sec", "eta", "elapsed", "duration"),
    *("timestamp", "wall", "date", "speed", "it", "flos", "memory", "mem", "gpu", "min", "max", "best", "patience"),
    *("num", "samples", "size", "index", "unnamed", "relative", "process", "version", "seed", "id", "vs"),
}
# Of bounded length, so that the search takes a time that grows with the text alone.
NUMBER = re.compile(
    r"[-+]?(?:\d{1,40}(?:,\d{1,40}){0,6}(?:\.\d{0,40})?(?:e[-+]?\d{1,5})?|\.\d{1,40}(?:e[-+]?\d{1,5})?|nan|inf(?:inity)?)",
    re.IGNORECASE,
)
PLURALS = {"losses": "loss", "accs": "acc", "accuracies": "accuracy"}  # of lists in a loop of one's own
LONGEST = 100  # characters that a name may have


@lru_cache(maxsize=4096)
def column_of(raw):
    """The `Column` that a name in a log stands for: "train/loss", "Val Acc", "eval_f1", "epoch_loss", "lr-Adam"."""
    raw = str(raw)[:LONGEST]
    words = [word for word in re.split(r"[^a-z0-9@]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", raw).lower()) if word]
    words = [PLURALS.get(word, word) for word in words]
    grain = [word for word in words if word in ("epoch", "step")]
    val, train = [word for word in words if word in VALIDATION], [word for word in words if word in TRAIN]
    rest = [word for word in words if word not in (*VALIDATION, *TRAIN)]
    if rest in (["epoch"], ["epochs"], ["ep"], ["trainer", "epoch"]):
        return Column("epoch", "", "epoch", 0)
    if "_".join(rest) in STEPS:
        return Column("step", "", "step", 0)
    if OTHER & set(rest) or rest[:2] == ["learning", "rate"] or rest[-2:] == ["learning", "rate"] or not words:
        return Column("other", "", "_".join(words), 0)
    rest = rest or ["values"]  # "train" and "val" alone do not say of what
    kept = [word for word in rest if word not in (*FILLERS, "epoch", "step")] or rest
    metric = "_".join("accuracy" if kept == ["acc"] else word for word in kept)
    split = "val" if val else "train" if train else ""
    # "train_loss_epoch" before "train_loss" before "loss", and "train_loss_step" last.
    rank = VALIDATION.index(val[0]) if val else 0 if train else 0.5
    rank += {"epoch": 0, "step": 0.3}.get("".join(grain), 0.1)
    return Column("metric", split, f"val_{metric}" if val else metric, rank)


class Share(float):
    """A number that was given with a percent sign, as a share of 1."""

    @classmethod
    def of_percent(cls, number):
        return cls(round(number / 100, 12))


def number_of(cell):
    """The number in a cell or a piece of text, as float; None for a gap and for what is no number.

    A comma is a decimal one in "0,52", one of thousands in "1,234.5"; "1,234" may be either, and is no number here.
    """
    if not isinstance(cell, str):
        try:
            return None if cell is None or isinstance(cell, bool | complex) else float(cell)
        except Exception:  # a stranger's object
            return None
    text = cell.strip().lower()
    if not NUMBER.fullmatch(text):
        return None
    whole, comma, rest = text.partition(",")
    if comma and "." in rest and re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+\.\d*", text):
        text = text.replace(",", "")
    elif comma:
        decimals = re.match(r"\d*", rest).group()
        if "," in rest or "." in rest or (len(decimals) == 3 and whole.strip("+-") != "0"):
            return None
        text = f"{whole}.{rest}"
    return float(text)


def is_loss(name):
    """Whether a metric's name is that of a loss of some kind: "box_loss", "val_nll"."""
    last = name.split("_")[-1]
    return last.endswith("loss") or last in ("cost", "nll", "objective")


def is_accuracy(name):
    """Whether a metric's name is that of an accuracy of some kind."""
    return any(word.startswith(("acc", "accuracy")) or word.endswith("accuracy") for word in name.split("_"))
