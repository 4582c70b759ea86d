"""Draws what a network says about pictures: some of them with its answers, and the confusion matrix of all of them.

Labels are whole numbers from 0; probabilities are floats of shape (pictures, classes). Each drawing is one <svg>
element.
"""

from functools import lru_cache
from html import escape

import numpy as np
from sklearn.metrics import confusion_matrix

from helpers.curves.elements import frame, png
from helpers.curves.sheets import WIDTH
from helpers.curves.theme import colour
from helpers.errors import LessonError

RIGHT, WRONG = colour("right"), colour("wrong")
LOOKS = f"image-rendering:pixelated;filter:{colour('picture')}"  # of a grey picture
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
    n = len(class_names)
    if outputs.ndim != 2 or outputs.shape[1] != n and (outputs.shape[1], n) != (1, 2):
        raise LessonError(
            f"The network's answers have shape {outputs.shape[1:]} for each picture, but there are {n} classes: "
            f"{', '.join(class_names)}. Its last layer needs one unit for each class (for two classes, one with a "
            "sigmoid will do)."
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
    """One-hot or whole-number `targets` as labels, int, shape (pictures,).

    Raises `LessonError` if they do not fit the names.
    """
    targets, n = np.asarray(targets), len(class_names)
    if targets.ndim == 2:
        if targets.shape[1] not in (1, n):
            raise LessonError(
                f"The targets have {targets.shape[1]} columns, but there are {n} classes: {', '.join(class_names)}."
            )
        targets = targets.argmax(1) if targets.shape[1] > 1 else targets[:, 0]
    if targets.ndim == 1 and targets.dtype.kind in "fiub" and np.isin(targets, np.arange(n)).all():
        return targets.astype(int)
    raise LessonError(f"The targets should be one-hot or whole numbers from 0 to {n - 1}, one for each picture.")


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
    n = len(pictures)
    if pictures.ndim != 3 or not 1 <= n <= MOST:
        raise LessonError(
            f"From 1 to {MOST} grey pictures of shape (height, width, 1) can be drawn; these have shape "
            f"{pictures.shape}."
        )
    if not n == len(probabilities) == len(labels):
        raise LessonError(f"There are {n} pictures, but {len(probabilities)} answers and {len(labels)} labels.")
    rows = -(-n // max(1, int(width // CELL)))
    columns = -(-n // rows)
    wide = min(width / columns, 140)
    side = 84 if wide >= 112 else 56
    tall = side + 60
    answers, parts = np.argmax(probabilities, axis=1), []
    for number, (picture, said, label) in enumerate(zip(pictures, answers, labels, strict=True)):
        middle, y = (number % columns + 0.5) * wide, number // columns * tall
        answer, truth, percent = class_names[said], class_names[label], _percent(probabilities[number][said])
        verdict, sign, look = ("right", "✓", RIGHT) if said == label else (f"wrong, it is {truth}", "✗", WRONG)
        href = _png(np.ascontiguousarray(picture, dtype=np.float32).tobytes(), picture.shape)
        sure = f'fill="{look}" font-weight="bold">{escape(percent)} {sign}'
        lines = [
            f'<text x="{middle:g}" y="{y + side + 19:g}">{_name(answer)}</text>',
            f'<text x="{middle:g}" y="{y + side + 34:g}" {sure}</text>',
        ]
        if said != label:
            lines.append(f'<text x="{middle:g}" y="{y + side + 49:g}" fill="{look}">is {_name(truth)}</text>')
        parts.append(
            f'<g role="img" aria-label="{escape(f"Picture {number + 1}: {answer}, {percent}, {verdict}")}" '
            f'text-anchor="middle"><image x="{middle - side / 2:g}" y="{y + 4:g}" width="{side}" height="{side}" '
            f'href="{href}" style="{LOOKS}"/>{"".join(lines)}</g>'
        )
    words = f"The network's answers to {n} pictures: {(answers != labels).sum()} of them wrong."
    return frame(width, rows * tall, words, "".join(parts), "group", 11)


def confusion(counts, class_names, width=WIDTH):
    """Draw the confusion matrix: a row for what pictures are, a column for what the network says.

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
    parts = [
        f'<g font-size="12" aria-hidden="true">'
        f'<text x="{left + n * wide / 2:g}" y="15" text-anchor="middle">the network says</text>'
        f'<text text-anchor="middle" transform="translate(14 {top + n * tall / 2:g})rotate(-90)">it is</text>'
    ]
    for i, name in enumerate(class_names):
        x, y = left + (i + 0.5) * wide, top + (i + 0.5) * tall
        parts.append(f'<text x="{left - 7:g}" y="{y + 4:g}" text-anchor="end">{_name(name)}</text>')
        if not level:
            parts.append(f'<text transform="translate({x:g} {top - 6:g})rotate(-45)">{_name(name)}</text>')
            continue
        for row, line in enumerate(reversed(lines[i])):
            parts.append(f'<text x="{x:g}" y="{top - 7 - 14 * row:g}" text-anchor="middle">{escape(line)}</text>')
    parts.append(f'</g><g font-size="{size:.3g}" text-anchor="middle">')
    for i, j in np.ndindex(n, n):
        x, y = left + j * wide, top + i * tall
        share = counts[i, j] / max(1, counts[i].sum())
        words = f"is {class_names[i]}, called {class_names[j]}: {counts[i, j]}"
        look, outline = (RIGHT, f' stroke="{colour("ink")}" stroke-width="2"') if i == j else (WRONG, "")
        parts.append(
            f'<g role="img" aria-label="{escape(words)}"><rect x="{x + 1:g}" y="{y + 1:g}" width="{wide - 2:g}" '
            f'height="{tall - 2:g}" fill="{look}" fill-opacity="{0.03 + 0.5 * share:.2f}"{outline}/>'
            f'<text x="{x + wide / 2:g}" y="{y + tall / 2 + 0.36 * size:g}">{counts[i, j]}</text></g>'
        )
    on_diagonal = f"{np.trace(counts)} are on the diagonal, called what they are."
    words = f"Confusion matrix of {counts.sum()} pictures: {on_diagonal}"
    return frame(width, top + n * tall + 6, words, "".join([*parts, "</g>"]), "group", 12)


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
    return png(ink, cmap="gray_r", vmin=0, vmax=1)
