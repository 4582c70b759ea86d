"""Lesson 3 in a real JupyterLab, with the keyboard alone: every control of its panels, the replay and the seed
ribbons."""

import json

import numpy as np
import pytest

from tests.browser.lab import check_control, check_curves, wait_until

pytestmark = pytest.mark.slow

NOTEBOOK = "03_overfitting"
MORE, SMALLER, DROPOUT, PENALTIES, AUGMENTED, REPLAY, TOGETHER, LUCK, REAL = PARTS = range(
    9
)  # its live parts, from top to bottom
NAMES = {
    MORE: "more",
    SMALLER: "smaller",
    DROPOUT: "drop",
    PENALTIES: "penalties",
    AUGMENTED: "augmented",
    TOGETHER: "together",
}


@pytest.mark.parametrize(
    "panel, keyword, key",
    [
        (MORE, "epochs", "ArrowLeft"),
        (MORE, "n_train", "ArrowRight"),
        (SMALLER, "filters", "ArrowLeft"),
        (SMALLER, "epochs", "ArrowLeft"),
        (DROPOUT, "dropout", "End"),
        (DROPOUT, "epochs", "ArrowLeft"),
        (PENALTIES, "l2", "ArrowRight"),
        (PENALTIES, "l1", "ArrowRight"),
        (PENALTIES, "epochs", "ArrowLeft"),
        (AUGMENTED, "augment", "Space"),
        (AUGMENTED, "epochs", "ArrowLeft"),
        *((TOGETHER, keyword, "ArrowRight") for keyword in ("n_train", "filters", "dropout", "l2", "l1", "seed")),
        (TOGETHER, "epochs", "PageDown"),
        (TOGETHER, "augment", "Space"),
    ],
)
def test_every_control_of_a_panel_moves_its_curves(lesson, panel, keyword, key):
    check_control(lesson, keyword, key, panel)
    epochs = int(lesson.panel(panel)["epochs"])
    logs = lesson.ask(f"{NAMES[panel]}.history.history")
    check_curves(lesson, {name: values[:epochs] for name, values in logs.items()}, panel)


@pytest.mark.parametrize(
    "keyword, key", [("patience", "Home"), ("patience", "ArrowRight"), ("min_delta", "ArrowRight"), ("patience", "End")]
)
def test_the_replay_moves_its_lines_to_where_the_rule_says_and_trains_nothing(lesson, keyword, key):
    before = lesson.panel(REPLAY)["settings"]
    lesson.tab_to(keyword, REPLAY)
    lesson.page.keyboard.press(key)
    wait_until(lambda: lesson.panel(REPLAY)["settings"] != before, 20, "the rule to move")
    stopped, best, lowest, rule = lesson.ask(
        "[*(lambda r: (int(r.stopped), int(r.best)))(rule.result), float(min(training.history['val_loss'])),"
        " rule.settings]"
    )
    assert json.loads(lesson.panel(REPLAY)["settings"]) == rule and f"epoch {best}" in lesson.panel(REPLAY)["words"]
    drawn = lesson.page.evaluate(
        """panel => {
        const chart = document.querySelectorAll('.live-panel')[panel];
        const ticks = [...chart.querySelectorAll('text.xtick')].map(t => [parseFloat(t.getAttribute('x')),
            +t.textContent]);
        const [a, b] = [ticks[0], ticks[ticks.length - 1]];
        return [...chart.querySelectorAll('path.best')].map(line => {
            const x = parseFloat(line.getAttribute('d').slice(1));
            return a[1] + (x - a[0]) * (b[1] - a[1]) / (b[0] - a[0]);
        });
    }""",
        REPLAY,
    )
    assert any(abs(epoch - best) < 0.2 for epoch in drawn), (drawn, best)
    assert any(abs(epoch - stopped) < 0.2 for epoch in drawn) or stopped == 60, (drawn, stopped)
    assert {frame["state"] for frame in lesson.frames() if frame["index"] == REPLAY} <= {"done", "ready"}


@pytest.mark.parametrize(
    "panel, name, keyword, key",
    [
        (LUCK, "luck", "seeds", "ArrowRight"),
        (LUCK, "luck", "filters (B)", "ArrowLeft"),
        (LUCK, "luck", "filters (A)", "ArrowLeft"),
        (LUCK, "luck", "dropout (B)", "ArrowRight"),
        (LUCK, "luck", "dropout (A)", "ArrowRight"),
        (LUCK, "luck", "augment (B)", "Space"),
        (LUCK, "luck", "augment (A)", "Space"),
        (LUCK, "luck", "epochs", "PageDown"),
        (REAL, "real", "seeds", "ArrowLeft"),
        (REAL, "real", "epochs", "ArrowLeft"),
        (REAL, "real", "deal", "ArrowRight"),
    ],
)
def test_every_control_of_a_ribbon_moves_it_and_its_median_is_the_kernels(lesson, panel, name, keyword, key):
    before = lesson.panel(panel)
    lesson.tab_to(keyword, panel)
    lesson.page.keyboard.press(key)
    after = lesson.wait_for_state("done", panel=panel, after_run=int(before["run"]), seconds=120)
    settings = json.loads(after["settings"])
    assert settings != json.loads(before["settings"]) and after["epoch"] == after["epochs"]
    runs = lesson.ask(
        "{side: [history.history['val_loss'] for history in histories] for side, histories in"
        f" {name}.histories.items()}}"
    )
    for side in "AB":
        assert len(runs[side]) == settings["seeds"]
        epochs = settings[side]["epochs"]
        median = np.median([run[:epochs] for run in runs[side]], axis=0)
        seen = [value for _, value in lesson.curve(f"{side}_val_loss", panel)]
        assert np.allclose(seen, median, atol=0.02 * median.max()), (side, seen, median)
    assert "luck" in after["words"] or "exactly the same" in after["words"]
