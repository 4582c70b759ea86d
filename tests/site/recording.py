"""Recorded runs: what the engine made of a panel at a grid of settings, in a text that a page can read.

A panel's recording is a dict, with a string for each run. Its numbers are written in "Base64 VLQ", the digits of source
maps (https://tc39.es/ecma426/#sec-base64-vlq): small ones take one letter. Of a curve they are the steps from epoch to
epoch, in units of STEP; the words to each number of epochs are places in a list of sentences.
"""

import itertools
import math
import string
from collections import namedtuple

from helpers.curves.history import describe

# Half a pixel of a pane is about a five hundredth of its height. The loss is finer: the best epoch is read from it.
STEP = {"loss": 0.0001, "accuracy": 0.001}
NO_NUMBER = -1  # in place of a step count, for NaN and infinity: losses and accuracies are not below zero
DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"

Run = namedtuple("Run", "history words")  # {metric: values}, and for each number of epochs a sentence


def record(panel, controls, chosen, say=print):
    """Train `panel`, as of `panels.panel`, at each combination of the `chosen` values, {control: values}; a dict.

    controls: as of `panels.controls`. The file has the runs in the order of `settings_of`, whose last control changes
    fastest.
    """
    epochs = controls["epochs"][0] if "epochs" in controls else [panel.settings["epochs"]]
    made = {
        "epochs": {"low": epochs[0], "high": epochs[-1], "start": panel.settings["epochs"]},
        "controls": [_control(name, chosen[name], controls[name][1]) for name in chosen],
        "fixed": {name: value for name, value in panel.settings.items() if name not in ("epochs", *chosen)},
        "metrics": [],
        "steps": [],
        "words": [],
        "runs": [],
    }
    wanted = settings_of(made)
    for number, settings in enumerate(wanted, 1):
        history = panel._trainer.run_with({**settings, "epochs": epochs[-1]}).history
        made["metrics"] = list(history)
        made["steps"] = [STEP[name.removeprefix("val_")] for name in history]
        made["runs"].append(_packed(history, made))
        if number % 20 == 0:
            say(f"  {number} of {len(wanted)} runs")
    return made


def _control(name, values, start):
    # Words for the values as well: to a page 0.0 is 0.
    return {"name": name, "values": list(values), "said": list(map(str, values)), "start": start}


def settings_of(recording):
    """The settings of the runs of a recording, in their order: a list of {keyword: value}."""
    names = [control["name"] for control in recording["controls"]]
    values = itertools.product(*(control["values"] for control in recording["controls"]))
    return [{**recording["fixed"], **dict(zip(names, each, strict=True))} for each in values]


def runs_of(recording):
    """The `Run`s of a recording, in the order of `settings_of`."""
    return [_unpacked(text, recording) for text in recording["runs"]]


def _packed(history, recording):
    parts = []
    for values, step in zip(history.values(), recording["steps"], strict=True):
        levels = [round(value / step) if math.isfinite(value) else NO_NUMBER for value in values]
        parts.append(encoded(level - before for before, level in itertools.pairwise([0, *levels])))
    told, last = [], None
    for epochs in range(1, len(history["loss"]) + 1):
        sentence = describe({name: values[:epochs] for name, values in history.items()}, numbers=False)
        if sentence != last:
            told += [epochs, _place(sentence, recording["words"])]
            last = sentence
    return " ".join([*parts, encoded(told)])


def _place(sentence, words):
    if sentence not in words:
        words.append(sentence)
    return words.index(sentence)


def _unpacked(text, recording):
    *curves, told = map(decoded, text.split(" "))
    history = {}
    for name, step, steps in zip(recording["metrics"], recording["steps"], curves, strict=True):
        levels = itertools.accumulate(steps)
        # Divided, not multiplied: 3 / 1000 is 0.003, and 3 * 0.001 is not.
        history[name] = [math.nan if level == NO_NUMBER else level / round(1 / step) for level in levels]
    sentences = dict(zip(told[::2], told[1::2], strict=True))
    words = []
    for epochs in range(1, len(history["loss"]) + 1):
        words.append(recording["words"][sentences[epochs]] if epochs in sentences else words[-1])
    return Run(history, words)


def encoded(numbers):
    """Whole numbers as Base64 VLQ: five bits to a letter, the least first; the first bit of a number is its sign."""
    letters = []
    for number in numbers:
        rest = 2 * abs(number) + (number < 0)
        while rest >= 32:
            letters.append(DIGITS[32 + rest % 32])
            rest //= 32
        letters.append(DIGITS[rest])
    return "".join(letters)


def decoded(text):
    numbers, number, unit = [], 0, 1
    for digit in map(DIGITS.index, text):
        number += digit % 32 * unit
        unit *= 32
        if digit < 32:
            numbers.append(-(number // 2) if number % 2 else number // 2)
            number, unit = 0, 1
    return numbers
