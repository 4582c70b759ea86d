"""The live panel in a real JupyterLab in a real browser, driven by the keyboard, as a student meets it."""

import json
import os
import shutil
import time

import pytest

from tests.browser.lab import ROOT, Notebook, check_control, check_curves, wait_until

pytestmark = pytest.mark.slow

SETUP = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    "import helpers, keras\n"
    "from keras import layers\n"
    "from helpers import data\n"
    "from helpers.parts.explore import explore\n"
    "digits = data.digits(one_hot=True)"
)
BUILD = """def build(dropout=0.2):
    model = keras.Sequential([keras.Input((64,)), layers.Dense(64, activation="relu"),
                              layers.Dropout(dropout), layers.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model"""
EXPLORE = "panel = explore(build, digits, epochs=(1, 40, 15), dropout=(0.0, 0.8, 0.2))"
# Slow enough that a run can be caught in the act on any machine.
SLOW_BUILD = """clothes = data.clothing(n_train=2000, n_validation=300, one_hot=True)
def build(dropout=0.2):
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(5, 3, activation="relu"), layers.Dropout(dropout),
                              layers.Conv2D(15, 3, activation="relu"), layers.Flatten(), layers.Dense(10,
                                  activation="softmax")])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model"""
SLOW_EXPLORE = "panel = explore(build, clothes, epochs=(1, 30, 3), dropout=(0.0, 0.8, 0.2))"


@pytest.fixture
def open_notebook(server, browser, request):
    opened = []

    def open_(*cells, name=None):
        notebook = Notebook(server, browser, f"{name or request.node.name.split('[')[0]}.ipynb", [SETUP, *cells])
        opened.append(notebook)
        return notebook

    yield open_
    for notebook in opened:
        if os.environ.get("SCREENSHOTS"):
            notebook.screenshot(os.path.join(os.environ["SCREENSHOTS"], f"{request.node.name}.png"))
        notebook.close()


@pytest.fixture
def lab(open_notebook):
    """A digits panel that has finished its first run."""
    notebook = open_notebook(BUILD, EXPLORE)
    notebook.run_all()
    notebook.wait_for_state("done")
    notebook.forget_frames()
    return notebook


@pytest.fixture
def slow_lab(open_notebook):
    """A clothing panel, slow enough to be caught while it trains, that has finished its first run."""
    notebook = open_notebook(SLOW_BUILD, SLOW_EXPLORE)
    notebook.run_all()
    notebook.wait_for_state("done")
    notebook.forget_frames()
    return notebook


def check_curve_is_the_kernels(lab, panel="panel", index=0):
    """Every point of every curve on the page is that of the kernel's own history."""
    check_curves(lab, lab.ask(f"{panel}.history.history"), index)


def check_one_run_at_a_time(frames):
    """The frames of one panel: run numbers never go back, and each run goes building, training, then an end."""
    runs = [int(frame["run"]) for frame in frames]
    assert runs == sorted(runs)
    order = {"building": 0, "training": 1, "done": 2, "stopped": 2, "error": 2}
    for run in set(runs):
        states = [order[frame["state"]] for frame in frames if int(frame["run"]) == run]
        assert states == sorted(states), [frame for frame in frames if int(frame["run"]) == run]
        points = [int(frame["epoch"]) for frame in frames if int(frame["run"]) == run]
        assert points == sorted(points)


def test_one_step_builds_trains_and_is_complete(lab):
    before = lab.panel()
    lab.press("dropout", "ArrowRight")
    lab.wait_for_state("done", after_run=int(before["run"]))
    frames = lab.frames()
    states = [frame["state"] for frame in frames]
    assert states[0] == "building" and "training" in states and states[-1] == "done"
    assert int(frames[-1]["epoch"]) == 15 == int(frames[-1]["epochs"])
    assert json.loads(frames[-1]["settings"])["dropout"] == 0.25
    check_one_run_at_a_time(frames)
    check_curve_is_the_kernels(lab)


def test_the_curve_grows_while_the_network_trains_and_the_readout_follows_at_once(slow_lab):
    slow_lab.press("epochs", "End")
    slow_lab.wait_for_state("training", after_run=1)
    wait_until(lambda: int(slow_lab.panel()["epoch"]) >= 4, 60, "a point of the curve")
    slow_lab.press("dropout", "ArrowRight")
    assert slow_lab.readout("dropout") == "0.25"  # at once: the run it asks for cannot have finished
    assert slow_lab.panel()["state"] != "done"
    slow_lab.wait_for_state("training", after_run=2)
    wait_until(lambda: int(slow_lab.panel()["epoch"]) >= 3, 60, "the new curve to grow")
    growing = [
        int(frame["epoch"]) for frame in slow_lab.frames() if frame["state"] == "training" and int(frame["run"]) > 2
    ]
    assert {1, 2, 3} <= set(growing)


def test_more_epochs_continue_the_curve_and_fewer_shorten_it(slow_lab):
    first = slow_lab.ask("panel.history.history")
    slow_lab.press("epochs", "ArrowRight", 2)
    now = slow_lab.wait_for_state("done", after_run=1)
    longer = slow_lab.ask("panel.history.history")
    assert now["epochs"] == "5" == now["epoch"] and {name: values[:3] for name, values in longer.items()} == first
    assert min(int(frame["epoch"]) for frame in slow_lab.frames()) >= 3  # it never began again
    check_curve_is_the_kernels(slow_lab)
    run = int(now["run"])
    slow_lab.press("epochs", "ArrowLeft", 3)
    wait_until(
        lambda: slow_lab.panel()["epochs"] == "2" and slow_lab.panel()["state"] == "done", 30, "the shorter curve"
    )
    assert "training" not in {frame["state"] for frame in slow_lab.frames() if int(frame["run"]) > run}
    check_curve_is_the_kernels(slow_lab)


def test_six_quick_steps_end_in_one_complete_curve(slow_lab):
    slow_lab.press("epochs", "ArrowRight", 3)
    slow_lab.press("dropout", "ArrowRight", 6)
    wait_until(
        lambda: json.loads(slow_lab.panel()["settings"])["dropout"] == 0.5 and slow_lab.panel()["state"] == "done",
        90,
        "the last setting",
    )
    frames = slow_lab.frames()
    check_one_run_at_a_time(frames)
    settings = json.loads(slow_lab.panel()["settings"])
    assert slow_lab.readout("dropout") == "0.5" and settings["dropout"] == 0.5
    assert slow_lab.readout("epochs") == "6" and settings["epochs"] == 6 == int(slow_lab.panel()["epoch"])
    finished = {int(frame["run"]) for frame in frames if frame["state"] == "done"}
    assert len({int(frame["run"]) for frame in frames} - finished) >= 1  # at least one was overtaken
    check_curve_is_the_kernels(slow_lab)


def test_both_sliders_in_turn_for_ten_seconds(lab):
    end = time.monotonic() + 10
    steps = 0
    while time.monotonic() < end:
        lab.press("epochs", "ArrowRight" if steps % 3 else "ArrowLeft")
        lab.press("dropout", "ArrowLeft" if steps % 5 == 0 else "ArrowRight")
        steps += 1
    shown = {"epochs": int(lab.readout("epochs")), "dropout": float(lab.readout("dropout"))}

    def settled():
        panel = lab.panel()
        settings = json.loads(panel["settings"])
        return (
            panel["state"] == "done"
            and settings["epochs"] == shown["epochs"]
            and settings["dropout"] == shown["dropout"]
        )

    wait_until(settled, 30, f"the panel to show {shown}")
    assert steps > 10
    check_one_run_at_a_time(lab.frames())
    assert lab.panel()["epoch"] == str(shown["epochs"])
    check_curve_is_the_kernels(lab)


def test_stop_stops_and_the_next_step_trains_again(slow_lab):
    slow_lab.press("epochs", "End")
    wait_until(lambda: int(slow_lab.panel()["epoch"]) >= 4, 60, "training to be under way")
    slow_lab.page.get_by_role("button", name="Stop").focus()
    slow_lab.page.keyboard.press("Enter")
    stopped = slow_lab.wait_for_state("stopped", seconds=10)
    assert 4 <= int(stopped["epoch"]) < 30 and "Stopped" in stopped["words"]
    check_curve_is_the_kernels(slow_lab)
    slow_lab.press("epochs", "Home")
    slow_lab.press("dropout", "ArrowRight")
    assert slow_lab.wait_for_state("done", after_run=int(stopped["run"]))["epoch"] == "1"


def test_interrupting_the_first_run_leaves_a_working_panel(open_notebook):
    lab = open_notebook(SLOW_BUILD, SLOW_EXPLORE.replace("30, 3", "500, 400"), "after = 'it ran'")
    lab.run_all()
    wait_until(lambda: lab.panel() and int(lab.panel()["epoch"]) >= 2, 90, "the first run to be under way")
    lab.page.locator(".jp-Notebook").first.focus()
    lab.menu("Kernel", "Interrupt Kernel")
    stopped = lab.wait_for_state("stopped", seconds=20)
    lab.wait_for_kernel()
    text = " ".join(lab.page.locator(".jp-OutputArea-output").all_text_contents())
    assert "You interrupted the training" in text and "Traceback" not in text
    lab.press("epochs", "Home")
    lab.press("dropout", "ArrowRight")
    assert lab.wait_for_state("done", after_run=int(stopped["run"]))["epoch"] == "1"


def test_running_the_cell_again_and_again_leaves_one_panel_and_one_worker(slow_lab):
    for _ in range(5):
        slow_lab.press("dropout", "ArrowRight")
        slow_lab.run_cell(2)
        wait_until(
            lambda: slow_lab.panel() and slow_lab.panel()["run"] == "1", 60, "the panel of the cell that ran again"
        )
    slow_lab.wait_for_state("done")
    slow_lab.wait_for_kernel()
    assert slow_lab.page.locator(".live-panel").count() == 1
    assert slow_lab.ask("[t.name for t in __import__('threading').enumerate()].count('live panels')") == 1
    slow_lab.press("dropout", "ArrowRight")
    slow_lab.wait_for_state("done", after_run=1)
    check_curve_is_the_kernels(slow_lab)


def test_reloading_the_page_gives_the_panel_back_alive(lab):
    lab.page.keyboard.press("Control+s")
    wait_until(
        lambda: "live-panel" not in lab.page.title() and not lab.page.locator(".jp-mod-dirty").count(),
        20,
        "the notebook to be saved",
    )
    run = int(lab.panel()["run"])
    lab.page.once("dialog", lambda dialog: dialog.accept())
    lab.open()
    wait_until(lambda: lab.panel(), 60, "the panel to come back")
    assert lab.panel()["state"] == "done" and int(lab.panel()["run"]) == run
    lab.press("dropout", "ArrowRight")
    lab.wait_for_state("done", after_run=run)
    check_curve_is_the_kernels(lab)


def test_after_a_kernel_restart_nothing_pretends_to_be_alive_and_running_the_cell_works(lab):
    lab.menu("Kernel", "Restart Kernel…")
    lab.page.locator(".jp-Dialog-button:has-text('Restart')").click()
    lost = lab.page.get_by_text("This panel has lost its kernel")
    lost.wait_for(state="visible", timeout=30000)
    assert not lab.page.locator(".live-panel-state").is_visible()
    lab.wait_for_kernel()
    lab.run_all()
    lab.wait_for_state("done")
    wait_until(lambda: not lost.is_visible(), 20, "the notice to go")
    lab.press("dropout", "ArrowRight")
    lab.wait_for_state("done", after_run=1)
    check_curve_is_the_kernels(lab)


def test_an_error_in_the_builder_is_told_in_the_panel_and_mended_by_running_the_cell_again(open_notebook):
    broken = BUILD.replace("layers.Dropout(dropout)", "layers.Dropout(dropout + (0.5 if dropout > 0.6 else 0))")
    lab = open_notebook(broken, EXPLORE)
    lab.run_all()
    lab.wait_for_state("done")
    height = lab.frames()[-1]["height"]
    lab.press("dropout", "End")
    told = lab.wait_for_state("error")
    assert "rate" in told["words"] and "layers.Dropout(dropout + (0.5" in told["words"] and "line" in told["words"]
    assert lab.frames()[-1]["chart"] and lab.frames()[-1]["height"] == height
    lab.page.locator(".jp-Notebook .jp-CodeCell").last.locator(".cm-content").click()
    assert "LessonError" in lab.ask("(lambda: [type(e).__name__ for e in [panel._error]][0])()")
    lab.press("dropout", "Home")
    lab.wait_for_state("done", after_run=int(told["run"]))
    editor = lab.page.locator(".jp-Notebook .jp-CodeCell").nth(1).locator(".cm-content")
    editor.click()
    lab.page.keyboard.press("Control+a")
    lab.page.keyboard.insert_text(BUILD)
    lab.page.keyboard.press("Shift+Enter")
    lab.run_cell(2)
    lab.wait_for_state("done")
    lab.press("dropout", "End")
    lab.wait_for_state("done", after_run=1)
    check_curve_is_the_kernels(lab)


def test_a_builder_that_fails_at_once_fails_its_cell_in_words(open_notebook):
    lab = open_notebook(BUILD.replace('"relu"', '"rellu"'), EXPLORE)
    lab.run_all()
    told = lab.wait_for_state("error")
    lab.wait_for_kernel()
    text = " ".join(lab.page.locator(".jp-OutputArea-output").all_text_contents())
    assert "rellu" in told["words"] and "LessonError" in text and "Traceback" not in text


def test_the_height_is_constant_and_no_frame_is_without_a_chart(lab):
    for key in ("End", "Home", "ArrowRight"):
        run = int(lab.panel()["run"])
        lab.press("dropout", key)
        lab.wait_for_state("done", after_run=run)
    lab.press("epochs", "End")
    lab.wait_for_state("done", after_run=run)
    frames = lab.frames()
    assert len(frames) > 10
    assert len({frame["height"] for frame in frames}) == 1, {frame["height"] for frame in frames}
    assert all(frame["chart"] for frame in frames)


def test_run_all_with_three_panels_reaches_the_end(open_notebook):
    panels = [EXPLORE.replace("panel =", f"panel{number} =") for number in range(3)]
    lab = open_notebook(BUILD, *panels, "finished = True")
    lab.run_all()
    wait_until(lambda: lab.page.locator(".live-panel").count() == 3, 90, "three panels")
    for number in range(3):
        lab.wait_for_state("done", panel=number)
    lab.wait_for_kernel()
    assert lab.ask("finished") is True
    for number in range(3):
        lab.press("dropout", "ArrowRight", panel=number)
    for number in range(3):
        lab.wait_for_state("done", panel=number, after_run=1)
        check_curve_is_the_kernels(lab, f"panel{number}", number)
    assert "Traceback" not in " ".join(lab.page.locator(".jp-OutputArea-output").all_text_contents())
    assert lab.errors == []


def test_extremes_show_visible_points(lab):
    def settle(**wanted):
        def there():
            panel = lab.panel()
            settings = json.loads(panel["settings"])
            return panel["state"] == "done" and all(settings[name] == value for name, value in wanted.items())

        wait_until(there, 60, f"{wanted}")

    for epochs, dropout in (("Home", "Home"), ("Home", "End"), ("End", "End"), ("End", "Home")):
        lab.press("epochs", epochs)
        lab.press("dropout", dropout)
        settle(epochs={"Home": 1, "End": 40}[epochs], dropout={"Home": 0.0, "End": 0.8}[dropout])
        check_curve_is_the_kernels(lab)
        painted = lab.page.evaluate("""() => [...document.querySelectorAll('.live-panel polyline[data-name]')]
            .map(line => {
            const box = line.closest('svg').getBoundingClientRect();
            const style = getComputedStyle(line);
            const dots = getComputedStyle(line.parentNode.querySelector('.dots'));
            return {name: line.dataset.name, marker: parseFloat(dots.strokeWidth),
                points: line.getAttribute('points').trim().split(/\\s+/).length,
                    shown: style.visibility === 'visible' && box.width > 100};
        })""")
        assert {line["name"] for line in painted} >= {"loss", "val_loss", "accuracy", "val_accuracy"}
        assert all(line["shown"] and line["marker"] > 2 for line in painted)


def test_everything_can_be_reached_with_the_tab_key(lab):
    lab.focus("epochs")
    reached = []
    for _ in range(8):
        reached.append(
            lab.page.evaluate("""() => {
            const focused = document.activeElement;
            const label = focused.closest('.widget-inline-hbox')?.querySelector('.widget-label');
            return label ? label.textContent.trim() : focused.textContent.trim().slice(0, 30);
        }""")
        )
        lab.page.keyboard.press("Tab")
    assert "epochs" in reached and "dropout" in reached and "Stop" in reached


def test_every_control_of_lesson_1_moves_its_panel(server, browser):
    shutil.copytree(ROOT / "notebooks", server.folder / "notebooks", ignore=shutil.ignore_patterns("saved"))
    lab = Notebook(server, browser, "notebooks/01_training_with_fit.ipynb")
    try:
        lab.run_all()
        panels = [("epochs", "dropout", "width", "seed"), ("epochs", "batch_size"), ("epochs", "width", "depth")]
        lab.wait_for_state("done", panel=2, seconds=120)
        lab.wait_for_kernel()
        for panel, keywords in enumerate(panels):
            for keyword in keywords:
                check_control(lab, keyword, panel=panel)
            lab.page.locator(".live-panel").nth(panel).scroll_into_view_if_needed()
            if os.environ.get("SCREENSHOTS"):
                lab.screenshot(os.path.join(os.environ["SCREENSHOTS"], f"lesson_1_panel_{panel}.png"))
        assert lab.errors == []
    finally:
        lab.close()


@pytest.mark.parametrize("trusted", [False, True])
def test_the_committed_notebook_shows_picture_and_sentence_before_it_is_run(server, browser, trusted):
    source = ROOT / "notebooks" / "01_training_with_fit.ipynb"
    name = f"as_committed_{trusted}.ipynb"
    (server.folder / name).write_text(source.read_text())
    if trusted:
        server.trust(name)
    lab = Notebook(server, browser, name)
    try:
        cells = json.loads(source.read_text())["cells"]
        panels = [
            index
            for index, cell in enumerate(cells)
            if "explore(" in "".join(cell["source"]) and cell["cell_type"] == "code"
        ]
        assert panels
        for index in panels:
            cell = lab.page.locator(".jp-Notebook .jp-Cell").nth(index)
            cell.scroll_into_view_if_needed()
            output = cell.locator(".jp-OutputArea")
            output.locator("img").first.wait_for(timeout=30000)
            assert output.locator("img").first.evaluate("image => image.naturalWidth") > 300
            words = output.text_content()
            assert "oss" in words and "VBox(" not in words and "model not found" not in words
    finally:
        lab.close()
