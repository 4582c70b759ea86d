"""The winner's curse: every dot is a real network, the chosen one is tested only when asked, and no control trains
anything twice."""

import json
import re
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import ipywidgets as widgets
import keras
import numpy as np
import pytest
from keras import layers
from scipy.stats import binom

from helpers.curves.tries import expected_best
from helpers.data import clothing, digits
from helpers.engine.trainer import Trainer
from helpers.error_bars import interval
from helpers.errors import LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts import curse as module
from helpers.parts.curse import Game, _right, winners_curse
from helpers.records.sealed import seal
from tests.curves.test_live_chart import Drawing

slow = pytest.mark.slow
DATA = clothing(["T-shirt", "Shirt"], n_train=160, n_validation=60)
CHOICES = {"units": [3], "learning_rate": [0.003, 0.01, 0.03]}
FORMS = {"tries": (1, 40, 6), "n_validation": (10, 60, 30), "shuffled": False, "seed": (0, 9, 0)}
calls = []


def build(units=3, learning_rate=0.01, optimizer="adam"):
    calls.append(learning_rate)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(units, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    step = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[optimizer]
    model.compile(loss="binary_crossentropy", optimizer=step(learning_rate), metrics=["accuracy"])
    return model


@pytest.fixture
def background(monkeypatch):
    """Live parts train in the background, as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


class Instant:
    """In the place of a `Trainer`: calls the builder, trains nothing, and has answers at once, for each setting and
    seed its own."""

    def __init__(self, builder, _x, y, measure):
        self._builder, self._y, self._measure = builder, y, measure

    def run(self, settings, epochs, batch_size, seed, stop):
        self._builder(**settings)
        random = np.random.RandomState(
            [int(1000 * settings["learning_rate"]), seed, int(self._y[:9].dot(2 ** np.arange(9)))]
        )
        self._measure(
            SimpleNamespace(predict_on_batch=lambda x: random.uniform(size=(len(x), 1))), None, None, None, None
        )
        return SimpleNamespace(epoch=[0] if stop.is_set() else list(range(epochs)), note="")


@pytest.fixture
def instant(monkeypatch):
    """For what does not depend on what networks learn."""
    monkeypatch.setattr(module, "Trainer", Instant)
    calls.clear()


def quick(units=3, learning_rate=0.01):
    calls.append(learning_rate)


def game(builder=build, data=DATA, choices=CHOICES, n_train=100, epochs=2, **forms):
    """A game that has not been played yet."""
    return Game(builder, data, choices, {**FORMS, **forms}, n_train, epochs)


@pytest.fixture(scope="module")
def shared():
    """A game of six tries that has been played; `unopened` gives it back as it was."""
    part = game()
    part.run()
    return part


@pytest.fixture
def played(shared):
    move(shared, tries=6, n_validation=31)
    move(shared, n_validation=30)
    calls.clear()
    return shared


def move(part, **values):
    for name, value in values.items():
        part._controls[name].value = value


def marks(part):
    root = ElementTree.fromstring(part._chart.value)
    return {name[5:]: value for name, value in root.attrib.items() if name.startswith("data-")}


def words(part):
    return ElementTree.fromstring(part._words.value).text


class Picture(Drawing):
    """The picture of a game, translated back by the numbers at its axes."""

    def __init__(self, part):
        super().__init__(part._chart.value)
        self.panes["all"] = self.root

    def accuracy(self, y):
        (y0, v0), (y1, v1) = self.ticks("all", "y")[0], self.ticks("all", "y")[-1]
        return v0 + (float(y) - y0) / (y1 - y0) * (v1 - v0)

    def dots(self):
        path = next(path for path in self.root.iter("path") if path.get("class") == "tries")
        return [self.accuracy(y) for y in re.findall(r"M[\d.]+ ([\d.]+)h0", path.get("d"))]

    def bar(self, name):
        """(low, high) of an error bar, or None where there is none."""
        group = next((group for group in self.root.iter("g") if group.get("class") == name), None)
        return group and tuple(
            self.accuracy(y) for y in re.match(r"M\S+ ([\d.]+)h10m-5 0V([\d.]+)", group.find("path").get("d")).groups()
        )


# What luck alone does


@pytest.mark.parametrize("n, chance", [(10, 0.5), (30, 0.5), (200, 0.5), (30, 0.1)])
def test_the_expected_best_is_the_mean_of_the_largest_binomial(n, chance):
    best = expected_best(200, n, chance)
    assert best.shape == (200,) and best[0] == pytest.approx(chance) and (np.diff(best) > 0).all()
    for tries in (2, 50, 200):
        largest = binom.cdf(np.arange(n + 1), n, chance) ** tries
        assert best[tries - 1] == pytest.approx((np.diff(largest, prepend=0) * np.arange(n + 1)).sum() / n)
    drawn = np.random.default_rng(0).binomial(n, chance, (4000, 200)).max(axis=1).mean() / n
    assert best[-1] == pytest.approx(drawn, abs=0.005)


# Every figure is that of a network that has been trained


@pytest.mark.slow
def test_the_accuracies_are_keras_own_of_networks_trained_alone(played):
    move(played, n_validation=60)
    played.open()
    rest = DATA.x_train[100:], DATA.y_train[100:]
    on_validation = Trainer(build, DATA.x_train[:100], DATA.y_train[:100], (DATA.x_val, DATA.y_val))
    for number, accuracy in enumerate(played.accuracies, 1):
        history = on_validation.run(played._drawn(number), 2, seed=played._seed_of(number)).history
        assert accuracy == pytest.approx(history["val_accuracy"][-1], abs=1e-6)
    on_test = Trainer(build, DATA.x_train[:100], DATA.y_train[:100], rest)
    history = on_test.run(played.best.settings, 2, seed=played.best.seed).history
    assert played.test_accuracy == pytest.approx(history["val_accuracy"][-1], abs=1e-6)
    assert played.best.accuracy == played.accuracies.max() and played.best.number == 1 + played.accuracies.argmax()


def test_fewer_validation_pictures_are_the_first_of_them(played):
    whole = [right for right, _ in played._answers[False, 0]]
    assert [len(right) for right in whole] == [60] * 6
    for n in (10, 45):
        move(played, n_validation=n)
        assert np.allclose(played.accuracies, [right[:n].sum() / n for right in whole])


@slow
def test_the_same_game_again_is_the_same(played):
    other = game(tries=2)
    other.run()
    assert np.array_equal(other.accuracies, played.accuracies[:2])


def test_settings_are_drawn_from_the_choices_and_again_the_same(instant):
    played, other = game(), game()
    drawn = [played._drawn(number) for number in range(1, 41)]
    assert {settings["learning_rate"] for settings in drawn} == set(CHOICES["learning_rate"])
    assert all(settings["units"] == 3 for settings in drawn)
    assert [other._drawn(number) for number in range(1, 41)] == drawn
    move(other, seed=1)
    assert [other._drawn(number) for number in range(1, 41)] != drawn and other._seed_of(1) != played._seed_of(1)


def test_shuffled_labels_are_shuffled_in_all_three_parts_and_nothing_else_is(instant):
    part = game(quick, shuffled=True, tries=1)
    labels = part._labels()
    for name, (_, y) in part._parts.items():
        assert not np.array_equal(labels[name], y) and np.array_equal(np.sort(labels[name]), np.sort(y)), name
    assert 0.35 < (labels["test"] == part._parts["test"][1]).mean() < 0.65
    part.run()
    move(part, shuffled=False)
    assert all(np.array_equal(part._labels()[name], y) for name, (_, y) in part._parts.items())
    assert np.array_equal(part._parts["test"][0], DATA.x_train[100:]) and np.array_equal(
        part._parts["validation"][0], DATA.x_val
    )


@slow
def test_networks_are_trained_on_the_shuffled_labels():
    part = game(shuffled=True, tries=5, n_validation=60)
    part.run()
    labels = part._labels()

    def alone(y):
        trainer = Trainer(build, DATA.x_train[:100], y, (DATA.x_val, labels["validation"]))
        return [
            trainer.run(part._drawn(number), 2, seed=part._seed_of(number)).history["val_accuracy"][-1]
            for number in range(1, 6)
        ]

    assert part.accuracies == pytest.approx(alone(labels["training"]), abs=1e-6)
    assert part.accuracies != pytest.approx(alone(DATA.y_train[:100]), abs=1e-6)


def test_sealed_data_will_do_and_the_real_test_pictures_are_not_touched(instant, tmp_path):
    clothes, test = seal(DATA, tmp_path)
    part = game(quick, data=clothes, tries=1)
    part.run()
    part.open()
    assert part.test_accuracy is not None and not list(tmp_path.iterdir()) and "0" in repr(test)


@slow
def test_several_classes_and_one_hot_labels():
    def softmax(units=8):
        model = keras.Sequential(
            [keras.Input((64,)), layers.Dense(units, activation="relu"), layers.Dense(10, activation="softmax")]
        )
        model.compile(loss="categorical_crossentropy", metrics=["accuracy"])
        return model

    data = digits(one_hot=True)
    part = game(softmax, data, {"units": [8]}, n_train=300, tries=1, n_validation=(10, 288, 288))
    part.run()
    trainer = Trainer(softmax, data.x_train[:300], data.y_train[:300], (data.x_val, data.y_val))
    history = trainer.run({"units": 8}, 2, seed=part.best.seed).history
    assert part.best.accuracy == pytest.approx(history["val_accuracy"][-1], abs=1e-6)
    assert part._chance == pytest.approx(0.1)


def test_an_answer_that_is_not_a_number_is_wrong():
    outputs = np.array([[0.2], [np.nan], [0.9], [np.nan], [0.1], [0.6]])
    assert _right(outputs, np.array([0, 0, 1, 1, 1, 0])).tolist() == [True, False, True, False, False, False]
    assert _right(np.array([[0.2, 0.8], [np.nan, 1.0]]), np.array([[0, 1], [0, 1]])).tolist() == [True, False]


@slow
def test_a_try_that_diverges_does_not_end_the_game():
    def explosive(start=1.0):
        model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Flatten(),
                layers.Dense(1, activation="sigmoid", kernel_initializer=keras.initializers.Constant(start)),
            ]
        )
        model.compile(loss="binary_crossentropy")
        return model

    part = game(explosive, choices={"start": [0.0, float("nan")]}, tries=8)
    part.run()
    diverged = [np.isnan(part._drawn(number)["start"]) for number in range(1, 9)]
    assert part.state == "done" and 0 < sum(diverged) < 8
    assert (part.accuracies == 0).tolist() == diverged


# Sealing and opening


def test_the_test_accuracy_is_sealed_until_it_is_opened_and_again_after_a_move(played):
    assert played.test_accuracy is None and marks(played)["opened"] == "0" and Picture(played).bar("test") is None
    assert "The game's test set is sealed." in words(played) and "test pictures" not in words(played)
    played._open_button.click()
    right = played._tested()
    low, high = interval(int(right.sum()), 60)
    assert played.test_accuracy == right.mean() and marks(played)["opened"] == "1"
    assert f"The same network on 60 test pictures: {right.mean():.2f} (between {low:.2f} and {high:.2f})." in words(
        played
    )
    assert Picture(played).bar("test") == pytest.approx((low, high), abs=0.003)
    move(played, n_validation=20)
    assert played.test_accuracy is None and marks(played)["opened"] == "0" and Picture(played).bar("test") is None


def test_it_is_opened_only_after_the_tries(instant):
    part = game(quick)
    assert part._open_button.disabled
    with pytest.raises(LessonError, match="when all tries are trained"):
        part.open()
    part._open_button.click()
    assert part.test_accuracy is None
    part.run()
    assert not part._open_button.disabled


def test_no_control_trains_a_try_twice(played):
    before = played.accuracies
    move(played, n_validation=10, tries=3)
    assert len(played.accuracies) == 3 and marks(played)["epoch"] == marks(played)["epochs"] == "3"
    move(played, tries=6, n_validation=30)
    assert not calls and np.array_equal(played.accuracies, before)
    move(played, tries=8)
    assert len(calls) == 2 and np.array_equal(played.accuracies[:6], before)


def test_a_round_that_was_left_is_still_there(instant):
    part = game(quick, tries=(1, 40, 2))
    part.run()
    real = part.accuracies
    move(part, shuffled=True)
    move(part, shuffled=False)
    calls.clear()
    move(part, shuffled=True)
    move(part, shuffled=False)
    assert not calls and np.array_equal(part.accuracies, real)
    move(part, tries=3)  # its trainer had to be made anew
    assert len(calls) == 1 and np.array_equal(part.accuracies[:2], real)


# What is shown


def test_the_picture_shows_each_try_the_best_so_far_and_its_error_bar(played):
    picture = Picture(played)
    assert picture.dots() == pytest.approx(played.accuracies.tolist(), abs=0.003)
    best = [round(picture.accuracy(y), 2) for _, y in picture.lines("best")[0]]
    assert best[::2] == np.round(np.maximum.accumulate(played.accuracies), 2).tolist()
    assert picture.bar("best") == pytest.approx(interval(round(30 * played.best.accuracy), 30), abs=0.003)
    assert f"best of 6:{played.best.accuracy:.2f}" in "".join(picture.root.itertext())
    assert picture.root.get("role") == "img"
    assert f"Best of 6: {played.best.accuracy:.2f} on 30 validation pictures" in picture.root.get("aria-label")
    assert not picture.lines("guessers")


def test_with_shuffled_labels_it_shows_chance_and_what_guessers_would_reach(instant):
    part = game(quick, shuffled=True, tries=3)
    part.run()
    picture = Picture(part)
    guessers = [picture.accuracy(y) for _, y in picture.lines("guessers")[0]]
    assert guessers == pytest.approx(expected_best(3, 30).tolist(), abs=0.003)
    chance = next(path for path in picture.root.iter("path") if path.get("class") == "chance")
    assert picture.accuracy(re.match(r"M0 ([\d.]+)H", chance.get("d"))[1]) == pytest.approx(0.5, abs=0.003)
    assert "All labels are shuffled" in words(part)


def test_it_grows_try_by_try(instant):
    part = game(quick, tries=3)
    part._is_due = lambda: True
    frames = []
    part._chart.observe(lambda change: frames.append((marks(part), words(part), len(part.accuracies))), "value")
    sent = []
    part._words.send_state = lambda key=None: sent.append(words(part))
    part.run()
    assert [mark["state"] for mark, _, _ in frames] == ["building", "training", "training", "done"]
    assert [(mark["epoch"], mark["epochs"], done) for mark, _, done in frames] == [(str(n), "3", n) for n in range(4)]
    assert json.loads(frames[-1][0]["settings"]) == {"tries": 3, "n_validation": 30, "shuffled": False, "seed": 0}
    assert frames[2][1] == "Training: 3 tries …" and not any("epochs" in said for said in sent)
    assert part._box.children[-1] is part._chart


@pytest.mark.parametrize("tries", [1, 2])
def test_a_game_of_few_tries_can_be_drawn(instant, tries):
    part = game(quick, tries=tries, shuffled=True, n_validation=1)
    part.run()
    part.open()
    assert len(Picture(part).dots()) == tries and "nan" not in part._chart.value


def test_what_is_kept_in_the_notebook_holds_no_figure_of_this_machine(instant):
    played = game(quick)
    played.run()
    alt, said = played._still_words()
    assert re.findall(r"\d+\.\d+", alt + said) == [] and "6 settings" in alt and "30 validation pictures" in said
    move(played, seed=3)
    assert played._still_words() == (alt, said)


# Stopping, errors, the background


def test_stop_keeps_what_is_trained_and_the_next_move_goes_on(instant):
    whole = game(quick, tries=4)
    whole.run()
    calls.clear()

    def stopping(**settings):
        quick(**settings)
        if len(calls) == 3:
            part.stop()

    part = game(quick, tries=4)
    part._build = stopping
    part.run()
    assert part.state == "stopped" and "2 of 4 tries are trained" in words(part) and part._open_button.disabled
    move(part, n_validation=29)
    assert part.state == "done" and not part._open_button.disabled and len(calls) == 5  # only the third was begun twice
    move(part, n_validation=30)
    assert np.array_equal(part.accuracies, whole.accuracies)


@slow
def test_a_real_try_that_is_stopped_and_goes_on_ends_as_one_that_was_not(played):
    def stopping(**settings):
        if len(calls) == 2:
            part.stop()
        return build(**settings)

    part = game(tries=4)
    part._build = stopping
    part.run()
    assert part.state == "stopped" and len(part.accuracies) == 2
    part.run()
    assert part.state == "done" and np.array_equal(part.accuracies, played.accuracies[:4])


def test_a_try_that_a_trainer_has_kept_without_answers_is_trained_anew(instant, monkeypatch):
    whole = game(quick, tries=3)
    whole.run()

    class Forgetful(Instant):
        """Has the second try in its memory already, as after an interrupt at the wrong moment; a new one has not."""

        made = 0

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            Forgetful.made += 1

        def run(self, settings, epochs, batch_size, seed, stop):
            if seed == 2 and Forgetful.made == 1:
                return SimpleNamespace(epoch=list(range(epochs)), note="")
            return super().run(settings, epochs, batch_size, seed, stop)

    monkeypatch.setattr(module, "Trainer", Forgetful)
    part = game(quick, tries=3)
    part.run()
    assert np.array_equal(part.accuracies, whole.accuracies) and Forgetful.made == 2


def test_it_trains_behind_a_front_end_and_the_latest_move_wins(instant, background):
    part = winners_curse(quick, DATA, CHOICES, tries=(1, 40, 4), n_validation=(10, 60, 30), n_train=100, epochs=2)
    assert part.state == "done" and len(part.accuracies) == 4
    for n in (5, 30, 6):
        move(part, tries=n)
    part.wait()
    assert part.state == "done" and marks(part)["epoch"] == "6" and len(part.accuracies) == 6
    part.open()
    part.wait()
    assert part.test_accuracy is not None
    before = part._run_number
    control = part._controls["tries"]
    part.close()
    control.value = 9
    assert part._run_number == before and part.idle.is_set()


def test_a_try_that_cannot_be_trained_is_told_with_its_settings():
    part = game(choices={"units": [-1]})
    part.run()
    assert part.state == "error" and part._open_button.disabled
    with pytest.raises(LessonError, match=r"Try 1 \(units -1\) cannot be trained\. Your function build\(\)"):
        part.wait()


@pytest.mark.parametrize(
    "change, said",
    [
        ({"builder": build()}, "not the network"),
        ({"choices": {}}, "dictionary of keywords"),
        ({"choices": [3]}, "dictionary of keywords"),
        ({"choices": {"unit": [3]}}, r"build\(units, learning_rate, optimizer\) has no keyword 'unit'"),
        ({"choices": {"units": []}}, "list of values"),
        ({"choices": {"units": 3}}, "list of values"),
        ({"choices": {"optimizer": "adam"}}, "list of values"),
        ({"n_train": 131}, "from 1 to 130"),
        ({"n_train": 0}, "from 1 to 130"),
        ({"n_train": 2.5}, "whole number"),
        ({"tries": 0}, "tries must be a whole number from 1 to 1000"),
        ({"tries": 2000}, "from 1 to 1000"),
        ({"tries": 2.5}, "whole number"),
        ({"n_validation": 61}, "n_validation must be a whole number from 1 to 60"),
        ({"seed": -1}, "seed"),
        ({"data": (DATA.x, DATA.y, DATA.x_val, DATA.y_val[:3])}, "do not belong together"),
        ({"data": 3}, "must be a dataset"),
    ],
    ids=[
        "a network",
        "no choices",
        "a list",
        "no such keyword",
        "nothing to choose",
        "a number",
        "a word",
        "all for training",
        "none for training",
        "half a picture",
        "no tries",
        "too many tries",
        "half a try",
        "too many pictures",
        "negative seed",
        "rows",
        "no data",
    ],
)
def test_mistakes_are_told_in_words(change, said):
    with pytest.raises(LessonError, match=said):
        game(**change)


def test_a_slider_that_goes_too_far_is_told_and_can_be_moved_back(instant):
    part = game(quick, n_validation=(10, 100, 30), tries=1)
    part.run()
    move(part, n_validation=80)
    assert part.state == "error" and "from 1 to 60" in words(part)
    move(part, n_validation=60)
    assert part.state == "done"


def test_a_students_own_slider_outlives_the_game(instant):
    mine = widgets.IntSlider(value=20, min=10, max=60)
    part = game(quick, n_validation=mine, tries=1)
    part.run()
    part.close()
    assert mine.comm is not None and mine.description == "n_validation"


@slow
def test_the_curse_is_real_and_smaller_with_more_validation_pictures():
    """Over seeds, not for one lucky run: with nothing to learn, the best of many looks good, and the test set knows
    better."""
    data = clothing(["T-shirt", "Shirt"])
    choices = {"units": [32], "learning_rate": [0.001, 0.003, 0.01], "optimizer": ["adam", "sgd"]}
    part = Game(
        build, data, choices, {"tries": (1, 60, 60), "n_validation": (10, 200, 30), "shuffled": True, "seed": (0, 9, 0)}
    )
    gains = {30: [], 200: []}
    for seed in range(3):
        for n, seen in gains.items():
            move(part, seed=seed, n_validation=n)
            part.run()
            part.open()
            assert 0.42 < part.test_accuracy < 0.58
            seen.append(part.best.accuracy - part.test_accuracy)
    assert min(gains[30]) > 0.03 and np.mean(gains[30]) > np.mean(gains[200]) > 0
