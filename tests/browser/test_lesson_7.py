"""Lesson 7 in a real JupyterLab, with the keyboard alone: the panels on a table, on pictures, on one's own."""

import pytest

from tests.browser.lab import check_control, check_curves

pytestmark = pytest.mark.slow

NOTEBOOK = "07_your_own"
TABLE, SCHEDULE, OWN = PARTS = range(3)  # its live parts, from top to bottom


@pytest.mark.parametrize(
    "panel, name, keyword, key",
    [
        (TABLE, "panel", "units", "ArrowLeft"),
        (TABLE, "panel", "learning_rate", "ArrowRight"),
        (TABLE, "panel", "n_train", "Home"),
        (SCHEDULE, "schedule_panel", "falling", "Space"),
        (SCHEDULE, "schedule_panel", "seed", "ArrowRight"),
        (OWN, "my_panel", "dropout", "ArrowRight"),
        (OWN, "my_panel", "epochs", "Home"),
    ],
)
def test_every_panel_trains_the_network_of_its_section(lesson, panel, name, keyword, key):
    check_control(lesson, keyword, key, panel)
    history = lesson.ask(f"{name}.history.history")
    epochs = int(lesson.panel(panel)["epochs"])
    names = [key for key in ("loss", "val_loss", "accuracy", "val_accuracy") if key in history]
    check_curves(lesson, {key: values[:epochs] for key, values in history.items()}, panel, names)
    assert "val_loss" in names


def test_the_second_opinions_stand_below_the_six_logs(lesson):
    cell = lesson.page.locator(".jp-CodeCell", has_text="second_opinion(log).diagnosis")
    cell.scroll_into_view_if_needed()
    assert cell.locator(".jp-OutputArea").text_content().count("second opinion:") == 6
