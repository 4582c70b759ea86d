"""Run the lessons from a fresh kernel and write them in one normal form: small, without traces of a machine.

    python -m tests.notebooks            every lesson
    python -m tests.notebooks 01 03      those whose file name begins so
    python -m tests.notebooks --check    run nothing, write nothing: is each in normal form?

What only its author can mend (an image without alt text, a warning) is said, and that notebook is not written.
"""

import argparse
import base64
import io
import itertools
import json
import os
import re
import sys
from collections import Counter
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image, UnidentifiedImageError

ROOT = Path(__file__).resolve().parent.parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
KEPT_OF_A_CELL = ("alt", "tags")  # of its metadata; the rest says how a cell was run on one machine
FOLDED = {"outputs_hidden": True}  # as cell.metadata.jupyter: a reader of JupyterLab runs the cell to see its output
VIEW = "application/vnd.jupyter.widget-view+json"
COLOURS, ENOUGH = 16, 32  # of a picture that is not ours, and of ours: nobody sees that there are no more
LARGEST_IMAGE = 100 * 1024  # bytes
TIMEOUT = 600  # seconds for one cell


def lessons(folder=ROOT / "notebooks"):
    """The paths of all lessons, in order: their names begin with a number."""
    return sorted(folder.glob("[0-9]*.ipynb"))


def read(path):
    """The notebook in a file. A cell without an id, or with one that another cell has, gets a numbered one."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    content["nbformat_minor"] = max(5, content.get("nbformat_minor", 0))
    taken = Counter(cell.get("id") for cell in content["cells"])
    free = (name for name in map("cell-{}".format, itertools.count(1)) if name not in taken)
    seen = set()
    for cell in content["cells"]:
        if not cell.get("id") or cell["id"] in seen:
            cell["id"] = next(free)
        seen.add(cell["id"])
    return nbformat.reads(json.dumps(content), as_version=4)


def to_text(notebook):
    """A notebook as it stands in its file."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def write(notebook, path):
    Path(path).write_text(to_text(notebook), encoding="utf-8", newline="\n")


def execute(notebook, folder):
    """Run all cells in `folder`, in a fresh kernel of this Python. An exception in a cell without the tag
    raises-exception is raised as CellExecutionError."""
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # this environment's kernel, not the user's own
    os.environ["LAB_BOOK"] = "off"  # what its author has done in a lesson is not in it
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    notebook.metadata.pop("widgets", None)
    NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    ).execute()


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def normalise(notebook):
    """Bring a notebook into normal form, in place. Returns what only its author can mend, a sentence each."""
    problems = []
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(METADATA)
    runs = itertools.count(1)
    for position, cell in enumerate(notebook.cells):
        folded = cell.metadata.get("jupyter", {}).get("outputs_hidden")
        cell.metadata = _only(cell.metadata, KEPT_OF_A_CELL)
        if folded:
            cell.metadata["jupyter"] = nbformat.from_dict(FOLDED)
        cell.source = cell.source.strip("\n")
        where = f"cell {position} ({cell.source.partition(chr(10))[0][:50]!r})"
        if not cell.source.strip():
            problems.append(f"{where} is empty: delete it")
        elif cell.cell_type == "code":
            cell.execution_count = next(runs)
            problems += [f"{where} {problem}" for problem in _normalise_outputs(cell)]
    return problems


def _normalise_outputs(cell):
    """Bring the outputs of a code cell into normal form. Returns what is wrong with them."""
    problems = []
    alts = cell.metadata.get("alt", [])
    alts = iter([alts] if isinstance(alts, str) else alts)
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            problems.append(f"writes to stderr, and a lesson should be clean: {output.text.strip()[:200]!r}")
        elif output.output_type == "error":
            # A whole traceback names the folders of one machine; whoever runs the cell sees theirs.
            output.traceback = [f"{output.ename}: {output.evalue}"]
            if "raises-exception" not in cell.metadata.get("tags", []):
                problems.append(f"raises {output.ename}; if that is what it is there to show, tag it raises-exception")
        elif "data" in output:
            problems += _normalise_data(output, alts)
        if output.output_type == "execute_result":
            output.execution_count = cell.execution_count
        if any(folder in json.dumps(output) for folder in (str(ROOT), sys.prefix)):
            problems.append("shows the name of a folder of this machine")
    cell.outputs = _joined([output for output in cell.outputs if output.get("data", True)])
    return problems


def _normalise_data(output, alts):
    """Bring what a cell displays into normal form. `alts`: alt texts of its author for images that have none."""
    problems = []
    output.data.pop(VIEW, None)
    if re.match(r"[A-Z]\w+\((children|value)=", output.data.get("text/plain", "")):
        problems.append(
            "leaves only the name of a widget to readers without a kernel: show them a picture or a sentence"
        )
    _fewer_colours(output.data)
    images = [mime for mime in output.data if mime.startswith("image/")]
    output.metadata = _only(output.metadata, images)
    for mime in images:
        content = output.data[mime]
        size = len(content.encode() if mime == "image/svg+xml" else base64.b64decode(content))
        if size > LARGEST_IMAGE:
            problems.append(f"has an image of {size / 1024:.0f} KiB; at most {LARGEST_IMAGE // 1024} are allowed")
        about = output.metadata.setdefault(mime, nbformat.NotebookNode())
        if not about.get("alt"):
            about["alt"] = next(alts, "")
        if not about["alt"]:
            problems.append(
                "has an image without alt text: say in the cell's metadata what it shows, "
                'as "alt": "…" (or a list of texts, one for each image)'
            )
        elif mime == "image/png" and 'class="own-picture"' in output.data.get("text/html", 'class="own-picture"'):
            # Not above: whoever only reads notebooks need not wait for TensorFlow, which comes with it.
            from helpers.curves import own_pictures

            # JupyterLab takes alt text from HTML only. The author says more than the figure itself can tell.
            output.data["text/html"] = own_pictures.html(content, about["alt"])
    return problems


def _fewer_colours(data):
    """Leave COLOURS colours to each PNG of an output, also inside its HTML: nobody sees it, and it takes a third."""
    found = {data["image/png"]} if "image/png" in data else set()
    found |= set(re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", data.get("text/html", "")))
    for before in found:
        try:
            picture = Image.open(io.BytesIO(base64.b64decode(before)))
        except UnidentifiedImageError:  # its size will be told all the same
            continue
        if picture.mode == "P" and len(picture.getcolors()) <= ENOUGH:
            continue
        file = io.BytesIO()
        on_white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
        on_white.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, "png", optimize=True)
        after = base64.b64encode(file.getvalue()).decode()
        for mime in ("image/png", "text/html"):
            if mime in data:
                data[mime] = data[mime].replace(before, after)


def _joined(outputs):
    """The outputs, with neighbouring pieces of one stream as one: where it was cut is chance."""
    joined = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _only(metadata, names):
    return nbformat.from_dict({name: metadata[name] for name in names if name in metadata})


def check(path):
    """What keeps a file from being a lesson in normal form, a sentence each. Runs nothing."""
    notebook = read(path)
    problems = normalise(notebook)
    if not problems and Path(path).read_bytes() != to_text(notebook).encode():
        problems.append("is not in normal form: run python -m tests.notebooks")
    return problems


def rewrite(path):
    """Run a lesson and write it in normal form. Returns what its author has to mend first."""
    notebook = read(path)
    try:
        execute(notebook, Path(path).parent)
    except CellExecutionError as error:
        return [f"does not run to its end:\n{error}"]
    problems = normalise(notebook)
    if not problems:
        write(notebook, path)
    return problems


def main(arguments=None, folder=ROOT / "notebooks"):
    parser = argparse.ArgumentParser(prog="python -m tests.notebooks", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="beginnings of file names; none: all")
    parser.add_argument("--check", action="store_true", help="only say whether each is in normal form")
    options = parser.parse_args(arguments)
    chosen = [path for path in lessons(folder) if path.name.startswith(tuple(options.names) or "")]
    if not chosen:
        parser.error("no such notebook")
    wrong = 0
    for path in chosen:
        problems = (check if options.check else rewrite)(path)
        wrong += bool(problems)
        for problem in problems or ["is in normal form" if options.check else "written"]:
            print(f"{path.name}: {problem}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
