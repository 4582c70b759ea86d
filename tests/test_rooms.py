"""The rooms of `helpers`: who imports whom is as CONTRIBUTING.md says, and points one way."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_imports_are_those_of_the_table():
    modules = {path.stem for path in (ROOT / "helpers").glob("*.py")} - {"__init__"}
    lessons = {name for name in modules if name.startswith("exercises_")}
    table = re.findall(r"^\| `(\w+)`.*\|(.*)\|$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    order = [name for name, _ in table]
    assert set(order) | lessons == modules
    allowed = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in table}
    for name in modules:
        tree = ast.parse((ROOT / "helpers" / f"{name}.py").read_text(encoding="utf-8"))
        imported = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers"):
                parts = node.module.split(".")
                imported |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        known = "exercises_01" if name in lessons else name
        assert imported <= allowed[known], name
        assert all(order.index(other) < order.index(known) for other in imported), name
