"""Make the site: pages for Sphinx from the notebooks and documents, then HTML. Runs no notebook, asks no other host."""

import shutil
import tomllib
import warnings

from sphinx.cmd.build import build_main

from tests import notebooks
from tests.links import LESSONS, ROOT
from tests.site import api, glossary, home, launch, lessons

SITE = ROOT / "site"
BUILT = SITE / "_build"


def build(folder=BUILT):
    """Make all pages anew, in `folder`/html. Returns Sphinx's exit code: 0 if there was nothing to warn of."""
    source, html = folder / "source", folder / "html"
    for old in (source, html, folder / "doctrees"):
        shutil.rmtree(old, ignore_errors=True)
    pictures = html / "pictures"
    pictures.mkdir(parents=True)
    write_source(source, pictures)
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--builder", "html", "--conf-dir", str(SITE)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Sphinx's advice to those who write its extensions
        return build_main([*options, "--doctree-dir", str(folder / "doctrees"), str(source), str(html)])


def write_source(source, pictures):
    """What Sphinx makes pages of, in the folder `source`; the pictures of the notebooks go to `pictures`."""
    source.mkdir(parents=True)
    for page in SITE.glob("*.md"):
        shutil.copy(page, source)
    aids = notebooks.read(ROOT / "notebooks" / "study_aids.ipynb")
    table = next(cell for cell in aids.cells if cell.id == "glossary")
    (source / "glossary.md").write_text(glossary.page(table.source), encoding="utf-8")
    terms = glossary.terms(table.source)
    table.source = "## Glossary\n\nAll words are in the [glossary](glossary.md)."
    recorded = tomllib.loads((SITE / "recordings.toml").read_text(encoding="utf-8"))
    for name, notebook in [*((name, None) for name in LESSONS), ("study_aids", aids)]:
        notebook = notebook or notebooks.read(ROOT / "notebooks" / f"{name}.ipynb")
        text = lessons.page(notebook, name, recorded.get(name, ()), terms, pictures)
        (source / f"{name}.ipynb").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "notebooks" / "images" / "panel.png", pictures)  # for a home page without scripts
    (source / "index.md").write_text(home.page(), encoding="utf-8")
    instructors = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
    (source / "instructors.md").write_text(launch.to_pages(instructors), encoding="utf-8")
    (source / "api.md").write_text(api.page(), encoding="utf-8")
