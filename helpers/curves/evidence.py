"""What the figures of a diagnosis say, in sentences a person would say.

figures: what `measures.measure` gives, and "begins".
"""

from helpers.curves.measures import FEW_EPOCHS
from helpers.curves.values import JUMP, figure

FEWER = 5  # epochs, below which the evidence says how few they are
RANGE = 20.0  # a loss that is always above this is no cross-entropy: of that an answer costs 16.1 at most


def evidence(pattern, figures):
    """The measures behind a finding, a sentence each."""
    epochs = figures["epochs"]
    if not figures["finite"]:
        return ["The loss is NaN or infinite in at least one epoch."]
    if epochs < FEW_EPOCHS:
        return [f"There {'is 1 epoch' if epochs == 1 else f'are {epochs} epochs'}: too few for a trend."]
    sentences = SENTENCES[pattern](figures)
    if epochs < FEWER and pattern != "too early to say":
        sentences.append(f"There are only {epochs} epochs.")
    if "accuracy" in figures and figures["lowest"] > RANGE:
        sentences.append(f"So large a loss is that of a regression, where the {_name(figures)} says nothing.")
    elif figures.get("accuracy", 1) < 0.02 and figures["training end"] < 0.8:
        sentences.append(f"The loss falls, and the {_name(figures)} stays at zero: in a regression it says nothing.")
    return [sentence for sentence in sentences if sentence]


def _diverging(f):
    if f["first jump"] > JUMP / 2 or f["later jump"] < 0.5:
        return [
            f"The training loss is {figure(f['first'])} in the first epoch and {figure(f['last'])} at the end.",
            _guess(f),
        ]
    return [f"The training loss jumps up, by {times(f['later jump'])} what it began with.", _training(f)]


def _noisy(f):
    return [f"Validation loss goes back and forth by {percent(f['zigzag'])} of its size.", _lowest(f), _training(f)]


def _shuffled(f):
    even = f"Even there it is {percent(f['validation best'])} of {_yardstick(f)}."
    return [_lowest(f), _rise(f), even, _training(f), _guess(f)]


def _not_learning(f):
    moved = f"In {f['epochs']} epochs the training loss moves by {percent(f['spread'])} of its size: it stays at"
    said = [f"{moved} {figure(f['last'])}."]
    if "accuracy" in f:
        said.append(f"The {_name(f)} stays at {figure(f['accuracy'])}.")
    return [*said, _guess(f)]


def _below(f):
    where = "in every epoch" if f["below"] == 1 else f"in {percent(f['below'])} of the epochs"
    ends = f"at the end {figure(f['validation last'], f['last'])} against {figure(f['last'])}"
    return [f"Validation loss is below training loss {where}, {ends}."]


def _not_comparable(f):
    said = [f"At the end validation loss is {figure(f['validation last'])}, training loss {figure(f['last'])}."]
    if f["typical gap"] < 1:
        said.append("Dropout or averaging over the epoch do not put them so far apart.")
    elif f["validation best"] > 1:
        said.append(f"At its lowest it is {times(f['validation best'])} {_yardstick(f)}, while training gets on.")
    if "validation accuracy" in f:
        said.append(
            f"Validation {_name(f)} is {figure(f['validation accuracy'])}, in training {figure(f['accuracy'])}."
        )
    return said


def _trained(f):
    said = [f"Training loss is {figure(f['first'])} in the first epoch and {figure(f['last'])} at the end."]
    if f.get("first accuracy", 0) > 0.5:
        said.append(f"The {_name(f)} is {figure(f['first accuracy'])} in the first epoch already.")
    return [*said, _gap(f)]


def _wrong_targets(f):
    said = [f"The loss falls to {figure(f['lowest'])}; cross-entropy and squared errors are never below zero."]
    if "score" in f:
        said.append(f"And {f['score name'].replace('_', ' ')}, which is at most 1, reaches {figure(f['score'])}.")
    return said


def _too_early(f):
    return [f"There are only {f['epochs']} epochs.", _training(f), _fall(f)]


def _not_clear(f):
    if "gap" not in f:
        return ["Without validation loss no more can be told.", _training(f)]
    return ["The curves lie between two patterns.", _lowest(f), _rise(f), _fall(f), _training(f)]


def _training(f):
    if not f.get("begins", True):
        return f"Training loss ends at {figure(f['last'])}, and the log begins with {figure(f['first'])}."
    share = f["last"] / f["first"] if f["first"] else 1.0
    if share >= 10:
        return f"Training loss ends at {times(share)} what it began with."
    return f"Training loss ends at {percent(share)} of where it began."


def _lowest(f):
    if "best epoch" not in f:
        return ""
    return f"The lowest validation loss is at epoch {f['best epoch']} of {f['epochs']}."


def _rise(f):
    if "rise" not in f:
        return ""
    if f["rise"] > 3:
        return f"At the end it is {times(f['rise'] + 1)} as large."
    return f"At the end it is {percent(f['rise'])} above that."


def _fall(f):
    if "fall" not in f:
        how = "falls" if f["training fall"] >= 0 else "rises"
        return f"Over the last third of the epochs training loss {how} by {percent(abs(f['training fall']))}."
    how = "falls" if f["fall"] >= 0 else "rises"
    return f"Over the last third of the epochs it {how} by {percent(abs(f['fall']))}."


def _gap(f):
    if "gap" not in f:
        return ""
    return f"At the end validation loss is {f['gap']:.{1 if f['gap'] < 10 else 0}f} times the training loss."


def _guess(f):
    if "guess" not in f:
        return "What guessing costs is not known."
    return f"Guessing costs {figure(f['guess'])}."


def _yardstick(f):
    return "what guessing costs" if "guess" in f else "what training began with"


def _name(f):
    return f["accuracy name"].replace("_", " ")


SENTENCES = {
    "still learning": lambda f: [_lowest(f), _fall(f), _training(f)],
    "good fit": lambda f: [_lowest(f), _rise(f), _gap(f), _training(f)],
    "underfitting": lambda f: [_lowest(f), _fall(f), _gap(f), _training(f), _guess(f)],
    "overfitting": lambda f: [_lowest(f), _rise(f), _gap(f), _training(f)],
    "beginning to overfit": lambda f: [_lowest(f), _rise(f), _gap(f), _training(f)],
    "diverging": _diverging,
    "noisy": _noisy,
    "leak": lambda f: [_lowest(f), _gap(f), _training(f)],
    "shuffled labels": _shuffled,
    "not learning": _not_learning,
    "validation below training": _below,
    "too early to say": _too_early,
    "already trained": _trained,
    "validation not comparable": _not_comparable,
    "wrong targets": _wrong_targets,
    "not clear": _not_clear,
}


def percent(share):
    """A share in words: "12%", "less than 1%", "12 times" where it is more than tenfold."""
    if abs(share) >= 10:
        return times(share)
    return "less than 1%" if 0 <= share < 0.005 else f"{share:.0%}"


def times(many):
    """A multiple in words: "4.3 times", "270 times", "5.1 million times"."""
    return f"{many:.1f} times" if many < 10 else f"{many:.0f} times" if many < 1000 else f"{figure(many)} times"


def in_words(figures):
    """The measures as they stand in sentences with places for them."""
    shares = {name.replace(" ", "_"): percent(value) for name, value in figures.items() if isinstance(value, float)}
    gap, first = f"{figures.get('gap', 0):.1f}", figure(figures.get("first", 0))
    whole = {"best_epoch": figures.get("best epoch"), "epochs": figures["epochs"]}
    return {**shares, **whole, "gap": gap, "first": first}
