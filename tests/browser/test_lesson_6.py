"""Lesson 6 in a real JupyterLab, with the keyboard alone: the panel, the ribbon, the chooser with its table, the
winner's curse."""

import json

import numpy as np
import pytest

from tests.browser.lab import check_control, check_curves, wait_until

pytestmark = pytest.mark.slow

NOTEBOOK = "06_choosing_a_model"
PANEL, RIBBON, CHOOSER, GAME = PARTS = range(4)  # its live parts, from top to bottom


@pytest.mark.parametrize(
    "keyword, key",
    [
        ("augment", "Space"),
        ("dropout", "Home"),
        ("learning_rate", "ArrowRight"),
        ("seed", "ArrowRight"),
        ("epochs", "ArrowLeft"),
    ],
)
def test_every_control_of_the_panel_moves_its_curves(lesson, keyword, key):
    check_control(lesson, keyword, key, PANEL)
    epochs = int(lesson.panel(PANEL)["epochs"])
    logs = lesson.ask("panel.history.history")
    check_curves(lesson, {name: values[:epochs] for name, values in logs.items()}, PANEL)


@pytest.mark.parametrize("keyword, key", [("seeds", "Home"), ("epochs", "Home"), ("dropout", "ArrowLeft")])
def test_every_control_of_the_ribbon_moves_it(lesson, keyword, key):
    before = lesson.panel(RIBBON)
    lesson.tab_to(keyword, RIBBON)
    lesson.page.keyboard.press(key)
    after = lesson.wait_for_state("done", panel=RIBBON, after_run=int(before["run"]), seconds=200)
    assert json.loads(after["settings"]) != json.loads(before["settings"]) and after["epoch"] == after["epochs"]


def rows(lesson):
    """The table on the page: for each row the texts of its cells."""
    return lesson.page.evaluate("""() => [...document.querySelectorAll('table.scoreboard tbody tr')]
        .map(row => [...row.cells].map(cell => cell.textContent.trim()))""")


def test_the_table_shows_the_sweep_sorted_by_validation_loss(lesson):
    found, sweep = rows(lesson), lesson.ask("[[row.settings, row.loss, row.accuracy] for row in choice.sweep.rows]")
    assert len(found) == len(sweep) == 36 and lesson.ask("choice.sweep.complete")
    for cells, (settings, loss, accuracy) in zip(found, sorted(sweep, key=lambda row: row[1]), strict=True):
        assert cells[1:5] == [str(value) for value in settings.values()]
        assert cells[5] == f"{loss:.3f}" and cells[6].startswith(f"{accuracy:.2f} (between")
    assert dict(zip(sweep[0][0], found[0][1:5], strict=True)) == {
        name: str(value) for name, value in lesson.ask("choice.best").items()
    }


@pytest.mark.parametrize(
    "by, column", [("validation accuracy", 6), ("optimizer", 3), ("learning_rate", 4), ("validation loss", 5)]
)
def test_the_table_is_sorted_by_what_the_student_chooses(lesson, by, column):
    run = lesson.panel(CHOOSER)["run"]
    lesson.tab_to(by, CHOOSER)
    lesson.page.keyboard.press("Enter")
    wait_until(
        lambda: json.loads(lesson.panel(CHOOSER)["settings"])["sort by"] == by, 20, f"the table to be sorted by {by}"
    )
    shown = [cells[column] for cells in rows(lesson)]
    if by in ("validation accuracy", "validation loss"):
        figures = [float(text.split()[0]) for text in shown]
        assert figures == sorted(figures, reverse=by == "validation accuracy")
    else:
        grid = [str(value) for value in lesson.ask("grid")[by]]
        assert [grid.index(text) for text in shown] == sorted(grid.index(text) for text in shown)
    assert lesson.page.locator("table.scoreboard th[aria-sort]").inner_text().startswith(by)
    assert lesson.panel(CHOOSER)["run"] == run  # nothing has been trained for it


def test_the_row_slider_opens_the_curves_of_a_row(lesson):
    lesson.tab_to("row", CHOOSER)
    lesson.page.keyboard.press("Home")
    for _ in range(3):
        lesson.page.keyboard.press("ArrowRight")
    wait_until(lambda: json.loads(lesson.panel(CHOOSER)["settings"])["row"] == 4, 20, "row 4")
    settings = json.loads(lesson.panel(CHOOSER)["settings"])["settings"]
    assert [str(value) for value in settings.values()] == rows(lesson)[3][1:5]
    assert lesson.page.locator("table.scoreboard tr[aria-current]").inner_text().startswith("▸ 4")
    logs = lesson.ask(
        f"[history.history for row in choice.sweep.rows if row.settings == {settings!r} for history in"
        " row.histories.values()]"
    )
    drawn = lesson.page.evaluate(
        """() => [...document.querySelectorAll('.live-panel')[2].querySelectorAll('polyline[data-name]')].map(line =>
            line.dataset.name)"""
    )
    seen = [lesson.curve(name, CHOOSER) for name in drawn if "val_loss" in name]
    assert len(seen) == len(logs) == 3
    known = sorted(history["val_loss"][-1] for history in logs)
    assert np.allclose(sorted(curve[-1][1] for curve in seen), known, atol=0.02)


def chosen_row(lesson):
    return json.loads(lesson.panel(CHOOSER)["settings"])["row"]


def test_a_row_that_is_clicked_opens_its_curves(lesson):
    for number in (4, 1):
        lesson.page.locator("table.scoreboard tbody tr").nth(number - 1).locator("td").first.click()
        wait_until(lambda wanted=number: chosen_row(lesson) == wanted, 20, f"row {number} to be chosen")


def test_stop_and_go_on_lose_nothing(lesson):
    """The cell again, with nothing kept from before: stopped in the midst of it, then gone on with."""
    before = lesson.ask("[row.loss for row in choice.sweep.rows]")
    cells = lesson.page.locator(".jp-Notebook .jp-CodeCell")
    number = next(number for number in range(cells.count()) if "choice = choose(" in cells.nth(number).inner_text())
    cells.nth(number).locator(".cm-content").click()
    lesson.page.keyboard.press("Control+a")
    lesson.page.keyboard.type("choice = choose(candidate, clothes, grid, seeds=(0, 1, 2), epochs=20)")
    lesson.page.keyboard.press("Shift+Enter")
    lesson.wait_for_state("training", panel=CHOOSER, seconds=60)
    wait_until(lambda: int(lesson.panel(CHOOSER)["epoch"]) >= 5, 120, "a few trainings to be finished")
    lesson.tab_to("Stop", CHOOSER)
    lesson.page.keyboard.press("Enter")
    stopped = lesson.wait_for_state("stopped", panel=CHOOSER, seconds=60)
    finished = int(stopped["epoch"])
    assert 5 <= finished < 108 and "Go on" in stopped["words"]
    lesson.forget_frames()
    lesson.tab_to("Go on", CHOOSER)
    lesson.page.keyboard.press("Enter")
    after = lesson.wait_for_state("done", panel=CHOOSER, after_run=int(stopped["run"]), seconds=300)
    assert after["epoch"] == after["epochs"] == "108"
    assert (
        min(int(frame["epoch"]) for frame in lesson.frames() if frame["index"] == CHOOSER) >= finished
    )  # none was trained again
    assert np.array_equal(lesson.ask("[row.loss for row in choice.sweep.rows]"), before)


@pytest.mark.parametrize(
    "keyword, key", [("tries", "ArrowLeft"), ("n_validation", "End"), ("shuffled", "Space"), ("seed", "ArrowRight")]
)
def test_every_control_of_the_game_plays_on(lesson, keyword, key):
    before = lesson.panel(GAME)
    lesson.tab_to(keyword, GAME)
    lesson.page.keyboard.press(key)
    after = lesson.wait_for_state("done", panel=GAME, after_run=int(before["run"]), seconds=120)
    assert (
        json.loads(after["settings"])[keyword]
        == lesson.ask(f"game.settings['{keyword}']")
        != json.loads(before["settings"])[keyword]
    )
    assert after["epoch"] == after["epochs"] and after["opened"] == "0"
    assert f"{lesson.ask('float(game.accuracies.max())'):.2f}" in after["words"]


def test_the_test_set_of_the_game_is_opened_by_its_button_and_sealed_by_the_next_move(lesson):
    assert lesson.ask("game.test_accuracy") is None
    before = lesson.panel(GAME)
    lesson.tab_to("Open the game's test set", GAME)
    lesson.page.keyboard.press("Enter")
    opened = lesson.wait_for_state("done", panel=GAME, after_run=int(before["run"]))
    assert opened["opened"] == "1" and f"{lesson.ask('float(game.test_accuracy)'):.2f}" in opened["words"]
    lesson.tab_to("tries", GAME)
    lesson.page.keyboard.press("ArrowLeft")
    sealed = lesson.wait_for_state("done", panel=GAME, after_run=int(opened["run"]))
    assert sealed["opened"] == "0" and lesson.ask("game.test_accuracy") is None
