"""What the figures of a diagnosis say, in sentences: the evidence for a pattern, and what speaks against it.

figures: what `diagnosis.measure` gives. The sentences below have a place for each of `in_words(figures)`.
"""

from helpers.curves.history import figure

# What a measure on the wrong side of its threshold says.
AGAINST = {
    ("jump", "above"): "Look at the training loss: it never jumps up, it comes down epoch after epoch.",
    ("end over typical", "above"): (
        "Look at the end of the training loss: whatever happened at first, it has come far down since."
    ),
    ("training end", "below"): "Look at the end of the training loss: it is still at {training_end} of where it began.",
    ("training end", "above"): (
        "Look at the end of the training loss: it has come down to {training_end} of where it began, so the"
        " training images are learned."
    ),
    ("gap", "below"): "Look at the gap: at the end validation loss is {gap} times the training loss.",
    ("gap", "above"): "Look at the gap: at the end validation loss is only {gap} times the training loss.",
    ("zigzag", "above"): (
        "Follow the validation loss from epoch to epoch: it goes back and forth by {zigzag} of its size, which is"
        " little."
    ),
    ("validation best", "above"): (
        "Look at the lowest validation loss: it is {validation_best} of what training began with, so something"
        " was learned that holds for new images."
    ),
    ("rise", "above"): (
        "Look at the right half of the validation loss: at the end it is {rise} above its lowest value, which is"
        " little."
    ),
    ("rise", "below"): (
        "Look at the right half of the validation loss: from epoch {best_epoch} to the end it rises by {rise}."
    ),
    ("fall", "above"): (
        "Look at the last third of the epochs: what validation loss still falls there, {fall}, is little."
    ),
    ("fall", "below"): "Look at the last third of the epochs: validation loss is still falling there, by {fall}.",
    ("training fall", "above"): "Look at the last third of the epochs: training loss hardly moves any more.",
}

# Where all of a pattern's own conditions hold, what speaks for another pattern instead.
SPEAKS_FOR = {
    "diverging": "Look at the training loss: it is {first} in the first epoch, of another size than all others, and"
    " nothing is learned afterwards.",
    "leak": "Look at both curves near zero: there is no gap between them, and on new images there always is one.",
    "noisy": "Follow the validation loss from epoch to epoch: it goes back and forth by {zigzag} of its size, so"
    " neither its rises nor its falls mean much.",
    "shuffled labels": "Look at the lowest validation loss: it is {validation_best} of what training began with. On"
    " new images nothing was ever learned.",
    "overfitting": "Look at the validation loss after epoch {best_epoch}: it rises by {rise}.",
    "still learning": "Look at the last third of the epochs: validation loss still falls by {fall} there.",
    "underfitting": "Look at the training loss: it stays at {training_end} of where it began.",
    "good fit": "Look at the whole: training loss comes down, and validation loss levels off near its lowest value.",
}


def evidence(pattern, figures):
    """The measures behind a diagnosis, a sentence each."""
    if pattern == "diverging":
        first = figure(figures["first"])
        return [f"The training loss jumps: the first epoch's is {first}, later ones are of another size altogether."]
    sentences = []
    if "best epoch" in figures:
        sentences.append(f"The lowest validation loss is at epoch {figures['best epoch']} of {figures['epochs']}.")
        if pattern in ("overfitting", "shuffled labels", "good fit", ""):
            sentences.append(f"At the end it is {figures['rise']:.0%} above that.")
        if pattern == "shuffled labels":
            sentences.append(f"Even there it is {figures['validation best']:.0%} of what training began with.")
        if pattern == "noisy":
            sentences.append(f"It goes back and forth by {figures['zigzag']:.0%} of its size.")
        if pattern in ("still learning", "underfitting", ""):
            sentences.append(f"Over the last third of the epochs it falls by {figures['fall']:.0%}.")
        if pattern in ("leak", "overfitting", "good fit", "underfitting"):
            sentences.append(f"Its end is {figures['gap']:.1f} times the training loss.")
    sentences.append(f"Training loss ends at {figures['training end']:.0%} of where it began.")
    return sentences


def in_words(figures):
    """The measures as they stand in sentences."""
    shares = {name.replace(" ", "_"): _share(value) for name, value in figures.items() if isinstance(value, float)}
    gap, first = f"{figures.get('gap', 0):.1f}", figure(figures.get("first", 0))
    whole = {"best_epoch": figures.get("best epoch"), "epochs": figures["epochs"]}
    return {**shares, **whole, "gap": gap, "first": first}


def _share(value):
    return "less than 1%" if 0 <= value < 0.005 else f"{value:.0%}"
