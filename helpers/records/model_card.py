"""The model card: what a finished network is for, how it was chosen and trained, what it is worth, and where it fails.

    card = model_card(folder, build, best, clothes, histories, model, result, purpose="sorting second-hand clothes")
    print(card.text)

The idea and the headings: Mitchell and others (2019), "Model Cards for Model Reporting", arXiv:1810.03993.
"""

import contextlib
import inspect
import io
import os
import platform
import uuid
from datetime import date
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from PIL import Image

from helpers.curves.history import CurveError, best_epoch, panes
from helpers.curves.plotting import Picture, draw
from helpers.curves.predictions import RIGHT, WRONG, class_probabilities, confusion_counts
from helpers.curves.sheets import HEIGHT, INK, WIDTH, Sheet, lines_of, shorten
from helpers.error_bars import in_words as share_in_words
from helpers.errors import LessonError
from helpers.records.saved import in_words
from helpers.records.sealed import TestResult

MISTAKES = 8  # of those it is most sure of, how many are shown
SAME = 1e-4  # probabilities that differ by less are the same network's


class ModelCard:
    """What `model_card` has written: `path` (the Markdown), `picture` (the PNG), both `Path`s, and `text` (of the
    Markdown).

    As the last line of a cell, it shows the picture. `alt` is its alt text.
    """

    def __init__(self, path, picture, text, shown):
        self.path, self.picture, self.text, self.alt, self._shown = path, picture, text, shown.alt, shown

    def __repr__(self):
        return f"{self._shown.before} {self.alt}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self._shown._repr_mimebundle_(include, exclude)


def model_card(folder, build, settings, data, histories, model, result, purpose=""):
    """Write `model_card.md` and `model_card.png` into `folder`, all or nothing, and return a `ModelCard`.

    folder: an existing one, as `new_folder` makes it. build: the function that makes the network, and settings, a dict,
    the ones that were chosen for it. data: the dataset, with its test part or without. histories: {seed: what fit
    returned} of the chosen settings, with validation. model: the final trained network. result: what
    `SealedTestSet.score` said of it.
    purpose: what the network is for, in your words.

    Raises `LessonError` where these do not belong together (a result of other classes or of another network), where
    there is no history, and where the files cannot be written; files that were there before are unharmed then.
    """
    folder = _checked_folder(folder)
    if not isinstance(settings, dict):
        raise LessonError(
            "model_card(…, settings, …): the settings should be a dictionary, such as {'learning_rate': 0.001}, not a"
            f" {type(settings).__name__}."
        )
    runs = _checked_runs(histories)
    probabilities = _checked_result(result, data, model)
    mistakes = _most_confident(result, probabilities)
    counts = confusion_counts(result.labels, result.answers, len(result.classes))
    text = (
        "\n\n".join(
            [
                f"# Model card: {_plain(_which(result.classes))}",
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
        )
        + "\n"
    )
    shown = _draw(runs, counts, mistakes, result, settings)
    path, picture = folder / "model_card.md", folder / "model_card.png"
    _write({path: text.encode(), picture: shown.png})
    return ModelCard(path, picture, text, shown)


def _checked_folder(folder):
    if not isinstance(folder, (str, Path)) or not Path(folder).is_dir():
        raise LessonError(
            f"There is no folder {folder!s} for the model card (any more). Make one: folder = new_folder('choice')"
        )
    return Path(folder)


def _checked_runs(histories):
    """{seed: (history, loss Pane, accuracy Pane or None)}"""
    if not isinstance(histories, dict) or not histories:
        raise LessonError(
            "A model card shows the runs of the chosen settings, one for each seed: histories={0: history, 1: …}."
            " Here there are none. Of a sweep's best row they are in: row.histories"
        )
    runs = {}
    for seed, history in histories.items():
        try:
            drawn = panes(history)
        except CurveError as error:
            raise LessonError(f"The run of seed {seed} cannot be read: {error}") from error
        if drawn[0].val is None or not len(drawn[0].val):
            raise LessonError(
                f"The run of seed {seed} has no validation loss, by which the settings were chosen. Train it with"
                " validation data."
            )
        runs[seed] = (
            history,
            drawn[0],
            next((pane for pane in drawn[1:] if "acc" in pane.name and pane.val is not None), None),
        )
    return runs


def _checked_result(result, data, model):
    """The probabilities of the result, shape (n, classes), if result, data and network belong together."""
    if not isinstance(result, TestResult):
        raise LessonError(
            'The result should be what the sealed test set said of the network: result = test.score(model, "the final'
            f' figure"); here it is a {type(result).__name__}.'
        )
    if tuple(result.classes) != tuple(data.class_names):
        raise LessonError(
            f"The result is about {', '.join(result.classes)}, but these data about {', '.join(data.class_names)}."
            " Seal, train and score with one and the same data set."
        )
    if np.shape(result.pictures)[1:] != data.x.shape[1:] or np.ndim(result.pictures) not in (3, 4):
        raise LessonError(
            "A model card shows grey pictures (height, width, 1) like those of the data; the result has the shape"
            f" {np.shape(result.pictures)[1:]}, the data {data.x.shape[1:]}."
        )
    try:
        n = len(data.x_test)
    except LessonError:  # under seal
        n = result.n
    if n != result.n:
        raise LessonError(
            f"The result is about {result.n} test pictures, but these data have {n}. Was it measured with another data"
            " set?"
        )
    if not isinstance(model, keras.Model) or not model.built:
        raise LessonError("model should be the final trained network, the one that was scored.")
    probabilities = class_probabilities(result.probabilities, result.classes)
    try:
        now = class_probabilities(model.predict(result.pictures, verbose=0), result.classes)
    except Exception as error:
        raise LessonError(
            "This network cannot answer the pictures of the test result, so it is not the one that was scored. Hand"
            " over that one."
        ) from error
    if np.abs(now - probabilities).max() > SAME:
        raise LessonError(
            "This network answers the test pictures otherwise than the one that was scored: it is another one, or has"
            " been trained on since. A card must not give one network the figures of another. Hand over the network"
            " that was scored."
        )
    return probabilities


def _most_confident(result, probabilities):
    """The wrong answers, the most confident first: triples (number of the picture, answer, probability)."""
    wrong = np.flatnonzero(result.answers != result.labels)
    sure = probabilities[wrong, result.answers[wrong]]
    order = np.argsort(-sure, kind="stable")
    return [
        (int(number), int(result.answers[number]), float(share))
        for number, share in zip(wrong[order], sure[order], strict=True)
    ]


def _purpose(purpose, result):
    named = _plain(purpose).rstrip(".") or "practice in choosing a network; no other purpose has been named"
    return [
        "## Purpose",
        f"**What it is for:** {named}.",
        f"**What it is not for:** anything but small grey pictures of {_plain(_which(result.classes))}, one garment"
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
    rows = [
        (_layer_name(layer), _shape(layer), f"{layer.count_params():,}")
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer)
    ]
    chosen = [(_plain(name), _value(value), "chosen") for name, value in settings.items()]
    chosen += [(name, _value(value), "default") for name, value in _defaults(build).items() if name not in settings]
    return [
        "## Network",
        f"Made by the function `{_plain(getattr(build, '__name__', 'build'))}` with these settings:",
        _table(["setting", "value", ""], chosen, "lll") if chosen else "(none)",
        _table(["layer", "output", "parameters"], [*rows, ("**total**", "", f"**{model.count_params():,}**")], "llr"),
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
    rows = [
        ("batch size", settings.get("batch_size", "32 (the default; the settings name no other)")),
        (
            "epochs of each run below",
            " or ".join(str(epochs) for epochs in sorted({len(loss.val) for _, loss, _ in runs.values()})),
        ),
    ]
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
        epoch = best_epoch(history) if np.isfinite(loss.val).any() else None
        if epoch is None:
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
        words = [f"Mean validation accuracy, with the 95 % interval for {n} pictures: {share_in_words(right, n)}."]
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
    said = f"**Test accuracy {share_in_words(result.right, result.n)}**"
    return [
        "## Test",
        f"{said}: {result.right} of {result.n} pictures right, with the 95 % interval.",
        f"Opening {result.opening} of the test pictures. Reason given: {_plain(result.reason)}."
        f" {_plain(result.meaning)}".strip(),
    ]


def _confusion(counts, classes):
    names = [_plain(name) for name in classes]
    rows = [(f"**is {name}**", *row) for name, row in zip(names, counts, strict=True)]
    return [
        "### Confusion matrix",
        _table(["test pictures", *(f"said {name}" for name in names)], rows, "l" + "r" * len(names)),
    ]


def _mistakes(mistakes, result):
    said = f"It gets {len(mistakes)} of {result.n} test pictures wrong."
    if not mistakes:
        return ["### What it gets wrong", said]
    kinds = []
    for label, name in enumerate(result.classes):
        answers = result.answers[result.labels == label]
        kinds.append(f"{(answers != label).sum()} of {len(answers)} {_plain(name)}")
    rows = [
        (number, _plain(result.classes[result.labels[number]]), _plain(result.classes[answer]), _sure(share))
        for number, answer, share in mistakes[:MISTAKES]
    ]
    return [
        "### What it gets wrong",
        f"{said} By class: {', '.join(kinds)}. The mistakes that it is most sure of:",
        _table(["picture (from 0)", "is", "said", "probability"], rows, "rllr"),
    ]


def _sure(share):
    """A probability with two decimals; only what is certain is 1.00."""
    return "> 0.99" if 0.995 <= share < 1 else f"{share:.2f}"


def _limits(data, result):
    return [
        "## Limits",
        "\n".join(
            [
                f"- Few pictures: with {result.n} test pictures the accuracy on others may lie anywhere from"
                f" {result.low:.2f} to {result.high:.2f}, and the {data.n_validation} for validation tell even less.",
                f'- {len(result.classes)} classes only. There is no answer "neither".',
                "- One source: a shop's product pictures, made small and grey. On photographs from elsewhere the"
                " figures will be worse.",
                "- Chosen among several by validation: the validation figures are too good by nature. The test figure"
                " is not, if it was looked at once, at the end.",
                "- Its probabilities have not been checked: a 0.9 need not be right nine times out of ten.",
            ]
        ),
    ]


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


def _which(classes, word="or"):
    """The classes in words, such as "Dress or Bag"; the first of many."""
    names = list(classes) if len(classes) <= 4 else [*classes[:3], f"{len(classes) - 3} others"]
    return f"{', '.join(names[:-1])} {word} {names[-1]}"


def _plain(words):
    """Words as they are: no sign in them means anything to Markdown, and all stand in one line."""
    return "".join(f"\\{sign}" if sign in "\\|`*<[]$" else sign for sign in " ".join(str(words).split()))


def _value(value):
    return f"{value:g}" if isinstance(value, float) else _plain(value)


def _table(head, rows, sides):
    """A table in Markdown. sides: "l" or "r" for each column. What stands in the cells is escaped already."""
    rule = [{"l": ":--", "r": "--:"}[side] for side in sides]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in (head, rule, *rows))


def _write(contents):
    """Write files, {path: bytes}: first all beside their places, then each into its place in one step."""
    blocked = next((path for path in contents if path.is_dir()), None)
    if blocked:
        raise LessonError(f"Could not write {blocked}: there is a folder of that name in its place. Rename it.")
    parts = {path: path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}") for path in contents}
    path = None
    try:
        for path, content in contents.items():
            parts[path].write_bytes(content)
        for path, part in parts.items():
            os.replace(part, path)
    except OSError as error:
        raise in_words(error, path, "write") from error
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):  # what kept it from being written may keep it from being deleted, too
                part.unlink(missing_ok=True)


def _draw(runs, counts, mistakes, result, settings):
    """The card's picture, in which no words are a machine's own; its alt text is the same everywhere."""
    figure = Figure(figsize=(WIDTH / 100, 2 * HEIGHT / 100), facecolor="white")
    figure.text(
        0.02,
        0.985,
        f"Model card: {_which(result.classes)}",
        va="top",
        fontsize=13,
        fontweight="bold",
        color=INK,
        parse_math=False,
    )
    said = f"Test accuracy {share_in_words(result.right, result.n)}, opening {result.opening}"
    chosen = " ".join(", ".join(f"{name} {value}" for name, value in settings.items()).split())
    figure.text(0.02, 0.935, said, va="top", fontsize=10, color=INK)
    figure.text(
        0.02,
        0.9,
        chosen if len(chosen) <= 100 else chosen[:99] + "…",
        va="top",
        fontsize=9,
        color=INK,
        parse_math=False,
    )
    _draw_curves(figure.add_axes((0.07, 0.43, 0.5, 0.36)), runs)
    _draw_counts(figure.add_axes((0.73, 0.43, 0.25, 0.32)), counts, result.classes)
    _draw_mistakes(figure, mistakes, result)
    alt = (
        f"Model card of a network that tells {_which(result.classes, 'and')} apart. Learning curves of each seed: loss"
        " against the epoch, training solid, validation dashed. The confusion matrix of the test pictures. The test"
        " pictures it gets wrong, the most confident answers first. All figures are in model_card.md."
    )
    picture = Picture(figure, alt, "The model card is written: model_card.md and model_card.png.")
    picture.png = _fewer_colours(picture.png)
    return picture


def _fewer_colours(png):
    """The same picture with 256 colours, in a third of the bytes: a notebook should stay small."""
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return file.getvalue()


def _draw_curves(axes, runs):
    lines = [line for _, loss, _ in runs.values() for line in lines_of(loss)]
    draw(axes, Sheet("loss", lines, title=f"loss, {len(runs)} seed{'s' * (len(runs) != 1)}"), width=1.2, marker=2.5)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=2, frameon=False, fontsize=9, labelcolor=INK)


def _draw_counts(axes, counts, classes):
    n, names = len(classes), [shorten(name) for name in classes]
    size = 12 if n <= 4 else 7
    axes.set(xlim=(0, n), ylim=(n, 0), xticks=np.arange(n) + 0.5, yticks=np.arange(n) + 0.5)
    for row, column in np.ndindex(n, n):
        share = counts[row, column] / max(1, counts[row].sum())
        axes.fill_between(
            (column, column + 1),
            row,
            row + 1,
            color=RIGHT if row == column else WRONG,
            alpha=0.03 + 0.5 * share,
            linewidth=0,
        )
        axes.text(column + 0.5, row + 0.5, counts[row, column], ha="center", va="center", fontsize=size, color="black")
    axes.xaxis.tick_top()
    axes.set_xticklabels(names, fontsize=min(9, size), rotation=0 if n <= 2 else 90)
    axes.set_yticklabels(names, fontsize=min(9, size))
    axes.set_ylabel("it is", color=INK)
    axes.set_xlabel("the network says", color=INK)
    axes.tick_params(colors=INK, length=0)


def _draw_mistakes(figure, mistakes, result):
    shown = mistakes[:MISTAKES]
    words = f"Wrong: {len(mistakes)} of {result.n} test pictures" + (", most confident first" if shown else "")
    figure.text(0.02, 0.3, words, fontsize=11, color=INK)
    for place, (number, answer, share) in enumerate(shown):
        axes = figure.add_axes((0.02 + place * 0.121, 0.105, 0.113, 0.17))
        axes.imshow(np.squeeze(result.pictures[number]), cmap="gray_r", vmin=0, vmax=1)
        axes.set_axis_off()
        label = result.classes[result.labels[number]]
        for line, text in enumerate((f"is {label}", f"said {result.classes[answer]}", _sure(share))):
            axes.text(
                0.5,
                -0.08 - 0.17 * line,
                shorten(text),
                transform=axes.transAxes,
                ha="center",
                va="top",
                fontsize=8,
                color=INK if line == 0 else WRONG,
                fontweight="bold" if line == 2 else "normal",
            )
