"""Pinned runs as files: their figures, the picture, and the few lines of plain Keras that train them again."""

import ast
import csv
import io
import json

import numpy as np

from helpers.curves import paper
from helpers.engine.builder import name_of
from helpers.engine.settings import DEFAULTS, of_builder, of_training
from helpers.records.saved import in_words, new_folder

HEAD = "# These runs again, in plain Keras. {build} is your function.\n# {data} the data of the panel.\n"
HEAD += "# Each begins with the same weights as in the panel. The order of the examples is another one, so the curves\n"
HEAD += "# differ as they do between two seeds."
CODE = """{head}
import keras

runs = {{
{runs}}}
histories = {{}}
for name, run in runs.items():
    keras.utils.set_random_seed(run["seed"])
    model = {build}(**run["network"])
{few}    histories[name] = model.fit(
{data}        **run["training"],
        verbose=0,
    )
"""
FEW = '    some = keras.tree.map_structure(lambda array: array[: run["n_train"]], (x, y{weights}))\n'


def save(runs, code, drawing):
    """Save `runs` in a new folder, "saved/curves-1" or the next: returns (its path, names of the files).

    runs: [(name, settings, history)]; code: the text of a script; drawing: the chart, as HTML. Raises `LessonError`
    where nothing can be written.
    """
    folder = new_folder("curves")
    files = {"curves.csv": figures(runs).encode(), "runs.py": code.encode()}
    try:
        files["curves.png"] = paper.png(drawing)
    except ImportError:  # in Colab
        files["curves.svg"] = paper.svg(drawing).encode()
    try:
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise in_words(error, folder, "write to") from error
    return folder, list(files)


def figures(runs):
    """The figures of `runs` as CSV: a line for each epoch of each of them."""
    names = list(dict.fromkeys(name for _, _, history in runs for name in history))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["run", "epoch", *names])
    for name, _, history in runs:
        for number, values in enumerate(zip(*history.values(), strict=True), 1):
            row = dict(zip(history, values, strict=True))
            table.writerow([name, number, *(row.get(key, "") for key in names)])
    return text.getvalue()


def script(build, runs, arrays, validation, class_weight=None, weighted=False):
    """The lines of plain Keras that train `runs` again, as text.

    build: the function of the student; runs: [(name, settings, history)]; arrays: whether the data are arrays, x and y,
    and no dataset; validation: whether there are validation data; class_weight: as in `model.fit`; weighted: whether
    each example has a weight.
    """
    few = arrays and any(settings.get("n_train") for _, settings, _ in runs)
    weights, held_out = (", sample_weight" if weighted else ""), "(x_validation, y_validation)"
    names, lines = f"x, y{weights}", ["*some[:2]" if few else "x, y"]
    if not arrays:
        names, lines, held_out = "training", ["training"], "validation"
    elif weighted:
        lines.append(f"sample_weight={'some[2]' if few else 'sample_weight'}")
    if validation:
        names += f" and {held_out.strip('()')}"
        lines.append(f"validation_data={held_out}")
    if class_weight is not None:
        lines.append(f"class_weight={_literal(class_weight)}")
    return CODE.format(
        head=HEAD.format(build=name_of(build), data=f"{names} {'are' if ',' in names or validation else 'is'}"),
        runs="".join(_run(build, name, settings, arrays, few) for name, settings, _ in runs),
        build=name_of(build),
        few=FEW.format(weights=weights) if few else "",
        data="".join(f"        {line},\n" for line in lines),
    )


def _run(build, name, settings, arrays, few):
    training = of_training(settings)
    told = {key: training[key] for key in ("epochs", "batch_size") if key in training and (arrays or key == "epochs")}
    parts = {"network": of_builder(build, settings), "training": told, "seed": training.get("seed", DEFAULTS["seed"])}
    if few:
        parts["n_train"] = training.get("n_train")
    lines = "".join(f'        "{key}": {_literal(value)},\n' for key, value in parts.items())
    return f"    {_literal(name)}: {{\n{lines}    }},\n"


def _literal(value):
    """A value as Python: what has a name of its own, such as a function of the student's, by that."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(each)}' for key, each in value.items())}}}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    value = value.item() if isinstance(value, np.generic) else value
    try:
        ast.literal_eval(repr(value))
        return repr(value)
    except (SyntaxError, ValueError):
        return getattr(value, "__name__", "...")
