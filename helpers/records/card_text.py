"""What is written on a model card: its Markdown, section by section, each a list of paragraphs.

runs: {seed: (history, loss Pane, accuracy Pane or None)}. mistakes: triples (number of the picture, answer,
probability), the most confident first.
"""

import inspect
import platform
from datetime import date

import keras
import numpy as np
import tensorflow as tf

from helpers.curves.history import best_epoch
from helpers.error_bars import in_words

MISTAKES = 8  # of those it is most sure of, how many are shown


def written(build, settings, data, runs, model, result, counts, mistakes, purpose):
    """The whole card. counts: the confusion matrix; the others: see `model_card`."""
    paragraphs = [
        f"# Model card: {_plain(which(result.classes))}",
        "![Learning curves, confusion matrix and mistakes](model_card.png)",
        *_purpose(purpose, result),
        *_data(data, settings, result),
        *_network(build, settings, model),
        *_training(settings, model, runs),
        *_validation(data, runs),
        *_test(result),
        *_confusion(counts, result.classes),
        *_mistakes(mistakes, result),
        *_limits(data, result),
        *_versions(),
        *_source(build),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _purpose(purpose, result):
    named = _plain(purpose).rstrip(".") or "practice in choosing a network; no other purpose has been named"
    return [
        "## Purpose",
        f"**What it is for:** {named}.",
        f"**What it is not for:** anything but small grey pictures of {_plain(which(result.classes))}, one garment"
        " each, in the middle, on an empty ground. Whatever else it is shown, it calls one of these, often with great"
        " confidence. Nothing that matters to a person should hang on it.",
    ]


def _data(data, settings, result):
    n_train = settings.get("n_train", len(data.x_train))
    rows = [
        ("training", n_train, "the weights"),
        ("validation", data.n_validation, "choosing the settings"),
        ("test", result.n, "one figure, at the end"),
    ]
    return [
        "## Data",
        _table(["part", "pictures", "used for"], rows, "lrl"),
        f"Classes: {', '.join(f'{number} = {_plain(name)}' for number, name in enumerate(result.classes))}. Pictures"
        f" of shape {data.x.shape[1:]}, 0 to 1. Source: part of Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017,"
        " arXiv:1708.07747), MIT licence, copyright 2017 Zalando SE.",
    ]


def _network(build, settings, model):
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    rows = [(_layer_name(layer), _shape(layer), f"{layer.count_params():,}") for layer in layers]
    rows.append(("**total**", "", f"**{model.count_params():,}**"))
    chosen = [(_plain(name), _value(value), "chosen") for name, value in settings.items()]
    chosen += [(name, _value(value), "default") for name, value in _defaults(build).items() if name not in settings]
    return [
        "## Network",
        f"Made by the function `{_plain(getattr(build, '__name__', 'build'))}` with these settings:",
        _table(["setting", "value", ""], chosen, "lll") if chosen else "(none)",
        _table(["layer", "output", "parameters"], rows, "llr"),
    ]


def _layer_name(layer):
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return type(layer).__name__ + (f", {activation}" if activation != "linear" else "")


def _shape(layer):
    try:
        return " × ".join(str(size) for size in layer.output.shape[1:])
    except (AttributeError, ValueError):  # a layer of a student's own, which has not told
        return "–"


def _defaults(build):
    try:
        parameters = inspect.signature(build).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty}


def _training(settings, model, runs):
    epochs = " or ".join(map(str, sorted({len(loss.val) for _, loss, _ in runs.values()})))
    batch_size = settings.get("batch_size", "32 (the default; the settings name no other)")
    rows = [("batch size", batch_size), ("epochs of each run below", epochs)]
    if getattr(model, "optimizer", None) is not None:
        rows = [
            ("optimizer", type(model.optimizer).__name__),
            ("its learning rate", f"{float(model.optimizer.learning_rate):g}"),
            ("loss", getattr(model.loss, "name", None) or getattr(model.loss, "__name__", None) or model.loss),
            *rows,
            ("updates of this network's weights", f"{int(model.optimizer.iterations):,}"),
        ]
    return ["## Training", _table(["", ""], [(name, _value(value)) for name, value in rows], "ll")]


def _validation(data, runs):
    rows, losses, accuracies = [], [], []
    for seed, (history, loss, accuracy) in runs.items():
        epoch = best_epoch(history)
        if not np.isfinite(loss.val).any():
            rows.append((_plain(seed), "diverged: never a number", "", ""))
            continue
        losses.append(loss.val[epoch - 1])
        accuracies += [accuracy.val[epoch - 1]] if accuracy else []
        rows.append((_plain(seed), f"{losses[-1]:.3f}", epoch, f"{accuracies[-1]:.3f}" if accuracy else "–"))
    rows.append(("**mean (lowest to highest)**", _mean(losses), "", _mean(accuracies)))
    words = []
    if accuracies:
        n = data.n_validation
        right = min(n, float(np.mean(accuracies)) * n)
        words = [f"Mean validation accuracy, with the 95 % interval for {n} pictures: {in_words(right, n)}."]
    head = ["seed", "lowest validation loss", "at epoch", "validation accuracy there"]
    return [
        "## Validation, over the seeds",
        _table(head, rows, "lrrr"),
        *words,
        "These settings were chosen because of figures like these, and the epoch as well. So they are too good by"
        " nature: the luckiest of many looks best.",
    ]


def _mean(values):
    return f"**{np.mean(values):.3f}** ({min(values):.3f} to {max(values):.3f})" if values else "–"


def _test(result):
    said = f"**Test accuracy {in_words(result.right, result.n)}**"
    return [
        "## Test",
        f"{said}: {result.right} of {result.n} pictures right, with the 95 % interval.",
        f"Opening {result.opening} of the test pictures. Reason given: {_plain(result.reason)}."
        f" {_plain(result.meaning)}".strip(),
    ]


def _confusion(counts, classes):
    names = [_plain(name) for name in classes]
    head = ["test pictures", *(f"said {name}" for name in names)]
    rows = [(f"**is {name}**", *row) for name, row in zip(names, counts, strict=True)]
    return ["### Confusion matrix", _table(head, rows, "l" + "r" * len(names))]


def _mistakes(mistakes, result):
    said = f"It gets {len(mistakes)} of {result.n} test pictures wrong."
    if not mistakes:
        return ["### What it gets wrong", said]
    names, kinds = [_plain(name) for name in result.classes], []
    for label, name in enumerate(names):
        answers = result.answers[result.labels == label]
        kinds.append(f"{(answers != label).sum()} of {len(answers)} {name}")
    rows = [
        (number, names[result.labels[number]], names[answer], sure(share))
        for number, answer, share in mistakes[:MISTAKES]
    ]
    return [
        "### What it gets wrong",
        f"{said} By class: {', '.join(kinds)}. The mistakes that it is most sure of:",
        _table(["picture (from 0)", "is", "said", "probability"], rows, "rllr"),
    ]


def _limits(data, result):
    points = [
        f"Few pictures: with {result.n} test pictures the accuracy on others may lie anywhere from {result.low:.2f} to"
        f" {result.high:.2f}, and the {data.n_validation} for validation tell even less.",
        f'{len(result.classes)} classes only. There is no answer "neither".',
        "One source: a shop's product pictures, made small and grey. On photographs from elsewhere the figures will be"
        " worse.",
        "Chosen among several by validation: the validation figures are too good by nature. The test figure is not, if"
        " it was looked at once, at the end.",
        "Its probabilities have not been checked: a 0.9 need not be right nine times out of ten.",
    ]
    return ["## Limits", "\n".join(f"- {point}" for point in points)]


def _versions():
    versions = f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
    return ["## Made with", f"{versions}; {date.today():%Y-%m-%d}."]


def _source(build):
    try:
        source = inspect.getsource(build).rstrip()
    except (OSError, TypeError):
        return []
    fence = "```"
    while fence in source:
        fence += "`"
    return ["## The function that makes it", f"{fence}python\n{source}\n{fence}"]


def which(classes, word="or"):
    """The classes in words, such as "Dress or Bag"; the first of many."""
    names = list(classes) if len(classes) <= 4 else [*classes[:3], f"{len(classes) - 3} others"]
    return f"{', '.join(names[:-1])} {word} {names[-1]}"


def sure(share):
    """A probability with two decimals; only what is certain is 1.00."""
    return "> 0.99" if 0.995 <= share < 1 else f"{share:.2f}"


def _plain(words):
    """Words as they are: no sign in them means anything to Markdown, and all stand in one line."""
    return "".join(f"\\{sign}" if sign in "\\|`*<[]$" else sign for sign in " ".join(str(words).split()))


def _value(value):
    return f"{value:g}" if isinstance(value, float) else _plain(value)


def _table(head, rows, sides):
    """A table in Markdown. sides: "l" or "r" for each column. What stands in the cells is escaped already."""
    rule = [{"l": ":--", "r": "--:"}[side] for side in sides]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in (head, rule, *rows))
