"""The page of the public names: signatures and docstrings, read from the files without running them."""

import ast
import re
import textwrap

from tests.links import ROOT, home

DEFINES = (ast.FunctionDef, ast.ClassDef)
WIDE = 80  # letters of a line of code


def page():
    """All public names of `helpers`, as a page in Markdown."""
    parts = [
        "# The public names",
        "What `from helpers import …` gives, in the order in which the lessons use it. In a notebook, `help(explore)` "
        "says the same.",
    ]
    for name, (where, what) in public().items():
        parts.append(f"## `{name}`\n\n{_sentence(what)}\n\n{_told(name, where)}")
    return "\n\n".join(parts) + "\n"


def public():
    """`helpers.PUBLIC`, {name: (module, what it is)}."""
    for statement in _tree("helpers").body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "PUBLIC":
            return ast.literal_eval(statement.value)


def _told(name, where):
    if where != "helpers":
        return f"{_entry(_definition(name, where))}\n\n{_source(where)}"
    module = f"helpers.{name}"
    entries = [_entry(node, f"{name}.") for node in _members(module)]
    return "\n\n".join([ast.get_docstring(_tree(module)), *entries, _source(module)])


def _members(module):
    """The public functions and classes that a module defines; of a package, those that it brings in."""
    tree = _tree(module)
    if _path(module).name != "__init__.py":
        return [node for node in tree.body if isinstance(node, DEFINES) and not node.name.startswith("_")]
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return [_definition(alias.name, node.module) for node in imports for alias in node.names]


def _definition(name, module):
    for node in _tree(module).body:
        if isinstance(node, DEFINES) and node.name == name:
            return node
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            return _definition(name, node.module)
    raise LookupError(f"{module} has no {name}")


def _entry(node, before=""):
    """What it takes, and its docstring."""
    takes = f"({ast.unparse(node.args)})" if isinstance(node, ast.FunctionDef) else ""
    lines = textwrap.fill(before + node.name + takes, WIDE, subsequent_indent="    ", break_long_words=False)
    return f"```python\n{lines}\n```\n\n{_words(node)}"


def _words(node):
    """Its docstring; what it says of an argument begins with that one's name, and gets a paragraph of its own."""
    return re.sub(r"^(\w+(?:, \w+)*): ", r"\n**\1**: ", ast.get_docstring(node) or "", flags=re.MULTILINE)


def _sentence(words):
    return f"{words[0].upper()}{words[1:]}."


def _source(module):
    path = _path(module).relative_to(ROOT).as_posix()
    return f"[`{path}`](https://github.com/{home().repository}/blob/{home().branch}/{path})"


def _path(module):
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _tree(module):
    return ast.parse(_path(module).read_text(encoding="utf-8"))
