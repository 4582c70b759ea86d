"""A lesson as a page of the site: the notebook as it stands, but for what only JupyterLab can do."""

import base64
import hashlib
import json
import re
from html import escape

import nbformat

from tests import links
from tests.site import glossary, launch, slides

PICTURE = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=]+)"')

SUMMARY = re.compile(r"<summary>.*?</summary>")


def page(notebook, name, recorded, terms, pictures):
    """The notebook that Sphinx makes a page of.

    name: of its file, without the ending. recorded: the ids of the cells whose panels have recorded runs. terms: the
    words of the glossary. pictures: a folder, for the pictures of its outputs.
    """
    notebook.metadata.language_info["pygments_lexer"] = "ipython3"  # it can read the set-up cell's lines for the shell
    first = notebook.cells[0]
    if links.LAUNCH_LINE.search(first.source):
        to_slides = {"Slides": f"{slides.name_of(name)}.html"}
        first.source = links.with_launch_links(first.source, launch.row(name, to_slides))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source, terms = glossary.linked(SUMMARY.sub(_with_code, cell.source), terms)
        else:
            _fold(cell)
            for output in cell.outputs:
                _show(output, pictures)
            if cell.id in recorded:
                _put_explorer(cell, name)
    if recorded:
        first.source += f"\n\n{script(name)}"
    return nbformat.writes(notebook)


def _with_code(summary):
    """What stands in a line of HTML is no Markdown any more."""
    return re.sub("`(.+?)`", r"<code>\1</code>", summary[0])


def _fold(cell):
    """What is to be predicted stays behind a fold here, too; the set-up cell says nothing to a reader."""
    folded = cell.metadata.pop("jupyter", {}).get("outputs_hidden")
    cell.metadata["tags"] = [*cell.metadata.get("tags", []), *(["hide-output"] if folded else [])]
    if cell.id == "setup":
        cell.metadata["tags"].append("hide-input")


def _show(output, pictures):
    """Pictures become files beside the page: a browser loads them when they come into sight."""
    if "text/html" in output.get("data", {}):
        output.data = nbformat.from_dict({"text/html": output.data["text/html"]})

        def as_file(found):
            content = base64.b64decode(found[1])
            file = pictures / f"{hashlib.sha256(content).hexdigest()[:16]}.png"
            file.write_bytes(content)
            wide, tall = (int.from_bytes(content[start : start + 4]) for start in (16, 20))
            return f'src="{pictures.name}/{file.name}" loading="lazy" style="aspect-ratio:{wide}/{tall}"'

        output.data["text/html"] = PICTURE.sub(as_file, output.data["text/html"])


def _put_explorer(cell, name):
    """In place of the panel's last picture, recorded runs; without a script, the picture is what there is."""
    output = next(output for output in cell.outputs if "data" in output)
    output.data["text/html"] = explorer(name, cell.id, output.data["text/html"])


def script(lesson):
    """What loads the recorded runs of a lesson."""
    return f'<script defer src="_static/recordings/{lesson}.js"></script>'


def explorer(lesson, cell, still, more=""):
    """The element in which the script `explorer.js` shows the recorded runs of a panel. still: what stands there until
    it does."""
    links = escape(json.dumps(launch.links(lesson)))
    named = f'class="explorer" role="group" aria-label="Recorded runs" data-lesson="{lesson}" data-cell="{cell}"'
    return f'<div {named} data-links="{links}"{more}>{still}</div>'
