"""A lesson as slides, chosen by a rule, so that nobody has to mark hundreds of cells.

A slide is: the title; the questions, the objectives; the first paragraph below a heading; what is to be predicted, and
the cell that answers it, folded; a picture or a panel; code that defines something; a question of the quiz; the key
points. Each has the heading of its section. Exercises are homework and get none.
"""

import copy
import re

from nbformat.v4 import new_markdown_cell, new_notebook

FOLD = re.compile(r"<details>.*?</details>", re.DOTALL)
HEADING = re.compile(r"##+ (.+)")
# What begins a slide, together with the rest of its cell, and the heading of that slide, where it is not its section's.
WITH_THE_REST = {"**Before you": None, "**Key points**": "Key points"}
ALONE = ("**Questions", "**Objectives")
FOR_ONE_STUDENT = re.compile(r"\b(welcome|predict|quiz|recall|progress|check_\w+)\(")
DEFINES = re.compile(r"^(def|class) ", re.MULTILINE)


def name_of(lesson):
    """The name of the page with a lesson's slides."""
    return f"slides_{lesson}"


def chosen(notebook):
    """The notebook of a lesson's slides. Each begins with a heading; the cells in it are copies."""
    title, cells = notebook.cells[0].source.partition("\n")[0], []
    heading, asked = title.removeprefix("# "), False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading, texts = _slides_of_text(cell.source, heading)
            cells += [new_markdown_cell(f"## {each}\n\n{text}") for each, text in texts]
            asked = asked or "**Before you" in cell.source
        elif not heading.startswith("Exercises") and not FOR_ONE_STUDENT.search(cell.source):
            shown = _slide_of_code(cell, asked)
            cells += [new_markdown_cell(f"## {heading}"), shown] if shown else []
            asked = False
    metadata = {**notebook.metadata, "orphan": True, "nosearch": True}  # no menu leads to it, no search finds it
    return new_notebook(cells=[new_markdown_cell(title), *cells], metadata=metadata)


def _slides_of_text(source, heading):
    """(the heading that holds at its end, [(heading, text) for each slide]) of a cell of text."""
    if source.startswith("**Question "):
        return heading, [("Quiz", source)]
    texts, is_first = [], False
    paragraphs = re.split(r"\n{2,}", FOLD.sub("", source).strip())
    for number, paragraph in enumerate(paragraphs):
        starts = next((words for words in WITH_THE_REST if words in paragraph), None)
        if found := HEADING.fullmatch(paragraph):
            heading, is_first = found[1], True
        elif starts:
            return heading, [*texts, (WITH_THE_REST[starts] or heading, "\n\n".join(paragraphs[number:]))]
        elif (is_first or paragraph.startswith(ALONE)) and "**Exercise" not in paragraph:
            texts.append((heading, paragraph))
            is_first = False
    return heading, [] if heading.startswith("Exercises") else texts


def _slide_of_code(cell, asked):
    """What a slide shows of a code cell, or None for nothing."""
    cell = copy.deepcopy(cell)
    shows = [output for output in cell.outputs if re.search("<(img|svg)", output.get("data", {}).get("text/html", ""))]
    if shows:
        cell.outputs = shows
        cell.metadata["tags"] = [*cell.metadata.get("tags", []), "remove-input"]
    elif not (asked and cell.outputs):
        cell.outputs = []
    return cell if cell.outputs or DEFINES.search(cell.source) else None
