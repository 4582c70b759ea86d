"""The time machine: what it shows of an epoch is what a fresh network says with that epoch's file, read anew at each
step."""

import html
import json
import re
import shutil
import threading
from collections import namedtuple
from types import SimpleNamespace
from xml.etree import ElementTree

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.metrics import confusion_matrix

from helpers.curves import answers as answers_module
from helpers.curves import live_chart
from helpers.curves.history import CurveError
from helpers.curves.sheets import Sheet
from helpers.data import clothing
from helpers.errors import LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts import finished_run
from helpers.parts import time_machine as module
from helpers.parts.time_machine import TimeMachine, time_machine
from tests.curves.test_live_chart import Drawing, is_png

NAMES = ("T-shirt/top", "Dress", "Shirt")
CLOTHES = clothing(NAMES, n_train=60, n_validation=30, one_hot=True)
EPOCHS = 5
Recording = namedtuple("Recording", "build settings folder history")


def build(units=3, activation="softmax"):
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(units, activation=activation)])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def file_name(epoch):
    return f"epoch_{epoch:03d}.weights.h5"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(folder, history) of a plain fit, whose second epoch is called the best."""
    folder = tmp_path_factory.mktemp("run")
    keras.utils.set_random_seed(0)
    callback = keras.callbacks.ModelCheckpoint(folder / "epoch_{epoch:03d}.weights.h5", save_weights_only=True)
    history = build().fit(CLOTHES.x_train, CLOTHES.y_train, epochs=EPOCHS, verbose=0, callbacks=[callback])
    return folder, {**history.history, "val_loss": [0.9, 0.5, 0.625, 0.75, 0.8]}


@pytest.fixture
def run(trained, tmp_path):
    """The same, in a folder that a test may spoil."""
    return shutil.copytree(trained[0], tmp_path / "run"), dict(trained[1])


@pytest.fixture(autouse=True)
def background(monkeypatch):
    """Parts behave as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def judge():
    """A network that the time machine knows nothing of: what `predict` says with the weights in a file."""
    model = build()

    def says(file):
        model.load_weights(file)
        return model.predict(CLOTHES.x_test, verbose=0)

    return says


def marks(machine):
    root = ElementTree.fromstring(machine._chart.value)
    return {name[5:]: value for name, value in root.attrib.items() if name.startswith("data-")}


def words(machine):
    return html.unescape(re.sub("<.*?>", "", machine._words.value))


def counts(machine):
    """The confusion matrix as a screen reader is told it."""
    found = re.findall(r"is ([^,]+), called ([^,]+): (\d+)", html.unescape(machine._chart.value))
    matrix = np.zeros((3, 3), int)
    for is_, called, count in found:
        matrix[NAMES.index(is_), NAMES.index(called)] = count
    return matrix


def answers(machine):
    """What is told of each picture that is shown: (answer, percent, "right" or "wrong, it is …")."""
    return re.findall(r'aria-label="Picture \d+: ([^,]+), ([^,]+), ([^"]+)"', html.unescape(machine._chart.value))


def upright(machine):
    """Epochs of the upright lines, and the words at them."""
    drawing = Drawing(machine._picture())
    lines = [
        float(path.get("d")[1:].split(",")[0]) for path in drawing.root.iter("path") if path.get("class") == "best"
    ]
    ticks = drawing.ticks("loss", "x")
    return (
        np.interp(lines, [x for x, _ in ticks], [epoch for _, epoch in ticks]).round().tolist(),
        [text.text for text in drawing.panes["loss"].iter("text") if text.text and "epoch " in text.text],
    )


def assert_shows(machine, epoch, said):
    """That the machine stands at `epoch` and shows the answers `said`, and no others."""
    assert machine.state == "ready" and machine.epoch == machine._slider.value == epoch
    assert np.allclose(machine.probabilities, said, atol=1e-5)
    right = said.argmax(1) == CLOTHES.y_test.argmax(1)
    assert np.array_equal(counts(machine), confusion_matrix(CLOTHES.y_test.argmax(1), said.argmax(1)))
    assert counts(machine).sum() == len(CLOTHES.x_test)
    assert words(machine).startswith(f"Epoch {epoch} of ") and f": {right.sum()} of 510 test pictures right." in words(
        machine
    )
    for row, (answer, _, verdict) in zip(machine._shown, answers(machine), strict=True):
        assert answer == NAMES[said[row].argmax()]
        assert verdict == ("right" if right[row] else f"wrong, it is {NAMES[CLOTHES.y_test[row].argmax()]}")
    assert marks(machine)["state"] == "ready" and marks(machine)["epoch"] == str(epoch)


def assert_in_trouble(machine, epoch, pattern):
    """That words matching `pattern` are shown at `epoch`, and no answers."""
    assert (
        machine.state == marks(machine)["state"] == "error"
        and machine.epoch == epoch
        and marks(machine)["epoch"] == str(epoch)
    )
    assert re.search(pattern, words(machine)), words(machine)
    assert machine.probabilities is None and answers(machine) == [] and not counts(machine).any()
    assert "✓" not in machine._chart.value and f"no answers from the weights of epoch {epoch}." in machine._chart.value


def height(machine):
    return ElementTree.fromstring(machine._picture()).find("div[@class='lab-row']").get("style")


# Travelling


@pytest.mark.slow
def test_every_epoch_shows_what_a_fresh_network_says_with_its_file(trained, judge):
    folder, history = trained
    machine = time_machine((build, folder, history), CLOTHES)
    assert_shows(machine, 2, judge(folder / file_name(2)))  # it begins at the best epoch
    for epoch in (1, 2, 3, 4, 5, 1):
        machine._slider.value = epoch
        assert_shows(machine, epoch, judge(folder / file_name(epoch)))
    assert marks(machine)["epochs"] == "5" and json.loads(marks(machine)["settings"]) == {"epoch": 1, "best": 2}
    assert (machine.best, machine.epochs, repr(machine)) == (2, 5, "<time machine at epoch 1 of 5; ready>")


def test_every_step_reads_the_file(run, monkeypatch, judge):
    folder, history = run
    machine = time_machine((build, folder, history), CLOTHES)
    loaded, load = [], finished_run.load_weights
    monkeypatch.setattr(finished_run, "load_weights", lambda model, path: (loaded.append(path.name), load(model, path)))
    for epoch in (3, 2, 3, 3, 2):
        machine._slider.value = epoch
    assert loaded == [file_name(epoch) for epoch in (3, 2, 3, 2)]
    shutil.copy(folder / file_name(5), folder / file_name(3))
    machine._slider.value = 3
    assert_shows(machine, 3, judge(folder / file_name(5)))


def test_the_words_compare_with_the_best_epoch(trained, judge):
    folder, history = trained
    machine = time_machine((build, folder, history), CLOTHES)
    labels = CLOTHES.y_test.argmax(1)
    best, now = (judge(folder / file_name(epoch)) for epoch in (2, 5))
    before, after = best.argmax(1) == labels, now.argmax(1) == labels
    assert words(machine).startswith(f"Epoch 2 of 5, the best epoch: {before.sum()} of 510") and "Against" not in words(
        machine
    )
    machine.go_to(5)
    lost, gained = (before & ~after).sum(), (after & ~before).sum()
    assert min(lost, gained) > 1
    assert (
        f"Against the best epoch, {lost + gained} pictures have changed sides: {lost} were right and are wrong now,"
        f" {gained} the other way round." in words(machine)
    )
    assert "Validation loss 0.80." in words(machine)


ENGLISH = [
    ([], 0, "no picture has changed sides"),
    ([0], 0, "1 picture has changed sides: 1 was right and is wrong now, 0 the other way round."),
    ([0], 1, "The wrong answer is given with more than 95 % certainty."),
    ([0], 0, "The wrong answer is given with not more than 95 % certainty."),
    ([0, 1], 0, "None of the 2 wrong answers is given"),
    ([0, 1], 1, "1 of the 2 wrong answers is given"),
    ([0, 1, 2], 2, "2 of the 3 wrong answers are given"),
]


def test_few_pictures_are_counted_in_good_english(trained):
    machine = time_machine((build, *trained), CLOTHES)
    machine._slider.value = 4
    machine._answers_of_best = 0.9 * CLOTHES.y_test  # all of them right
    for shifts, sure, said in ENGLISH:
        machine.probabilities = machine._answers_of_best.copy()
        for number, row in enumerate(shifts):
            machine.probabilities[row] = np.roll(CLOTHES.y_test[row], 1) * (0.96 if number < sure else 0.94)
        assert said in machine._in_words()


def test_best_and_last_are_a_button_each(trained):
    machine = time_machine((build, *trained), CLOTHES)
    machine._last_button.click()
    assert machine.epoch == 5 and "Epoch 5 of 5:" in words(machine)
    machine._best_button.click()
    assert machine.epoch == 2 and "the best epoch" in words(machine)


@pytest.mark.parametrize("epoch", [0, 6, 2.0, True, "best"])
def test_an_epoch_that_is_none_is_refused_in_words(trained, epoch):
    machine = time_machine((build, *trained), CLOTHES)
    with pytest.raises(LessonError, match="from 1 to 5"):
        machine.go_to(epoch)


def test_best_and_present_epoch_are_marked_on_the_curves(trained):
    folder, history = trained
    machine = time_machine((build, folder, history), CLOTHES)
    assert upright(machine) == ([2], ["best epoch 2"])
    machine.go_to(4)
    assert upright(machine) == ([2, 4], ["best epoch 2", "epoch 4"])
    drawing = Drawing(machine._picture())
    for name in ("loss", "val_loss"):
        assert np.allclose(list(drawing.values("loss", name).values()), history[name], atol=0.01)


@pytest.mark.parametrize("epochs", [2, 3, 8, 40, 300])
def test_the_words_at_the_upright_lines_touch_nothing(epochs):
    for best in {1, 2, 3, epochs // 10, epochs // 8, epochs // 2, epochs - 1, epochs} & set(range(1, epochs + 1)):
        for epoch in {*range(1, min(epochs, 45) + 1), epochs - 1, epochs}:
            marks = answers_module.marked(epoch, best, epochs)
            boxes = []  # in the narrowest pane: from, to, baseline
            svg = live_chart.draw([Sheet("loss", [], marks=marks)], epochs, "", [])
            for text in Drawing(svg).panes["loss"].iter("text"):
                if text.text and "epoch " in text.text:
                    wide, x = 7 * len(text.text), live_chart.NARROWEST * float(text.get("x").rstrip("%")) / 100
                    left = x - wide * {"": 0, "middle": 0.5, "end": 1}[text.get("class").removeprefix("mark").strip()]
                    boxes.append((left, left + wide, float(text.get("y"))))
            assert {epoch, best} == {place for place, _ in marks}
            for number, (left, right, y) in enumerate(boxes):
                assert (
                    left > -50
                    and right <= live_chart.NARROWEST + 18
                    and all(
                        abs(y - y2) > 11 or left >= right2 or left2 >= right for left2, right2, y2 in boxes[:number]
                    )
                ), (epoch, best, boxes)


@pytest.mark.slow
def test_dragging_in_several_threads_beside_a_training_ends_at_the_last_place(trained, judge):
    folder, history = trained
    machine = time_machine((build, folder, history), CLOTHES)
    model, done, failed, shown = build(), threading.Event(), [], []
    machine._chart.observe(
        lambda _: shown.append((int(marks(machine)["epoch"]), words(machine), machine.probabilities)), "value"
    )

    def train():
        while not done.is_set():
            model.train_on_batch(CLOTHES.x_train, CLOTHES.y_train)

    def drag(seed):
        try:
            for epoch in np.random.default_rng(seed).integers(1, 6, 10):
                machine._slider.value = int(epoch)
        except Exception as error:
            failed.append(error)

    trainer, *hands = threads = [
        threading.Thread(target=train),
        *(threading.Thread(target=drag, args=(seed,)) for seed in range(3)),
    ]
    try:
        for thread in threads:
            thread.start()
        for hand in hands:
            hand.join()
        machine._slider.value = 1 if machine.epoch != 1 else 4
    finally:
        done.set()
        trainer.join()
    said = {epoch: judge(folder / file_name(epoch)) for epoch in range(1, 6)}
    assert not failed and len(shown) > 10
    for epoch, heard, probabilities in shown:
        assert heard.startswith(f"Epoch {epoch} of 5") and np.allclose(probabilities, said[epoch], atol=1e-5)
    assert_shows(machine, machine._slider.value, said[machine._slider.value])


# Playing


def beat(machine):
    """What the page does once it has drawn a picture: as the marks say."""
    if marks(machine)["plays"] != "0":
        machine._player._beat.click()


def is_playing(machine):
    told = marks(machine)["plays"] != "0"
    assert told == machine._player.plays and machine._player._play.description == ("Pause" if told else "Play")
    return told


@pytest.fixture
def machine(trained):
    return time_machine((build, *trained), CLOTHES)


def test_play_goes_on_from_epoch_to_epoch_to_the_end_and_then_begins_again(machine):
    assert not is_playing(machine)
    machine._player._play.click()
    assert is_playing(machine) and machine.epoch == 2
    seen = []
    while is_playing(machine):
        beat(machine)
        seen.append(machine.epoch)
    assert seen == [3, 4, 5]
    beat(machine)
    assert machine.epoch == 5
    machine._player._play.click()
    assert is_playing(machine) and machine.epoch == 1


def test_pause_stays_and_a_late_beat_of_the_page_changes_nothing(machine):
    machine._player._play.click()
    beat(machine)
    machine._player._play.click()
    assert not is_playing(machine) and machine.epoch == 3
    machine._player._beat.click()  # it was on its way
    assert not is_playing(machine) and machine.epoch == 3


@pytest.mark.parametrize(
    "move, epoch",
    [
        (lambda machine: setattr(machine._slider, "value", 1), 1),
        (lambda machine: machine.go_to(4), 4),
        (lambda machine: machine._best_button.click(), 2),
        (lambda machine: machine._last_button.click(), 5),
        (lambda machine: machine._player._back.click(), 2),
        (lambda machine: machine._player._next.click(), 4),
        (lambda machine: machine.go_to(3), 3),
    ],
)
def test_whoever_moves_to_an_epoch_pauses(machine, move, epoch):
    machine._player._play.click()
    beat(machine)
    assert is_playing(machine) and machine.epoch == 3
    move(machine)
    assert not is_playing(machine) and machine.epoch == epoch


def test_back_and_next_are_steps_of_one_that_end_at_the_ends(machine):
    looks = []
    for button in [machine._player._back] * 3 + [machine._player._next] * 6:
        button.click()
        looks.append((machine.epoch, *("live-idle" in each._dom_classes for each in machine._player.buttons[:3:2])))
    assert [epoch for epoch, *_ in looks] == [1, 1, 1, 2, 3, 4, 5, 5, 5]
    assert all((back, next_) == (epoch == 1, epoch == 5) for epoch, back, next_ in looks)


def test_a_file_that_is_missing_pauses_and_is_told(run):
    machine = time_machine((build, *run), CLOTHES)
    (run[0] / file_name(4)).unlink()
    machine._player._play.click()
    beat(machine)
    beat(machine)
    assert_in_trouble(machine, 4, "no file for epoch 4")
    assert not is_playing(machine)


def test_another_run_pauses_and_without_a_run_there_is_nothing_to_play(trained):
    source = panel()
    machine = time_machine(source, CLOTHES)
    assert all(button.disabled for button in machine._player.buttons)
    finish(source, build, {}, *trained)
    machine._player._play.click()
    beat(machine)
    assert is_playing(machine) and not machine._player._next.disabled
    finish(source, build, {}, *trained)
    assert not is_playing(machine) and machine.epoch == 2


def test_a_machine_that_is_closed_while_it_plays_leaves_nothing_running(machine):
    before = threading.active_count()
    machine._player._play.click()
    beat(machine)
    drawn = machine._chart.value
    assert threading.active_count() <= before + 1  # the one that waits to keep the picture
    machine.close()
    machine._player._go_on()  # a beat that was on its way
    assert machine._chart.value == drawn and machine._player._beat.comm is None


def test_the_figures_of_an_epoch_can_be_read_off_the_losses(machine, trained):
    logs = trained[1]
    for epoch in range(1, EPOCHS + 1):
        said = machine._chart.value.split(f"<b>Epoch {epoch}\n")[1].split("</b>")[0]
        assert said == f"loss: training {logs['loss'][epoch - 1]:.4g}, validation {logs['val_loss'][epoch - 1]:.4g}"


# Files that are not what they should be


def cut_short(file):
    file.write_bytes(file.read_bytes()[:2000])


def rubbish(file):
    file.write_bytes(b"rubbish" * 1000)


def empty(file):
    file.write_bytes(b"")


def of_another_network(file):
    build(units=4).save_weights(file)


def exploded(file):
    model = build()
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    model.save_weights(file)


@pytest.mark.slow
@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda file: file.unlink(), "no file for epoch 4.*The other epochs still work"),
        (cut_short, "damaged"),
        pytest.param(rubbish, "damaged", marks=pytest.mark.slow),
        pytest.param(empty, "damaged", marks=pytest.mark.slow),
        (of_another_network, "does not fit this network"),
        (exploded, "not numbers"),
    ],
)
def test_a_file_that_was_spoiled_on_the_way_is_told_and_the_other_epochs_still_work(run, spoil, said, judge):
    folder, history = run
    machine = time_machine((build, folder, history), CLOTHES)
    machine._slider.value = 3
    tall = height(machine)
    before = (folder / file_name(4)).read_bytes()
    spoil(folder / file_name(4))
    machine._slider.value = 4
    assert_in_trouble(machine, 4, said)
    assert height(machine) == tall and upright(machine) == ([2, 4], ["best epoch 2", "epoch 4"])
    machine._slider.value = 5
    assert_shows(machine, 5, judge(folder / file_name(5)))
    with pytest.raises(LessonError, match=said):
        machine.go_to(4)
    (folder / file_name(4)).write_bytes(before)
    machine.go_to(4)
    assert_shows(machine, 4, judge(folder / file_name(4)))
    assert height(machine) == tall


def test_when_the_folder_is_gone_no_epoch_is_made_up(run):
    machine = time_machine((build, *run), CLOTHES)
    shutil.rmtree(run[0])
    machine._slider.value = 3
    assert_in_trouble(machine, 3, "no folder")


def test_a_best_epoch_without_its_file_is_told_and_not_compared_with(run, judge):
    folder, history = run
    kept = (folder / file_name(2)).read_bytes()
    (folder / file_name(2)).unlink()
    machine = time_machine((build, folder, history), CLOTHES)
    assert_in_trouble(machine, 2, "save_best_only")
    machine._last_button.click()
    assert_shows(machine, 5, judge(folder / file_name(5)))
    assert "The best epoch, 2, cannot be loaded to compare with." in words(machine)
    machine._best_button.click()
    assert_in_trouble(machine, 2, "no file for epoch 2")
    (folder / file_name(2)).write_bytes(kept)
    machine._best_button.click()  # the slider stands there already
    assert_shows(machine, 2, judge(folder / file_name(2)))


def test_epochs_at_the_end_without_a_file_are_left_out_and_that_is_said(run):
    folder, history = run
    history["val_loss"] = [0.9, 0.5, 0.6, 0.7, 0.1]
    (folder / file_name(5)).unlink()
    machine = time_machine((build, folder, history), CLOTHES)
    assert (machine.epochs, machine._slider.max, machine.best) == (4, 4, 2)
    assert "The history goes on to epoch 5, but the last file is of epoch 4." in words(machine)
    assert len(Drawing(machine._picture()).values("loss", "loss")) == 4


def test_files_of_a_longer_run_are_left_out(run):
    folder, history = run
    machine = time_machine((build, folder, {name: values[:3] for name, values in history.items()}), CLOTHES)
    assert (machine.epochs, machine._slider.max) == (3, 3) and "The history" not in words(machine)


def test_a_folder_without_files_is_told_with_the_callback_to_write(tmp_path, trained):
    with pytest.raises(LessonError, match="ModelCheckpoint.*epoch_{epoch:03d}.weights.h5.*save_weights_only=True"):
        time_machine((build, tmp_path, trained[1]), CLOTHES)
    with pytest.raises(LessonError, match="no folder"):
        time_machine((build, tmp_path / "elsewhere", trained[1]), CLOTHES)


def test_a_history_that_begins_later_than_the_first_epoch_is_refused(run):
    folder, history = run
    part = keras.callbacks.History()
    part.epoch, part.history = [2, 3, 4], {name: values[2:] for name, values in history.items()}
    with pytest.raises(
        LessonError, match="this history has 3 epochs, the first of them epoch 3: they do not belong together"
    ):
        time_machine((build, folder, part), CLOTHES)
    for epoch in (1, 2):
        (folder / file_name(epoch)).unlink()
    for history in (part.history, {name: values[:2] for name, values in part.history.items()}):
        with pytest.raises(LessonError, match="for epochs 3 to 5.*do not belong together"):
            time_machine((build, folder, history), CLOTHES)


# What it can be given


def test_two_classes_with_one_sigmoid_output(tmp_path):
    clothes = clothing(["Dress", "Bag"], n_train=40, n_validation=20)
    model = build(1, "sigmoid")
    for epoch in (1, 2):
        model.set_weights([epoch * weights for weights in model.get_weights()])
        model.save_weights(tmp_path / file_name(epoch))
    machine = time_machine((lambda: build(1, "sigmoid"), tmp_path, {"loss": [2, 1], "val_loss": [2.0, 1.0]}), clothes)
    said = model.predict(clothes.x_test, verbose=0)[:, 0] > 0.5
    matrix = confusion_matrix(clothes.y_test, said)
    assert machine.epoch == 2 and f"{np.trace(matrix)} of 340 test pictures right" in words(machine)
    found = re.findall(r"is (\w+), called (\w+): (\d+)", machine._chart.value)
    assert found == [
        (a, b, str(matrix[i, j])) for i, a in enumerate(("Dress", "Bag")) for j, b in enumerate(("Dress", "Bag"))
    ]


def test_a_lone_epoch_is_a_run_too(trained, judge):
    folder, history = trained
    machine = time_machine((build, folder, {name: values[:1] for name, values in history.items()}), CLOTHES)
    assert_shows(machine, 1, judge(folder / file_name(1)))
    assert machine._slider.max == 1 and upright(machine) == ([1], ["best epoch 1"])


def test_whole_number_targets_and_a_keras_history(trained, judge):
    folder, logs = trained
    history = keras.callbacks.History()
    history.epoch, history.history = list(range(EPOCHS)), {name: list(values) for name, values in logs.items()}
    machine = time_machine((build, str(folder), history), clothing(NAMES, n_train=60, n_validation=30))
    history.history["val_loss"][:] = [0.0] * EPOCHS
    machine.go_to(3)
    assert_shows(machine, 3, judge(folder / file_name(3)))
    assert "Validation loss 0.62." in words(machine) and machine.best == 2


def test_without_validation_data_or_without_a_finite_loss_it_still_travels(trained):
    folder, history = trained
    machine = time_machine((build, folder, {"loss": history["loss"]}), CLOTHES)
    assert "Training loss" in words(machine) and machine.best == machine.epoch == int(np.argmin(history["loss"])) + 1
    machine = time_machine((build, folder, {**history, "val_loss": [float("nan")] * EPOCHS}), CLOTHES)
    assert machine.best is None and machine.epoch == 5 and machine._best_button.disabled
    assert (
        "Validation loss is not a number." in words(machine)
        and "Against" not in words(machine)
        and upright(machine) == ([5], ["epoch 5"])
    )


def test_the_pictures_shown_are_twelve_from_all_classes_in_turn(trained):
    machine = time_machine((build, *trained), CLOTHES)
    labels = CLOTHES.y_test.argmax(1)
    assert labels[machine._shown].tolist() == [0, 1, 2] * 4
    for label in range(3):
        assert [row for row in machine._shown if labels[row] == label] == np.flatnonzero(labels == label)[:4].tolist()
    assert module._chosen(None, np.array([1, 1, 0]), 3) == [2, 0, 1]  # fewer than twelve, a class without any
    assert len(module._chosen(None, clothing().y_test, 10)) == 12


def test_other_pictures_can_be_asked_for(trained, judge):
    machine = time_machine((build, *trained), CLOTHES, pictures=np.array([509, 3]))
    assert machine._shown == [509, 3] and len(answers(machine)) == 2
    assert_shows(machine, 2, judge(trained[0] / file_name(2)))


@pytest.mark.parametrize("pictures", [[], [510], [-1], [1.5], [True], ["3"], 3.0, list(range(25)), "first"])
def test_pictures_that_cannot_be_shown_are_refused_in_words(trained, pictures):
    with pytest.raises(LessonError, match="rows of data.x_test"):
        time_machine((build, *trained), CLOTHES, pictures)


@pytest.mark.parametrize(
    "change, error, said",
    [
        (lambda folder, history: (build(), folder, history), LessonError, "leave out the brackets"),
        (lambda *_: "run", LessonError, "finished run"),
        (lambda folder, history: (build, folder), LessonError, "finished run"),
        (lambda folder, history: (build, history, folder), LessonError, "the second is the folder"),
        (lambda folder, history: (build, folder, None), CurveError, "no training loss"),
        (lambda folder, history: (build, folder, {}), LessonError, "no epoch in this"),
        (lambda folder, history: (lambda: None, folder, history), LessonError, "returned nothing"),
        (lambda folder, history: (lambda: build(10), folder, history), LessonError, "there are 3 classes"),
        (lambda folder, history: (lambda: build(3, None), folder, history), LessonError, "activation='softmax'"),
        (lambda folder, history: (two_answers, folder, history), LessonError, "looked at the test pictures"),
        (lambda folder, history: (digits_builder, folder, history), LessonError, "looked at the test pictures"),
    ],
)
def test_sources_that_do_not_fit_are_refused_in_words(trained, change, error, said):
    with pytest.raises(error, match=said):
        time_machine(change(*trained), CLOTHES)


def two_answers():
    inputs = keras.Input((28, 28, 1))
    flat = layers.Flatten()(inputs)
    model = keras.Model(inputs, {"is": layers.Dense(3)(flat), "colour": layers.Dense(2)(flat)})
    model.compile(loss="categorical_crossentropy")
    return model


def digits_builder():
    model = keras.Sequential([keras.Input((64,)), layers.Dense(3, activation="softmax")])
    model.compile(loss="categorical_crossentropy")
    return model


@pytest.mark.parametrize(
    "data, said",
    [
        ((1, 2), "dataset of helpers.data"),
        (SimpleNamespace(x_test=CLOTHES.x_test, y_test=CLOTHES.y_test[:9], class_names=NAMES), "but 9 targets"),
        (
            SimpleNamespace(x_test=CLOTHES.x_test.reshape(-1, 784), y_test=CLOTHES.y_test, class_names=NAMES),
            "grey pictures",
        ),
        (
            SimpleNamespace(x_test=CLOTHES.x_test, y_test=CLOTHES.y_test, class_names=NAMES[:2]),
            "3 columns, but there are 2 classes",
        ),
    ],
)
def test_data_that_do_not_fit_are_refused_in_words(trained, data, said):
    with pytest.raises(LessonError, match=said):
        time_machine((build, *trained), data)


# Following a panel


def panel(recording=None):
    return SimpleNamespace(recording=recording, listeners=[])


def finish(panel, *recording):
    """A run of the panel ends, in the thread that trains."""
    panel.recording = Recording(*recording)
    thread = threading.Thread(target=lambda: [listener() for listener in list(panel.listeners)])
    thread.start()
    thread.join()


def test_it_asks_to_train_first_and_then_follows_each_run(trained, tmp_path, judge):
    folder, history = trained
    source = panel()
    machine = time_machine(source, CLOTHES)
    tall = height(machine)
    assert (machine.state, machine.epoch, machine._slider.disabled, machine._best_button.disabled) == (
        "ready",
        0,
        True,
        True,
    )
    assert (
        "Train in the panel first" in words(machine)
        and machine.probabilities is None
        and "without a run" in repr(machine)
    )
    with pytest.raises(LessonError, match="Train in the panel first"):
        machine.go_to(1)
    finish(source, build, {"activation": "softmax"}, folder, history)
    assert not machine._slider.disabled and machine.epochs == 5 and height(machine) == tall
    assert_shows(machine, 2, judge(folder / file_name(2)))
    machine._slider.value = 5

    def wider(width):
        model = keras.Sequential(
            [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(width), layers.Dense(3, activation="softmax")]
        )
        model.compile(loss="categorical_crossentropy")
        return model

    def told(epoch):
        model.load_weights(tmp_path / file_name(epoch))
        return model.predict(CLOTHES.x_test, verbose=0)

    model = wider(7)
    for epoch in range(1, 4):
        model.set_weights([weights - 0.01 * epoch for weights in model.get_weights()])
        model.save_weights(tmp_path / file_name(epoch))
    finish(source, wider, {"width": 7}, tmp_path, {"loss": [3, 2, 1], "val_loss": [3, 2, 1.5]})
    assert (machine.epochs, machine._slider.max, machine.best) == (3, 3, 3) and "Epoch 3 of 3, the best epoch" in words(
        machine
    )
    assert_shows(machine, 3, told(3))
    machine._slider.value = 1
    assert_shows(machine, 1, told(1))
    finish(source, build, {}, folder, history)
    assert (machine.epoch, machine.epochs, machine._slider.max) == (2, 5, 5)


def test_it_draws_a_new_run_once(trained):
    source = panel(Recording(build, {}, *trained))
    machine = time_machine(source, CLOTHES)
    assert machine.epoch == 2
    machine.go_to(5)
    drawn = []
    machine._chart.observe(drawn.append, "value")
    finish(source, build, {}, *trained)
    assert machine.epoch == 2 and len(drawn) == 1


def test_a_run_that_cannot_be_opened_is_told_and_the_next_one_works(trained, tmp_path, judge):
    source = panel(Recording(build, {}, *trained))
    machine = time_machine(source, CLOTHES)
    for _ in range(2):
        finish(source, build, {}, tmp_path, trained[1])
        assert machine.state == "error" and "no file like epoch_001.weights.h5. Train again in the panel." in words(
            machine
        )
        assert (
            machine.epoch == 0 and machine._slider.disabled and answers(machine) == [] and machine.probabilities is None
        )
    finish(source, build, {}, *trained)
    assert_shows(machine, 2, judge(trained[0] / file_name(2)))


def test_a_run_that_was_stopped_at_once_is_told_and_the_next_one_works(trained, judge):
    source = panel(Recording(build, {}, *trained))
    machine = time_machine(source, CLOTHES)
    finish(source, build, {}, trained[0], {"loss": [], "val_loss": []})
    assert machine.state == "ready" and "ended before its first epoch" in words(machine)
    assert machine.epoch == 0 and machine._slider.disabled and answers(machine) == [] and machine.probabilities is None
    finish(source, build, {}, *trained)
    assert_shows(machine, 2, judge(trained[0] / file_name(2)))


def test_the_slider_ends_at_the_last_epoch_of_the_run_also_for_its_end_key(trained):
    """The page's slider knows for ever the range it was made with: another range needs another slider."""
    source = panel()
    machine = time_machine(source, CLOTHES)
    before = machine._slider
    finish(source, build, {}, *trained)
    assert (
        machine._slider is not before
        and machine._slider.max == 5
        and [shown.children[0] for shown in machine._slot.children] == [machine._slider]
        and before.comm is None
    )


def test_a_run_that_kept_nothing_leaves_the_slider_where_it_is(trained, judge):
    source = panel(Recording(build, {}, *trained))
    machine = time_machine(source, CLOTHES)
    machine._slider.value = 4
    finish(source, *source.recording)
    assert machine.epoch == 2
    machine._slider.value = 4
    source.listeners[0]()  # the recording is still the same
    assert_shows(machine, 4, judge(trained[0] / file_name(4)))


def test_a_closed_machine_does_not_follow_any_more(trained):
    source = panel()
    machine = time_machine(source, CLOTHES)
    follow = source.listeners[0]
    machine.close()
    assert source.listeners == []
    source.recording, before = Recording(build, {}, *trained), machine._chart.value
    follow()  # the panel was just going through its list
    machine._slider.value = 1
    assert machine._chart.value == before and machine._stop_button.comm is None
    machine.close()


# For a reader without a kernel


def shown_without_a_front_end(monkeypatch, *args):
    shown = []
    monkeypatch.setattr(live_module, "display", lambda data, metadata=None, raw=False: shown.append(data))
    monkeypatch.setattr(cell, "place", lambda: "nobody watches")
    assert isinstance(time_machine(*args), TimeMachine)
    (data,) = shown
    return data


def test_a_reader_without_a_kernel_sees_a_still_picture_and_words_without_figures(trained, monkeypatch):
    data = shown_without_a_front_end(monkeypatch, (build, *trained), CLOTHES)
    alt = html.unescape(data["text/html"].split('alt="')[1].split('"')[0])
    assert data["text/plain"].startswith("The time machine at the best epoch of the run.") and "confusion matrix" in alt
    assert (
        not re.search(r"\d", data["text/plain"])
        and "12 of them" in alt
        and not re.search(r"\d", alt.replace("12 of them", ""))
    )
    assert is_png(data["image/png"]) and data["image/png"] in data["text/html"]


def test_a_reader_without_a_kernel_is_told_when_there_is_no_run_or_no_file(run, monkeypatch):
    assert (
        shown_without_a_front_end(monkeypatch, panel(), CLOTHES)["text/plain"]
        == "The time machine has no run to travel in."
    )
    (run[0] / file_name(2)).unlink()
    assert (
        "could not load the best epoch" in shown_without_a_front_end(monkeypatch, (build, *run), CLOTHES)["text/plain"]
    )
