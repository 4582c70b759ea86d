"""The lessons as they are committed, opened and not run: what a student reads before the first cell is run."""

import pytest

from tests.browser.axe import check_access
from tests.browser.lab import ROOT, Notebook

pytestmark = pytest.mark.slow
LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("name", LESSONS)
def test_texts_and_pictures_can_be_read_by_everybody(server, browser, name):
    (server.folder / name).write_bytes((ROOT / "notebooks" / name).read_bytes())
    server.trust(name)
    lab = Notebook(server, browser, name)
    try:
        lab.page.locator(".jp-RenderedMarkdown").first.wait_for(timeout=30000)
        check_access(lab)
    finally:
        lab.close()
