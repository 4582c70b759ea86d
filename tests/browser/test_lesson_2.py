"""Lesson 2 in a real JupyterLab, played to its end with the keyboard alone: its panels, the sketch, the clinic."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from helpers.curves.diagnosis import PATTERNS
from helpers.curves.signs import ALL, SIGNS, TELL_NOTHING
from helpers.parts.causes import HELPS, PRESCRIPTIONS, why_not
from tests.browser.lab import check_control, check_curves, wait_until

pytestmark = pytest.mark.slow

NOTEBOOK = "02_learning_curves"
GAP, SKETCH, CLINIC, EXPLORE = PARTS = range(4)  # its live parts, from top to bottom
CASES = range(1, 9)
WRONG_NAMES, WRONG_SIGNS, WRONG_PRESCRIPTIONS = (1, 4, 8), (2,), (1, 6)  # the cases that are answered wrongly first


def show(lesson, panel, name):
    """Take a picture of a panel, if anybody wants pictures."""
    if os.environ.get("SCREENSHOTS"):
        lesson.page.evaluate(
            """panel => {
            window.panel_boxes()[panel].scrollIntoView({block: 'center'});
            return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        }""",
            panel,
        )
        lesson.screenshot(Path(os.environ["SCREENSHOTS"]) / f"lesson_2_{name}.png")


def push(lesson, words, panel, key="Enter"):
    """Tab to a button and push it."""
    lesson.tab_to(words, panel)
    lesson.page.keyboard.press(key)


def wait_for_words(lesson, panel, words, seconds=20):
    return wait_until(
        lambda: words in lesson.panel(panel)["words"] and lesson.panel(panel)["words"], seconds, f"the words {words!r}"
    )


def test_run_all_reaches_the_end(lesson):
    prompts = lesson.page.locator(".jp-Notebook .jp-CodeCell .jp-InputArea-prompt").all_text_contents()
    assert prompts and all(re.fullmatch(r"\[\d+\]:", prompt.strip()) for prompt in prompts), prompts
    assert lesson.page.locator(".live-panel").count() == 4


@pytest.mark.parametrize(
    "keyword, key", [("epochs", "ArrowRight"), ("dropout", "PageUp"), ("batch_norm", "Space"), ("epochs", "ArrowLeft")]
)
def test_the_gap_panel_obeys_its_controls_and_its_parts_add_up(lesson, keyword, key):
    check_control(lesson, keyword, key, GAP)
    logs, parts = lesson.ask("[gap.history.history, gap.parts]")
    check_curves(
        lesson,
        {name: values[: int(lesson.panel(GAP)["epochs"])] for name, values in logs.items()},
        GAP,
        ("loss", "val_loss"),
    )
    near = 0.01 * max(
        map(abs, (value for values in [logs["loss"], logs["val_loss"], *parts.values()] for value in values))
    )
    seen = {name: [value for _, value in lesson.curve(name, GAP)] for name in ("loss", "val_loss", *parts)}
    for epoch in range(int(lesson.panel(GAP)["epochs"])):
        assert abs(sum(seen[name][epoch] for name in parts) - (seen["loss"][epoch] - seen["val_loss"][epoch])) < near, (
            epoch,
            seen,
        )
        assert all(abs(seen[name][epoch] - parts[name][epoch]) < near for name in parts), (epoch, seen, parts)
    show(lesson, GAP, f"gap_{keyword}_{key}")


@pytest.mark.parametrize(
    "keyword, key",
    [
        ("epochs", "ArrowRight"),
        ("n_train", "ArrowRight"),
        ("learning_rate", "ArrowRight"),
        ("filters", "ArrowLeft"),
        ("pool", "ArrowRight"),
        ("dropout", "ArrowRight"),
    ],
)
def test_every_control_of_the_last_panel_moves_it(lesson, keyword, key):
    check_control(lesson, keyword, key, EXPLORE)
    check_curves(lesson, lesson.ask("panel.history.history"), EXPLORE)
    show(lesson, EXPLORE, f"explore_{keyword}")


def test_draw_it_first_is_played_to_the_end_twice(lesson):
    knots = lesson.ask("guess._knots")
    names = [f"epoch {knot}" for knot in knots]

    def drawn():
        line = dict((round(epoch), value) for epoch, value in lesson.curve("guess", SKETCH))
        return [line[knot] for knot in knots]

    def follows():
        return all(
            abs(float(lesson.readout(name, SKETCH)) - value) < 0.01 for name, value in zip(names, drawn(), strict=True)
        )

    push(lesson, "Commit", SKETCH)
    wait_for_words(lesson, SKETCH, "Move at least one point first")
    assert (lesson.panel(SKETCH)["state"], lesson.panel(SKETCH)["run"]) == ("ready", "0")

    falls = [("ArrowUp", 7), ("ArrowLeft", 4), ("ArrowDown", 8), ("ArrowLeft", 9), ("PageDown", 2)]
    turns = [("ArrowLeft", 3), ("Home", 1), ("ArrowRight", 4), ("ArrowRight", 9), ("End", 1)]
    for run, (moves, key) in enumerate(((falls, "Enter"), (turns, "Space")), 1):
        for name, (step, times) in zip(names, moves, strict=True):
            before = lesson.readout(name, SKETCH)
            lesson.tab_to(name, SKETCH)
            for _ in range(times):
                lesson.page.keyboard.press(step)
            assert lesson.readout(name, SKETCH) != before
            wait_until(follows, 2, f"the guess to follow {name}")
        guess = drawn()
        assert lesson.panel(SKETCH)["state"] == "ready" and not lesson.curve("val_loss", SKETCH)
        show(lesson, SKETCH, f"sketch_{run}_guess")

        push(lesson, "Commit", SKETCH, key)
        done = lesson.wait_for_state("done", panel=SKETCH, after_run=run - 1)
        grown = {
            int(frame["epoch"]) for frame in lesson.frames() if frame["index"] == SKETCH and frame["run"] == str(run)
        }
        assert len(grown) > (4 if run == 1 else 1) and max(grown) == 40  # the same run again is there at once
        check_curves(lesson, lesson.ask("guess.history.history"), SKETCH, ("loss", "val_loss"))
        show(lesson, SKETCH, f"sketch_{run}_run")
        for name in names:
            before = lesson.readout(name, SKETCH)
            lesson.tab_to(name, SKETCH)
            lesson.page.keyboard.press("Home")
            assert lesson.readout(name, SKETCH) == before  # it is locked
        assert np.allclose(drawn(), guess, atol=0.005)

        apart = [
            (epoch, mine, its)
            for (epoch, mine), (_, its) in zip(
                lesson.curve("guess", SKETCH), lesson.curve("val_loss", SKETCH), strict=True
            )
        ]
        said = re.search(
            r"part most at epoch (\d+): you drew ([\d.]+), it came to ([\d.]+), ([\d.]+) (higher|lower)", done["words"]
        )
        epoch, mine, its = apart[int(said[1]) - 1]
        assert round(epoch) == int(said[1]) and abs(mine - float(said[2])) < 0.02 and abs(its - float(said[3])) < 0.02
        assert abs(abs(its - mine) - max(abs(its - mine) for _, mine, its in apart)) < 0.02
        assert (said[5] == "higher") == (its > mine) and "shape" in done["words"]

        push(lesson, "Draw again", SKETCH, key)
        wait_until(lambda: lesson.panel(SKETCH)["state"] == "ready", 10, "the sliders to be free again")
        assert not lesson.curve("val_loss", SKETCH) and np.allclose(drawn(), guess, atol=0.005)


def places(lesson):
    """Where each button of the clinic stands in it, and its chart."""
    return lesson.page.evaluate(
        """panel => {
        const box = window.panel_boxes()[panel], corner = box.getBoundingClientRect();
        return [...box.querySelectorAll('button, .live-panel')].map(part => {
            const place = part.getBoundingClientRect();
            return [place.x - corner.x, place.y - corner.y, place.width, place.height].map(Math.round).join(' ');
        });
    }""",
        CLINIC,
    )


def title_touches(lesson):
    """What of the clinic's chart its title lies over."""
    return lesson.page.evaluate(
        """panel => {
        const title = window.panel_boxes()[panel].querySelector('.live-panel .heading'),
            place = title.getBoundingClientRect();
        return [...title.parentNode.querySelectorAll('svg path, svg text')].filter(e => {
            const whole = e.getBoundingClientRect(), cut = e.closest('svg').getBoundingClientRect();
            const other = {left: whole.left, right: whole.right,  // a loss that explodes leaves its picture, unseen
                top: Math.max(whole.top, cut.top), bottom: Math.min(whole.bottom, cut.bottom)};
            return other.left < place.right && place.left < other.right && other.top < place.bottom &&
                place.top < other.bottom;
        }).map(e => e.outerHTML);
    }""",
        CLINIC,
    )


def secrets(lesson):
    """The clinic's HTML but for the buttons with names and prescriptions; and the HTML of those."""
    return lesson.page.evaluate(
        """([panel, words]) => {
        const box = window.panel_boxes()[panel].cloneNode(true);
        const buttons = [...box.querySelectorAll('button')].filter(b => words.includes(b.textContent.trim()));
        buttons.forEach(b => b.remove());
        return [box.outerHTML, buttons.map(b => b.outerHTML)];
    }""",
        [CLINIC, [*PATTERNS, *ALL, *PRESCRIPTIONS]],
    )


def wait_for_title(lesson, words):
    title = lesson.page.locator(".live-panel").nth(CLINIC).locator(".lab-chart > .heading")
    wait_until(lambda: title.text_content() == words, 20, f"the chart of {words}")


def reasons(lesson):
    """The row of signs."""
    return lesson.page.locator(".live-part:not(.live-asked) .live-answers").nth(1)


def cures(lesson):
    """The row of prescriptions."""
    return lesson.page.locator(".live-part:not(.live-asked) .live-answers").nth(2)


def standing(lesson):
    settings = json.loads(lesson.panel(CLINIC)["settings"])
    return settings["score"], settings["closed"]


def test_the_clinic_is_played_to_the_end(lesson):
    push(lesson, "Train 8 new runs", CLINIC)
    lesson.wait_for_state("done", panel=CLINIC, seconds=400)
    truths, readings = lesson.ask(
        "[[case.pattern for case in ward.cases], [diagnose(history).pattern for history in ward.histories]]"
    )
    assert len(truths) == 8 and set(truths) <= set(PATTERNS)
    stand = places(lesson)
    show(lesson, CLINIC, "clinic_row")

    first = None
    for number in CASES:
        push(lesson, str(number), CLINIC, "Space")
        wait_for_title(lesson, f"Case {number}")
        page, buttons = secrets(lesson)
        first = first or buttons
        assert (
            len(buttons) == len(PATTERNS) + len(ALL) + len(PRESCRIPTIONS) and buttons == first
        )  # they look the same whatever the case
        assert not [name for name in (*PATTERNS, *ALL, *PRESCRIPTIONS) if name in page]
        assert not reasons(lesson).is_visible() and not cures(lesson).is_visible()
    if truths[-1] != "diverging":
        check_curves(lesson, lesson.ask("ward.histories[-1].history"), CLINIC)
    picture = lesson.page.locator(".live-case").nth(4)
    picture.click(position={"x": 40, "y": 40})  # it is as good as the number below it
    wait_for_title(lesson, "Case 5")

    score = closed = 0
    for number, truth, reading in zip(CASES, truths, readings, strict=True):
        push(lesson, str(number), CLINIC, "Space")
        wait_for_title(lesson, f"Case {number}")
        assert not [name for name in PATTERNS if name in secrets(lesson)[0]]
        assert f"Case {number}: what do its curves show?" in lesson.panel(CLINIC)["words"]

        if number in WRONG_NAMES:
            wrong = next(name for name in PATTERNS if name not in (truth, reading))
            push(lesson, wrong, CLINIC)
            words = wait_for_words(lesson, CLINIC, f"Not {wrong}.")
            assert re.search(
                r"\. (Look at|Follow|The loss stops|It could be read).*(loss|gap|scale).* Try another name\.$", words
            ), words
            assert lesson.ask(f"helpers.curves.diagnosis.against({wrong!r}, ward.histories[{number - 1}])") in words
            assert standing(lesson) == (score, closed)
        assert not reasons(lesson).is_visible()
        push(lesson, truth, CLINIC)
        wait_for_title(lesson, f"Case {number}: {truth}")
        assert reasons(lesson).is_visible() and not cures(lesson).is_visible()
        assert f"Right: {truth}. By what did you see it?" in lesson.panel(CLINIC)["words"]
        assert lesson.page.evaluate("document.activeElement.textContent") == f"✓ {truth}"
        score += number not in WRONG_NAMES
        assert standing(lesson) == (score, closed)

        if number in WRONG_SIGNS:
            common = next(iter(TELL_NOTHING))
            push(lesson, common, CLINIC)
            wait_for_words(lesson, CLINIC, TELL_NOTHING[common])
            show(lesson, CLINIC, f"clinic_sign_{number}")
        push(lesson, SIGNS[truth], CLINIC)
        wait_for_words(lesson, CLINIC, "That is the sign.")
        assert cures(lesson).is_visible() and not reasons(lesson).is_visible()
        score += number not in WRONG_SIGNS
        # The words are there before the chart, which says the score.
        wait_until(
            lambda wanted=(score, closed): standing(lesson) == wanted, 10, "the score with the point for the sign"
        )

        if number in WRONG_PRESCRIPTIONS:
            wrong = next(name for name in ("a smaller learning rate", "a larger network") if name not in HELPS[truth])
            run = int(lesson.panel(CLINIC)["run"])
            push(lesson, wrong, CLINIC)
            words = lesson.wait_for_state("done", panel=CLINIC, after_run=run)["words"]
            assert why_not(wrong, truth) in words and "Validation loss at the end:" in words
            logs, old = lesson.ask(f"[ward._runs[{number - 1}].logs, ward.histories[{number - 1}].history]")
            assert logs != old
            if truth != "diverging":  # one that explodes leaves the picture
                check_curves(lesson, logs, CLINIC)
            chart = lesson.page.locator(".live-panel").nth(CLINIC)
            assert chart.locator("polyline.ghost").count() == 2 == chart.locator("text:text-is('before')").count()
            assert standing(lesson) == (score, closed) and f"{closed} of 8 cases closed" in lesson.text(CLINIC)
            assert title_touches(lesson) == []
            show(lesson, CLINIC, f"clinic_wrong_{number}")
        run, right = int(lesson.panel(CLINIC)["run"]), HELPS[truth][-2 if truth == "overfitting" else 0]
        push(lesson, right, CLINIC, "Space")
        words = lesson.wait_for_state("done", panel=CLINIC, after_run=run)["words"]
        assert f"Right: {PRESCRIPTIONS[right]}." in words
        assert lesson.page.evaluate("document.activeElement.textContent") == f"✓ {right}"
        score, closed = score + (number not in WRONG_PRESCRIPTIONS), closed + 1
        assert standing(lesson) == (score, closed)
        assert places(lesson) == stand and title_touches(lesson) == []  # nothing jumps
        if number in (2, 6):
            show(lesson, CLINIC, f"clinic_{number}")

    assert score == 24 - len(WRONG_NAMES) - len(WRONG_SIGNS) - len(WRONG_PRESCRIPTIONS)
    assert (
        f"All 8 cases closed: {score} of 24 points. You missed most often:" in words
        and f"{score} of 24 points" in lesson.text(CLINIC)
    )
    show(lesson, CLINIC, "clinic_end")


def test_nothing_is_cut_in_a_narrow_window_or_unreadable_in_the_dark(opened):
    opened.page.set_viewport_size({"width": 1050, "height": 1000})
    opened.menu("Settings", "Theme", "JupyterLab Dark")
    opened.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    opened.page.wait_for_selector("#jupyterlab-splash", state="detached")
    for panel, name in enumerate(("gap", "sketch", "clinic", "explore")):
        wait_until(
            lambda panel=panel: opened.page.evaluate(
                """panel => getComputedStyle(window.panel_boxes()[panel]).color.match(/\\d+/g)[0] > 200""", panel
            ),
            20,
            "the dark theme",
        )
        wrong = opened.page.evaluate(
            """panel => {
            const box = window.panel_boxes()[panel], edge = box.getBoundingClientRect().right, wrong = [];
            const light = colour => {
                const [r, g, b] = colour.match(/[\\d.]+/g).map(v => (v /= 255) <= .04045 ? v / 12.92 :
                    ((v + .055) / 1.055) ** 2.4);
                return .2126 * r + .7152 * g + .0722 * b + .05;
            };
            const behind = e => !e ? 'rgb(0, 0, 0)' : /, 0\\)$/.test(getComputedStyle(e).backgroundColor) ?
                behind(e.parentElement) : getComputedStyle(e).backgroundColor;
            for (const e of box.querySelectorAll(
                'button, .widget-label, .widget-label-basic, .widget-readout, .live-panel-state, b, .live-panel')) {
                if (getComputedStyle(e).clipPath !== 'none') continue;  // for a screen reader only
                if (e.scrollWidth > e.clientWidth) wrong.push('cut: ' + e.textContent);
                if (e.getBoundingClientRect().right > edge + 1) wrong.push('outside: ' + e.textContent);
                const both = [light(getComputedStyle(e).color), light(behind(e))];
                if (!e.disabled && Math.max(...both) / Math.min(...both) < 4.5) wrong.push('faint: ' + e.textContent);
            }
            return wrong;
        }""",
            panel,
        )
        assert wrong == [], name
        show(opened, panel, f"dark_{name}")
    assert opened.errors == []
