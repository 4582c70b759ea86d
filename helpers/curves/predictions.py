"""Draws what a network says about pictures: some of them with its answers, and the confusion matrix of all of them.

Labels are whole numbers from 0; probabilities are floats of shape (pictures, classes). Each drawing is one <svg>
element.
"""

import base64
import io
from functools import lru_cache
from html import escape

import numpy as np
from matplotlib.image import imsave
from sklearn.metrics import confusion_matrix

from helpers.curves.sheets import INK, WIDTH
from helpers.errors import LessonError

RIGHT, WRONG = (
    "#0072B2",
    "#B34700",
)  # blue, dark orange: colour-blind eyes tell them apart; signs and an outline say the same
MOST = 24  # pictures in one drawing
LETTERS = 12  # of a class's name: more are cut off
CELL = 86  # pixels: the least a picture's column needs, for the name below it


def class_probabilities(outputs, class_names):
    """A network's `outputs` as probabilities of shape (pictures, classes), float; its answer is the largest of a row.

    outputs: shape (pictures, classes), or (pictures, 1) from a sigmoid: the probability of class 1.
    Raises `LessonError` for another number of columns, and for values that are no probabilities.
    """
    outputs = np.asarray(outputs, dtype=float)
    if outputs.ndim == 1:
        outputs = outputs[:, np.newaxis]
    if outputs.ndim != 2 or outputs.shape[1] != len(class_names) and (outputs.shape[1], len(class_names)) != (1, 2):
        raise LessonError(
            f"The network's answers have shape {outputs.shape[1:]} for each picture, but there are {len(class_names)}"
            f" classes: {', '.join(class_names)}. Its last layer needs one unit for each class (for two classes, one"
            " with a sigmoid will do)."
        )
    if not np.isfinite(outputs).all():
        raise LessonError(
            "The network's answers are not numbers (NaN or infinite): its weights have exploded. Try a smaller"
            " learning rate."
        )
    if outputs.min() < -1e-6 or outputs.max() > 1 + 1e-6:
        raise LessonError(
            f"The network's answers go from {outputs.min():.2g} to {outputs.max():.2g}, so they are no probabilities."
            " Give its last layer activation='softmax' (or 'sigmoid', if it has one unit)."
        )
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs


def class_labels(targets, class_names):
    """One-hot or whole-number `targets` as labels, int, shape (pictures,). Raises `LessonError` if they do not fit the
    names."""
    targets = np.asarray(targets)
    if targets.ndim == 2:
        if targets.shape[1] not in (1, len(class_names)):
            raise LessonError(
                f"The targets have {targets.shape[1]} columns, but there are {len(class_names)} classes:"
                f" {', '.join(class_names)}."
            )
        targets = targets.argmax(1) if targets.shape[1] > 1 else targets[:, 0]
    labels = (
        targets.astype(int)
        if targets.ndim == 1 and targets.dtype.kind in "fiub" and np.isfinite(targets).all()
        else None
    )
    if (
        labels is None
        or (labels != targets).any()
        or len(labels)
        and not 0 <= labels.min() <= labels.max() < len(class_names)
    ):
        raise LessonError(
            f"The targets should be one-hot or whole numbers from 0 to {len(class_names) - 1}, one for each picture."
        )
    return labels


def confusion_counts(labels, predicted, n):
    """How many pictures of class i (row) the network calls class j (column): int, shape (n, n)."""
    return confusion_matrix(labels, predicted, labels=np.arange(n))


def garments(pictures, probabilities, labels, class_names, width=WIDTH):
    """Draw grey pictures, below each the network's answer with its probability, ✓ or ✗, and if wrong what it really is.

    pictures: float, 0 (paper) to 1 (ink), shape (n, height, width) or (n, height, width, 1), n from 1 to 24.
    probabilities: see `class_probabilities`. labels: what the pictures are. width: of the drawing, in pixels.

    Returns one <svg> element. Raises `LessonError` for pictures that cannot be drawn.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim == 4 and pictures.shape[-1] == 1:
        pictures = pictures[..., 0]
    if pictures.ndim != 3 or not 1 <= len(pictures) <= MOST:
        raise LessonError(
            f"From 1 to {MOST} grey pictures of shape (height, width, 1) can be drawn; these have shape"
            f" {pictures.shape}."
        )
    if not len(pictures) == len(probabilities) == len(labels):
        raise LessonError(
            f"There are {len(pictures)} pictures, but {len(probabilities)} answers and {len(labels)} labels."
        )
    rows = -(-len(pictures) // max(1, int(width // CELL)))
    columns = -(-len(pictures) // rows)
    wide = min(width / columns, 140)
    side = 84 if wide >= 112 else 56
    tall = side + 60
    parts = []
    for number, (picture, row, label) in enumerate(zip(pictures, probabilities, labels, strict=True)):
        said, x, y = int(np.argmax(row)), number % columns * wide, number // columns * tall
        right, middle, percent = said == label, x + wide / 2, _percent(row[said])
        words = f"Picture {number + 1}: {class_names[said]}, {percent}, " + (
            "right" if right else f"wrong, it is {class_names[label]}"
        )
        sign, colour = ("✓", RIGHT) if right else ("✗", WRONG)
        parts.append(
            f'<g role="img" aria-label="{escape(words)}" text-anchor="middle"><image x="{middle - side / 2:g}"'
            f' y="{y + 4:g}" width="{side}" height="{side}"'
            f' href="{_png(np.ascontiguousarray(picture, dtype=np.float32).tobytes(), picture.shape)}"'
            f' style="image-rendering:pixelated"/><text x="{middle:g}"'
            f' y="{y + side + 19:g}">{_name(class_names[said])}</text><text x="{middle:g}" y="{y + side + 34:g}"'
            f' fill="{colour}" font-weight="bold">{escape(percent)} {sign}</text>'
            + (
                ""
                if right
                else f'<text x="{middle:g}" y="{y + side + 49:g}" fill="{colour}">is {_name(class_names[label])}</text>'
            )
            + "</g>"
        )
    wrong = sum(int(np.argmax(row)) != label for row, label in zip(probabilities, labels, strict=True))
    return _svg(
        width, rows * tall, f"The network's answers to {len(pictures)} pictures: {wrong} of them wrong.", 11, parts
    )


def confusion(counts, class_names, width=WIDTH):
    """Draw the confusion matrix: a row for what pictures are, a column for what the network says; the diagonal is
    outlined.

    counts: see `confusion_counts`; from 2 to 10 classes can be read well. width: of the drawing, in pixels.

    Returns one <svg> element, whose cells tell a screen reader in words what they count.
    """
    counts = np.asarray(counts)
    n, longest = len(class_names), min(LETTERS, max(map(len, class_names)))
    lines = [_two_lines(name) for name in class_names]
    left = 28 + 7 * longest
    wide = min(72, (width - left - 4) / n)
    level = 7 * max(len(line) for pair in lines for line in pair) <= wide
    if not level:  # the names lean, the last one beyond its column
        wide = min(72, (width - left - 4 - 5 * longest) / n)
    tall, top = max(24, min(40, wide)), 56 if level else 28 + 6 * longest
    size = min(14, wide / (0.74 * len(str(counts.max()))))
    height = top + n * tall + 6
    parts = [
        f'<g font-size="12" fill="{INK}" aria-hidden="true"><text x="{left + n * wide / 2:g}" y="15"'
        ' text-anchor="middle">the network says</text><text text-anchor="middle" transform="translate(14'
        f' {top + n * tall / 2:g})rotate(-90)">it is</text>'
    ]
    for i, name in enumerate(class_names):
        x, y = left + (i + 0.5) * wide, top + (i + 0.5) * tall
        parts.append(f'<text x="{left - 7:g}" y="{y + 4:g}" text-anchor="end">{_name(name)}</text>')
        if level:
            parts += [
                f'<text x="{x:g}" y="{top - 7 - 14 * row:g}" text-anchor="middle">{escape(line)}</text>'
                for row, line in enumerate(reversed(lines[i]))
            ]
        else:
            parts.append(f'<text transform="translate({x:g} {top - 6:g})rotate(-45)">{_name(name)}</text>')
    parts.append(f'</g><g font-size="{size:.3g}" text-anchor="middle">')
    for i, j in np.ndindex(n, n):
        x, y = left + j * wide, top + i * tall
        share = counts[i, j] / max(1, counts[i].sum())
        parts.append(
            f'<g role="img" aria-label="{escape(f"is {class_names[i]}, called {class_names[j]}: {counts[i, j]}")}">'
            f'<rect x="{x + 1:g}" y="{y + 1:g}" width="{wide - 2:g}" height="{tall - 2:g}"'
            f' fill="{RIGHT if i == j else WRONG}" fill-opacity="{0.03 + 0.5 * share:.2f}"'
            + (f' stroke="{INK}" stroke-width="2"' if i == j else "")
            + "/>"
            f'<text x="{x + wide / 2:g}" y="{y + tall / 2 + 0.36 * size:g}">{counts[i, j]}</text></g>'
        )
    words = (
        f"Confusion matrix of {counts.sum()} pictures: {np.trace(counts)} are on the diagonal, called what they are."
    )
    return _svg(width, height, words, 12, [*parts, "</g>"])


def _svg(width, height, words, size, parts):
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="group" aria-label="{escape(words)}" fill="#111"'
        f' style="display:block;width:100%;height:auto;max-width:{width:g}px;font:{size}px sans-serif"><rect'
        f' width="{width:g}" height="{height:g}" rx="6" fill="#FFF"/>'
        f"{''.join(parts)}</svg>"
    )


def _percent(probability):
    """In whole percent; only what is certain is 100 %."""
    return ">99 %" if 0.995 <= probability < 1 else f"{100 * probability:.0f} %"


def _name(name):
    return escape(name) if len(name) <= LETTERS else f"{escape(name[: LETTERS - 1])}…<title>{escape(name)}</title>"


def _two_lines(name):
    """A class's name, broken where it can be: "T-shirt/top" after the stroke."""
    for sign in " /-":
        if sign in name[1:-1]:
            cut = name.index(sign, 1) + 1
            return [name[:cut].strip(), name[cut:]]
    return [name]


@lru_cache(maxsize=256)
def _png(pixels, shape):
    """A picture as a data URI; it is the same at every step of a slider. pixels: the bytes of its float32 values."""
    ink = np.nan_to_num(np.frombuffer(pixels, dtype=np.float32).reshape(shape))
    file = io.BytesIO()
    imsave(file, ink, cmap="gray_r", vmin=0, vmax=1, format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
