"""What the tests of the site share: the site itself, built once, and a server that gives it to a browser."""

import contextlib
import functools
import gzip
import http.server
import threading

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.lab import find_browser
from tests.site.build import build


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of its pages. Sphinx's warnings are errors."""
    folder = tmp_path_factory.mktemp("site")
    assert build(folder) == 0
    return folder / "html"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Sends text compressed, as GitHub Pages does, and is quiet."""

    def send_head(self):
        path = self.translate_path(self.path)
        if not path.endswith((".html", ".css", ".js", ".svg")):
            return super().send_head()
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            content = gzip.compress(file.read())
            self.send_response(200)
            self.send_header("Content-Type", self.guess_type(path))
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return None
        return self.send_error(404)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(site):
    """Where the site is served: on this machine only."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")  # closed before another file of tests, in the same process, opens one
def browser():
    with sync_playwright() as playwright:
        browser = find_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """A function that opens a page of the site. Meanwhile no error may be told, and no other host asked."""
    visits = []

    def open_page(name, width=1280, scheme="light", folder=None, motion="reduce"):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion=motion
        )
        page, told, asked = context.new_page(), [], []
        page.on("console", lambda message: told.append((message.type, message.text, message.location["url"])))
        page.on("pageerror", lambda error: told.append(("error", str(error), page.url)))
        page.on("request", lambda request: asked.append(request.url))
        page.set_default_timeout(20_000)
        where = folder.as_uri() if folder else address
        visits.append((context, told, asked, where))
        page.goto(f"{where}/{name}.html")
        return page

    yield open_page
    for context, told, asked, where in visits:
        context.close()
        assert not [each for each in told if each[0] in ("error", "warning")]
        assert not [url for url in asked if not url.startswith((where, "data:", "blob:"))]
