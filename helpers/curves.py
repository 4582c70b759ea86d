"""Learning curves: reading a history, saying in words what it shows, and drawing it.

A history is what `model.fit` returns, or its `.history`: a dict with a list for each metric, one
number per epoch; anything else raises CurveError. Epochs count from 1. `ghosts` are earlier runs
to compare with: pairs (label, history).
"""

import base64
import html
import io
from collections import namedtuple

import numpy as np
from matplotlib.figure import Figure

TRAINING, VALIDATION = "#0072B2", "#D55E00"  # blue, vermilion: colour-blind eyes tell them apart
GHOST, INK, GRID = "#767676", "#333", "#E4E4E4"
WIDTH, HEIGHT = 860, 300  # of a picture, in pixels
LEFT, RIGHT, LABELS = 48, 16, 100  # room beside a pane: tick labels; nothing, or ghosts' labels

# What counts as a change, as a share of the loss. The shares are wide, and the last epochs are
# taken together, so that a slightly different history, from another machine, gets the same words.
FELL = 0.10  # below the first epoch
STILL_FALLING = 0.10  # below two thirds of the way
ROSE = 0.20  # above the lowest value
VISIBLE = 0.02  # of the way from the first epoch down to the lowest value: less cannot be seen

# A metric: its name and its values, of shape (epochs,); val is None without validation data.
Pane = namedtuple("Pane", "name train val")


class CurveError(ValueError):
    """A history cannot be read; the message says what is wrong and what to try."""


def panes(history):
    """A list of one or two Panes: the loss, then the accuracy or else the first other metric."""
    logs = getattr(history, "history", history)
    if not isinstance(logs, dict) or (logs and "loss" not in logs):
        raise CurveError(f"There is no training loss in {str(logs)[:60]}. Pass what model.fit "
                         "returned: history = model.fit(...).")
    if not logs:  # before the first epoch
        return [Pane("loss", np.zeros(0), None), Pane("accuracy", np.zeros(0), None)]
    metrics = [key for key in logs if not key.startswith("val_") and not key.endswith("loss")
               and key not in ("learning_rate", "lr")]
    metrics.sort(key=lambda key: "acc" not in key)  # any kind of accuracy before the others
    return [Pane("accuracy" if key == "acc" else key, _values(logs, key),
                 _values(logs, "val_" + key) if "val_" + key in logs else None)
            for key in ["loss", *metrics[:1]]]


def _values(logs, key):
    try:
        values = np.asarray(logs[key])
    except ValueError:  # lists within the list
        values = np.array(None)
    if values.ndim != 1 or values.dtype.kind not in "fiu":  # floats or whole numbers
        raise CurveError(f"history[{key!r}] should be a list of numbers, one for each epoch, not "
                         f"{str(logs[key])[:60]}. Pass what model.fit returned, unchanged.")
    if len(values) != len(logs["loss"]):
        raise CurveError(f"history[{key!r}] has {len(values)} values, but there are "
                         f"{len(logs['loss'])} epochs. Pass what model.fit returned, unchanged; "
                         "if you gave model.fit a validation_freq, leave it out.")
    return values.astype(float)


def _finite(values):
    return values[np.isfinite(values)]


def best_epoch(history):
    """The first epoch with the lowest validation (or else training) loss; None if all are NaN."""
    loss = panes(history)[0]
    values = loss.train if loss.val is None else loss.val
    values = np.where(np.isfinite(values), values, np.inf)
    return int(np.argmin(values)) + 1 if len(_finite(values)) else None


def describe(history, numbers=True):
    """One to three sentences that say what the curves show; also the pictures' alt text.

    numbers=False leaves only verdicts, which hold for slightly different numbers as well.
    """
    drawn = panes(history)
    loss, epochs, best = drawn[0], len(drawn[0].train), best_epoch(history)
    if epochs == 0:
        return "No epoch has been trained yet."
    for name, values in zip(("training", "validation"), loss[1:]):
        if values is not None and len(_finite(values)) < epochs:
            when = f" at epoch {np.argmin(np.isfinite(values)) + 1}" if numbers else ""
            return f"The {name} loss stopped being a number{when}: it is NaN or infinite." + (
                f" The best epoch is {best}: {_at(drawn, best)}." if numbers and best else "")
    if epochs == 1:
        return "One epoch, no trend yet" + (f": {_at(drawn, 1)}." if numbers else ".")

    training = _trend(loss.train)
    if training in ("is still falling at the end", "falls, then levels off"):
        training = "falls"  # how it ends says little: training loss can nearly always fall further
    if loss.val is None:
        lowest = f"The lowest loss is at epoch {best} of {epochs}: {_at(drawn, best)}. "
        verdict = f"Training loss {training}. There is no validation data."
        return lowest + verdict if numbers else verdict
    validation = _trend(loss.val)
    if not numbers:
        return f"Training loss {training}. Validation loss {validation}."
    if "rises" in validation:
        validation += f" from {loss.val[best - 1]:,.2f} to {loss.val[-1]:,.2f}"
        validation += "" if "rises" in training else ", a sign of over-fitting"
    gap = loss.val[-1] - loss.train[-1]
    return (f"The best epoch is {best} of {epochs}: {_at(drawn, best)}. "
            f"Validation loss {validation}. At the end it is {abs(gap):,.2f} "
            f"{'above' if gap >= 0 else 'below'} training loss.")


def _at(drawn, epoch):
    return ", ".join(f"{name} {pane.name.replace('_', ' ')} {values[epoch - 1]:,.2f}"
                     for pane in drawn for name, values in zip(("training", "validation"), pane[1:])
                     if values is not None)


def _trend(values):
    best = int(np.argmin(values))
    fall = values[0] - values[best]
    rise = np.median(values[best + 1:][-3:]) - values[best] if best + 1 < len(values) else 0
    fell = fall > FELL * abs(values[0])
    if rise > max(ROSE * abs(values[best]), VISIBLE * fall):
        return "falls, then rises again" if fell else "rises"
    earlier = values[len(values) * 2 // 3 - 1]
    end = np.median(values[-3:]) if len(values) > 8 else values[-1]
    if fell and earlier - end > max(STILL_FALLING * abs(earlier), VISIBLE * fall):
        return "is still falling at the end"
    return "falls, then levels off" if fell else "hardly changes"


def ghost_curves(ghosts, pane, epochs=None):
    """The ghosts of a pane, the one that ends lowest first: pairs (label, values).

    The values are those of the validation data, or else of the training data, in the first epochs.
    """
    curves = [(str(label), (run.train if run.val is None else run.val)[:epochs])
              for label, history in ghosts for run in panes(history) if run.name == pane.name]
    curves = [(label, values) for label, values in curves if len(_finite(values))]
    return sorted(curves, key=lambda curve: _finite(curve[1])[-1])


def label_heights(curves, ticks):
    """Where the labels of `ghost_curves` go, as shares of the y axis from its lower limit.

    That is where each curve ends, or higher if the label below would touch.
    """
    heights = [-1.0]
    for _, values in curves:
        end = np.clip(_finite(values)[-1], ticks[0], ticks[-1])
        heights.append(max(heights[-1] + 0.075, (end - ticks[0]) / (ticks[-1] - ticks[0])))
    return heights[1:]


def y_ticks(pane, curves):
    """The ticks of a pane's y axis, from one limit to the other. curves: its `ghost_curves`.

    A loss that explodes leaves the picture instead of flattening the others: the most it shows is
    three times the first training loss (or the lowest validation loss, if that is more).
    """
    drawn = [_finite(values) for values in (pane.train, pane.val, *(v for _, v in curves))
             if values is not None and len(_finite(values))]
    values = np.concatenate([[0.0], *drawn])
    if pane.name == "loss" and drawn:
        most = 3 * max(abs(drawn[0][0]), abs(drawn[:2][-1].min()))
        values = np.clip(values, -most, most)
    low, high = values.min(), values.max()
    if low == high or (pane.name != "loss" and 0 < high <= 1):
        high = 1.0
    power = 10.0 ** np.floor(np.log10((high - low) / 5))
    step = power * next(n for n in (1, 2, 2.5, 5, 10) if 5.001 * n * power >= high - low)
    return step * np.arange(np.floor(low / step), np.ceil(high / step - 0.001) + 1)


def x_ticks(epochs):
    """The epochs with a number on the x axis: up to ten all, else the first and round ones."""
    if epochs <= 10:
        return list(range(1, epochs + 1))
    step = 5
    while epochs > 6 * step:
        step *= 2
    return [1, *range(step, epochs + 1, step)]


def shorten(label):
    """A ghost's label in at most 13 characters; the value at its end stays."""
    return label if len(label) <= 13 else f"{label[:6]}…{label[-6:]}"


class Picture:
    """What `plot` returns and a notebook shows: `figure` (matplotlib), `png` (bytes) and `alt`."""

    def __init__(self, figure, alt):
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=120, facecolor="white")
        self.figure, self.png, self.alt = figure, file.getvalue(), alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        png = base64.b64encode(self.png).decode()
        # JupyterLab takes alt text from HTML only; nbconvert and Colab from the metadata.
        page = (f'<img width="{WIDTH}" alt="{html.escape(self.alt)}" '
                f'src="data:image/png;base64,{png}">')
        return ({"text/html": page, "image/png": png, "text/plain": self.alt},
                {"image/png": {"alt": self.alt, "width": WIDTH}})


def plot(history, ghosts=(), title=None, numbers=False):
    """Draw loss and accuracy side by side, with the best epoch if there is validation data.

    title: a line of text above. numbers: whether the alt text has numbers (see `describe`).
    Returns a Picture. As the last line of a cell, it is shown.
    """
    drawn = panes(history)
    best = best_epoch(history) if drawn[0].val is not None and len(drawn[0].val) > 1 else None
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), facecolor="white")
    side = LEFT + (LABELS if ghosts else RIGHT)
    figure.subplots_adjust(left=LEFT / WIDTH, right=1 - (side - LEFT) / WIDTH, bottom=0.16,
                           top=0.78, wspace=side / (WIDTH / len(drawn) - side))
    for axes, pane in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn):
        _draw(axes, pane, ghost_curves(ghosts, pane), best)
    figure.suptitle(title or "", x=LEFT / WIDTH, ha="left", fontsize=11, color=INK)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="upper right", ncols=2,
                  frameon=False, fontsize=9, labelcolor=INK)
    return Picture(figure, describe(history, numbers))


def _draw(axes, pane, ghosts, best):
    ticks = y_ticks(pane, ghosts)
    low, height = ticks[0], ticks[-1] - ticks[0]
    epochs = max([1, len(pane.train), *(len(values) for _, values in ghosts)])
    for (label, values), place in zip(ghosts, label_heights(ghosts, ticks)):
        axes.plot(range(1, len(values) + 1), values, color=GHOST, linewidth=0.8)
        axes.text(1.02, low + place * height, shorten(label), va="center", fontsize=8,
                  color=GHOST, transform=axes.get_yaxis_transform())
    for name, values, look, color in (("training", pane.train, "-o", TRAINING),
                                      ("validation", pane.val, "--s", VALIDATION)):
        if values is not None:
            axes.plot(range(1, len(values) + 1), values, look, color=color, label=name,
                      markersize=4 if epochs <= 40 else 2, zorder=3)
    if best:
        axes.axvline(best, color=INK, linewidth=0.8, zorder=1)
        if pane.name == "loss":
            side = "left" if best < 0.15 * epochs else "right" if best > 0.85 * epochs else "center"
            axes.text(best, 1.02, f"best epoch {best}", ha=side, fontsize=8, color=INK,
                      transform=axes.get_xaxis_transform())
    room = 0.02  # a share of the axes, so that a marker on a limit is not cut
    axes.set_ylim(low - room * height, low + (1 + room) * height)
    axes.set_xlim(1 - room * epochs, epochs + room * epochs)
    axes.set(xticks=x_ticks(epochs), yticks=ticks, axisbelow=True)
    axes.set_title(pane.name.replace("_", " "), loc="left", pad=16, fontsize=11, color=INK)
    axes.set_xlabel("epoch", color=INK)
    axes.tick_params(colors=INK)
    axes.grid(axis="y", color=GRID)
    axes.set_facecolor("white")  # in a dark theme too, as the colours are made for white
    axes.spines[:].set_color(INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines["bottom"].set_position(("data", low))
