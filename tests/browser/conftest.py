"""What the browser tests share: one browser and one JupyterLab for a file of tests, and the lesson it opens."""

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.axe import check_access
from tests.browser.lab import Server, check_calm, find_browser, open_lesson


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = find_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def opened(server, browser, request):
    """The lesson that a file of tests names in NOTEBOOK, after Run All; PARTS are the numbers of its live parts.

    axe looks at the whole page in the end."""
    lab = open_lesson(server, browser, request.module.NOTEBOOK, last=request.module.PARTS[-1])
    yield lab
    try:
        check_access(lab)  # last: until then the page has the theme that it opens with
    finally:
        lab.close()


@pytest.fixture
def lesson(opened, request):
    """`opened`, one page for all tests of a file. A test fails if meanwhile a part jumps or the page tells an error."""
    opened.forget_frames()
    yield opened
    check_calm(opened, f"{request.module.NOTEBOOK[:2]}_{request.node.name}", request.module.PARTS)
