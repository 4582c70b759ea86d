"""What the weights of one epoch of a run answer: below the loss curves the confusion matrix, and pictures with answers.

probabilities: float, shape (pictures, classes); labels: int, shape (pictures,).
"""

import numpy as np

from helpers.curves import elements, live_chart, predictions
from helpers.curves.elements import height_of, row
from helpers.curves.history import describe
from helpers.curves.sheets import WIDTH, Line, Sheet

HEAD = 28  # pixels of a title
SURE = 0.95  # a probability from which on an answer counts as certain
LOOKS = {"loss": "training", "val_loss": "validation"}


def loss_curves(logs, epoch, best, epochs, uid):
    """The losses of a run as one <svg>, with `epoch` and the best epoch, if any, marked. logs: a history's dict."""
    lines = [Line(name, LOOKS[name], values) for name, values in logs.items()]
    marks = marked(epoch, best, epochs)
    told = ", ".join(words for _, words in marks if words)
    label = f"The loss curves of the run. {describe(logs)} Marked: {told}."
    looks = [line.look for line in lines]
    return live_chart.draw([Sheet("loss", lines, marks=marks)], epochs, label, looks, uid, figures=True)


def marked(epoch, best, epochs):
    """The upright lines of the chart, pairs (epoch, words). The first one's words stand lower, clear of "loss"."""
    if best in (None, epoch):
        return [(epoch, f"best epoch {epoch}" if best else f"epoch {epoch}")]
    marks = sorted([(best, f"best epoch {best}"), (epoch, f"epoch {epoch}")])
    if (marks[1][0] - 1) / (epochs - 1) < 0.12:  # no room for both
        return [(marks[0][0], ", ".join(words for _, words in marks)), (marks[1][0], "")]
    return marks


def matrix_and_pictures(probabilities, labels, names, x, shown):
    """Two <svg> elements beside each other: the confusion matrix, and the rows `shown` of the pictures `x`."""
    split = 330 if len(names) <= 5 else 430  # pixels for the confusion matrix; the pictures have the rest
    counts = predictions.confusion_counts(labels, probabilities.argmax(1), len(names))
    garments = predictions.garments(x[shown], probabilities[shown], labels[shown], names, WIDTH - split)
    return predictions.confusion(counts, names, split), garments


def height(lower):
    """How tall what stands below the curves is, on a wide page."""
    return HEAD + max(map(height_of, lower))


def page(curves, lower, tall, label):
    """The curves, and below them pairs (title, <svg>), or words where there are no answers, as one HTML element."""
    below = [(lower, "")] if isinstance(lower, str) else lower
    return elements.page([curves, row(below, tall)], label)


def in_words(probabilities, labels):
    """How many answers are right, and how sure the wrong ones are: two texts."""
    wrong = probabilities.argmax(1) != labels
    right = f"{(~wrong).sum()} of {len(labels)} test pictures right."
    sure, than = (probabilities.max(1)[wrong] > SURE).sum(), f"than {100 * SURE:.0f} % certainty."
    if wrong.sum() > 1:
        are = "are" if sure > 1 else "is"
        return right, f"{sure or 'None'} of the {wrong.sum()} wrong answers {are} given with more {than}"
    return right, f"The wrong answer is given with {'more' if sure else 'not more'} {than}" if wrong.any() else ""


def changed(probabilities, before, labels):
    """In words, how the answers differ from those of the best epoch, `before`."""
    right, was_right = probabilities.argmax(1) == labels, before.argmax(1) == labels
    lost, gained = np.sum(was_right & ~right), np.sum(right & ~was_right)
    if not lost + gained:
        return "Against the best epoch, no picture has changed sides."
    pictures = "1 picture has" if lost + gained == 1 else f"{lost + gained} pictures have"
    were = "was right and is" if lost == 1 else "were right and are"
    return f"Against the best epoch, {pictures} changed sides: {lost} {were} wrong now, {gained} the other way round."
