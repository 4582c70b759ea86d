"""The live panels of the lessons, taken out of the notebooks' own cells: no network is typed in again here."""

import ast
import contextlib
import tempfile
from unittest import mock

import matplotlib

import helpers
from helpers.live.controls import value_of
from helpers.parts.explore import Panel
from tests import notebooks


def panel(lesson, cell):
    """The `Panel` that the code cell with the id `cell` makes in the notebook `lesson`; it is not shown, and trains
    nothing."""
    before = []
    for each in notebooks.code_cells(notebooks.read(notebooks.ROOT / "notebooks" / f"{lesson}.ipynb")):
        before += _statements(each.source)
        if each.id == cell:
            break
    shown = max(number for number, statement in enumerate(before) if "explore(" in ast.unparse(statement))
    needed = _that_define(_names(before[shown], ast.Load), before[:shown]) + [before[shown]]
    made = []

    def explore(build, data=None, validation_split=0.2, sample_weight=None, class_weight=None, **forms):
        forms.pop("save_in", None)  # a recording keeps curves, not weights
        made.append(Panel(build, data, validation_split, forms, None, sample_weight, class_weight))

    matplotlib.use("agg")
    folder = tempfile.TemporaryDirectory()  # for what a lesson saves on its way
    with folder, contextlib.chdir(folder.name), mock.patch.dict(vars(helpers), explore=explore):
        exec(compile(ast.Module(needed, []), f"{lesson}, up to {cell}", "exec"), {})
    return made[-1]


def controls(panel):
    """What can be moved in a panel: {name: (values that it allows, where it starts)}."""
    return {name: (_values(control), value_of(control)) for name, control in panel._controls.items()}


def _values(control):
    if hasattr(control, "options"):
        return [value for _, value in control.options]
    if isinstance(control.value, bool):
        return [False, True]
    steps = round((control.max - control.min) / control.step)
    return [round(control.min + number * control.step, 12) for number in range(steps + 1)]


def _statements(source):
    try:
        return ast.parse(source).body
    except SyntaxError:  # the set-up cell, with its lines for the shell
        return []


def _names(tree, context):
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def _bound(statement):
    """The names that a statement defines."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    return _names(statement, ast.Store)


def _that_define(wanted, statements):
    """Those of the statements, in order, on which the values of the names in `wanted` depend."""
    kept = []
    for statement in reversed(statements):
        if _bound(statement) & wanted:
            kept.insert(0, statement)
            wanted = (wanted - _bound(statement)) | _names(statement, ast.Load)
    return kept
