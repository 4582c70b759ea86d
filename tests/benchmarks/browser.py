"""From key press to page in a real JupyterLab: the panel against `interact`, in one notebook and one run."""

import statistics
import tempfile

from playwright.sync_api import sync_playwright

from tests.browser.lab import ROOT, Notebook, Server, find_browser, wait_until

EPOCHS = 20
STEPS = 6
CELLS = [
    f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    "import helpers, keras, ipywidgets\n"
    "import matplotlib.pyplot as plt\n"
    "from helpers import data\n"
    "from helpers.parts.explore import explore\n"
    "from tests.networks import digits_network as build\n"
    "digits = data.digits(one_hot=True)",
    f"panel = explore(build, digits, epochs={EPOCHS}, dropout=(0.0, 0.8, 0.2))",
    "def train(dropout=0.2):\n"
    "    model = build(dropout)\n"
    "    history = model.fit(digits.x_train, digits.y_train, validation_data=(digits.x_val, digits.y_val),"
    f" epochs={EPOCHS}, verbose=0).history\n"
    "    figure, places = plt.subplots(1, 2, figsize=(9, 3))\n"
    "    for place, name in zip(places, ('loss', 'accuracy')):\n"
    "        place.plot(history[name], 'o-'); place.plot(history['val_' + name], 's--')\n"
    "    plt.show()\n"
    "box = ipywidgets.interactive(train, dropout=(0.0, 0.8, 0.05))\n"
    "box",
]
# Presses an arrow key on the n-th slider and notes when the page has answered.
PRESS = """index => {
    const handle = document.querySelectorAll('.noUi-handle')[index];
    handle.focus();
    window.pressed_at = performance.now();
    handle.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true, cancelable: true}));
}"""
PICTURES = "() => [...document.querySelectorAll('.jp-OutputArea-output img')].map(image => image.src).join()"


def report_browser():
    """Print the medians over unseen settings, and how often faster the panel is."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(folder)
        try:
            notebook = Notebook(server, find_browser(playwright), "benchmark.ipynb", CELLS)
            notebook.run_all()
            notebook.wait_for_state("done", seconds=120)
            wait_until(lambda: "data:image" in notebook.page.evaluate(PICTURES), 120, "interact's first picture")
            notebook.wait_for_kernel()
            ours = [_step_of_the_panel(notebook) for _ in range(STEPS)]
            theirs = [_step_of_interact(notebook) for _ in range(3)]
        finally:
            server.stop()
    first, done, naive = (statistics.median(values) for values in ([a for a, _ in ours], [b for _, b in ours], theirs))
    print(f"digits network, {EPOCHS} epochs, from key press to page:")
    print(f"  panel: first point {first:.0f} ms, finished curve {done:.0f} ms; interact: {naive:.0f} ms")
    print(
        f"  interact takes {naive / done:.1f} x as long to the finished curve, {naive / first:.1f} x as long to the"
        " first point"
    )


def _step_of_the_panel(notebook):
    notebook.forget_frames()
    run = int(notebook.panel()["run"])
    notebook.page.evaluate(PRESS, 0)
    notebook.wait_for_state("done", after_run=run)
    pressed = notebook.page.evaluate("window.pressed_at")
    frames = [frame for frame in notebook.frames() if int(frame["run"]) > run]
    first = next(frame["at"] for frame in frames if int(frame["epoch"]))
    return first - pressed, frames[-1]["at"] - pressed


def _step_of_interact(notebook):
    before = notebook.page.evaluate(PICTURES)
    notebook.page.evaluate(PRESS, 1)
    notebook.page.wait_for_function(
        f"before => {{ const now = ({PICTURES})(); return now !== before && now.includes('data:image')"
        " && (window.answered_at = performance.now()); }",
        arg=before,
        timeout=120000,
    )
    return notebook.page.evaluate("window.answered_at - window.pressed_at")
