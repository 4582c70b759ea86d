"""The sealed test set: nothing gets out without a reason and a line on record, and every opening says what its figure
is worth."""

import errno
import io
import os
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from helpers.data import clothing, digits
from helpers.engine.examples import training_and_validation
from helpers.error_bars import interval
from helpers.errors import LessonError
from helpers.lab_book import entries
from helpers.records import sealed as sealed_module
from helpers.records.saved import clean_up, new_folder
from helpers.records.sealed import RECORD, seal

FRESH = clothing(["T-shirt", "Shirt"])
REASON = "the figure for the model card"


@pytest.fixture(autouse=True)
def fresh_kernel():
    """Each test is a run of the notebook of its own."""
    sealed_module._openings.clear()
    yield
    sealed_module._openings.clear()


@pytest.fixture
def test_set(tmp_path):
    return seal(FRESH, tmp_path)[1]


def network(units=1, activation="sigmoid", shape=(28, 28, 1), seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(units, activation=activation)])


def oracle(right, n=340):
    """Something that answers like a sigmoid network, the first `right` of the test pictures correctly."""
    answers = np.where(np.arange(n) < right, FRESH.y_test, 1 - FRESH.y_test)
    return SimpleNamespace(predict=lambda x, verbose: (0.1 + 0.8 * answers)[:, np.newaxis])


def rows(folder):
    return [line for line in (folder / RECORD).read_text(encoding="utf-8").splitlines() if re.match(r"\| \d", line)]


def openings(test_set):
    return int(re.search(r"notebook: (\d+)", repr(test_set))[1])


def assert_still_sealed(test_set, folder):
    assert openings(test_set) == 0
    assert not (folder / RECORD).is_file() or not rows(folder)


# The data without their test part


def test_the_rest_of_the_data_is_as_before(tmp_path):
    clothes, _ = seal(FRESH, tmp_path)
    for name in ("x", "y", "x_train", "y_train", "x_val", "y_val"):
        assert np.array_equal(getattr(clothes, name), getattr(FRESH, name)), name
    assert clothes.class_names == FRESH.class_names and clothes.n_validation == FRESH.n_validation
    assert repr(clothes) == (
        "Dataset: 800 training, 200 validation images of shape (28, 28, 1), 340 test images under seal;"
        " classes: T-shirt/top, Shirt"
    )
    x, y, (x_val, y_val) = training_and_validation(clothes)
    assert (len(x), len(y), len(x_val), len(y_val)) == (800, 800, 200, 200)


@pytest.mark.parametrize("name", ["x_test", "y_test"])
def test_the_test_part_is_not_to_be_had(tmp_path, name):
    clothes, _ = seal(FRESH, tmp_path)
    with pytest.raises(LessonError, match=r"sealed.*test\.score.*test\.open\(reason\)"):
        getattr(clothes, name)
    assert not any(
        np.shares_memory(value, getattr(FRESH, name))
        for value in vars(clothes).values()
        if isinstance(value, np.ndarray)
    )


def test_what_cannot_be_sealed_is_told(tmp_path):
    clothes, _ = seal(FRESH, tmp_path)
    with pytest.raises(LessonError, match="sealed already"):
        seal(clothes, tmp_path)
    with pytest.raises(LessonError, match="dataset with a test part"):
        seal((FRESH.x, FRESH.y), tmp_path)
    for folder in (tmp_path / "gone", None, 3):
        with pytest.raises(LessonError, match=r"no folder .*new_folder\("):
            seal(FRESH, folder)


# Opening


def test_open_hands_out_copies_and_prints_a_stamp(test_set, tmp_path, capsys):
    x, y = test_set.open(REASON)
    assert np.array_equal(x, FRESH.x_test) and np.array_equal(y, FRESH.y_test)
    assert capsys.readouterr().out == (
        f"The test pictures are open, for this reason: {REASON}. (Opening 1 in this run of the notebook;"
        f" it is on record in {RECORD}.)\n"
    )
    assert "handed out" in rows(tmp_path)[0] and REASON in rows(tmp_path)[0]
    x[:], y[:] = 0, 1
    again, labels = test_set.open("to look once more")
    assert np.array_equal(again, FRESH.x_test) and np.array_equal(labels, FRESH.y_test)
    assert np.array_equal(FRESH.x_test, clothing(["T-shirt", "Shirt"]).x_test)


@pytest.mark.parametrize(
    "reason",
    ["", "because", "1 2 3", "…  !", None, 7, ["a", "b"]],
    ids=["empty", "one word", "digits", "signs", "none", "number", "list"],
)
def test_without_a_reason_nothing_is_opened(test_set, tmp_path, reason):
    for opening in (lambda: test_set.open(reason), lambda: test_set.score(oracle(300), reason)):
        with pytest.raises(LessonError, match="for a reason, in words.*Nothing has been opened"):
            opening()
    assert_still_sealed(test_set, tmp_path)


def test_what_is_changed_after_sealing_does_not_reach_the_test_set(tmp_path):
    arrays = ("x", "y", "x_train", "y_train", "x_val", "y_val", "x_test", "y_test")
    data = SimpleNamespace(
        **{name: np.array(getattr(FRESH, name)) for name in arrays}, class_names=FRESH.class_names, n_validation=200
    )
    _, test = seal(data, tmp_path)
    data.x_test[:], data.y_test[:] = 0, 0
    x, y = test.open(REASON)
    assert np.array_equal(x, FRESH.x_test) and np.array_equal(y, FRESH.y_test)


# Scoring


def test_a_score_says_what_there_is_to_say(test_set, tmp_path):
    result = test_set.score(oracle(289), REASON + ".")
    assert (result.right, result.n, result.accuracy, result.opening, result.reason) == (289, 340, 0.85, 1, REASON)
    assert (result.low, result.high) == interval(289, 340)
    assert (
        str(result)
        == repr(result)
        == (
            "Test accuracy 0.85 (95 % interval 0.81 to 0.88): 289 of 340 pictures right. First opening of"
            " the test pictures in this run of the notebook: no choice has seen them."
        )
    )
    assert result.probabilities.shape == result.labels.shape == result.answers.shape == (340,)
    assert np.array_equal(result.labels, FRESH.y_test) and np.array_equal(result.pictures, FRESH.x_test)
    assert (result.answers == result.labels).sum() == 289 and result.classes == ("T-shirt/top", "Shirt")
    assert "accuracy 0.8500 (289 of 340)" in rows(tmp_path)[0]


def test_a_real_network_with_a_sigmoid(test_set):
    model = network()
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    result = test_set.score(model, REASON)
    assert result.accuracy == pytest.approx(model.evaluate(FRESH.x_test, FRESH.y_test, verbose=0)[1], abs=1e-6)
    assert np.allclose(result.probabilities, model.predict(FRESH.x_test, verbose=0)[:, 0])


@pytest.mark.slow
@pytest.mark.parametrize("one_hot", [False, True])
def test_a_real_network_with_a_softmax(tmp_path, one_hot):
    data = digits(one_hot=one_hot)
    _, test = seal(data, tmp_path)
    model = network(10, "softmax", (64,))
    model.compile(
        loss="categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    result = test.score(model, REASON)
    assert result.accuracy == pytest.approx(model.evaluate(data.x_test, data.y_test, verbose=0)[1], abs=1e-6)
    assert result.probabilities.shape == (360, 10) and result.labels.shape == result.answers.shape == (360,)


@pytest.mark.parametrize(
    "model, words",
    [
        (lambda: network(3, "softmax"), "shape \\(3,\\).*2 classes"),
        (lambda: network(1, "linear"), "no probabilities"),
        (lambda: network(shape=(20, 20, 1)), "cannot answer the test pictures, which have shape \\(28, 28, 1\\)"),
        (lambda: network, "needs a trained Keras model"),
        (lambda: SimpleNamespace(predict=lambda x, verbose: np.full((340, 1), np.nan)), "not numbers"),
        (lambda: SimpleNamespace(predict=lambda x, verbose: np.full((3, 1), 0.5)), "3 answers to 340"),
    ],
    ids=["three units", "no sigmoid", "other pictures", "the function", "exploded", "too few"],
)
def test_an_error_is_no_opening(test_set, tmp_path, model, words):
    with pytest.raises(LessonError, match=f"{words}.*Nothing has been opened"):
        test_set.score(model(), REASON)
    assert_still_sealed(test_set, tmp_path)
    assert test_set.score(oracle(300), REASON).opening == 1


def test_an_interrupt_is_no_opening(test_set, tmp_path):
    def interrupted(x, verbose):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        test_set.score(SimpleNamespace(predict=interrupted), REASON)
    assert_still_sealed(test_set, tmp_path)


# What later openings are worth


def test_a_second_opening_with_another_network_says_what_it_is(test_set):
    test_set.score(oracle(280), REASON)
    result = test_set.score(oracle(290), "I tried to improve it")
    assert result.opening == 2
    assert "Opening 2" in str(result) and "have become validation pictures" in str(result) and "too good" in str(result)


def test_the_same_network_again_is_the_same_figure(test_set, tmp_path):
    first, model = network(), network()
    test_set.score(first, REASON)
    again = test_set.score(model, "to see it again")  # another object with the same weights
    assert again.opening == 2 and "the answers of opening 1" in str(again) and "nothing new is learned" in str(again)
    assert "validation pictures" not in str(again)
    model.layers[-1].bias.assign_add([1e-4])
    assert "have become validation pictures" in str(test_set.score(model, "changed a little"))
    assert len(rows(tmp_path)) == 3


def test_after_pictures_were_handed_out_a_figure_is_no_first_one(test_set):
    test_set.open("to look at them")
    result = test_set.score(oracle(300), REASON)
    assert result.opening == 2 and "no choice has seen them" not in str(result) and "seeing them" in str(result)


def test_sealing_again_does_not_start_a_new_count(tmp_path):
    for number in (1, 2, 3):  # the cell is run again, also after the one with new_folder
        folder = tmp_path / str(number // 3)
        folder.mkdir(exist_ok=True)
        _, test = seal(clothing(["T-shirt", "Shirt"]), folder)
        assert openings(test) == number - 1
        assert test.score(oracle(280 + number), REASON).opening == number
    # neither one-hot labels nor another order of the classes makes the pictures unseen
    for data in (
        clothing(["T-shirt", "Shirt"], one_hot=True),
        clothing(["Shirt", "T-shirt"]),
        clothing(["T-shirt", "Shirt"], seed=5),
    ):
        assert openings(seal(data, tmp_path)[1]) == 3


def test_two_test_sets_are_counted_apart(tmp_path, test_set):
    test_set.open(REASON)
    _, other = seal(digits(), tmp_path)
    assert openings(other) == 0
    assert "no choice has seen them" in str(
        other.score(network(10, "softmax", (64,)), REASON)
    )  # the other's line is in the same record


# The record


def test_a_restarted_kernel_counts_anew_and_the_record_goes_on(test_set, tmp_path):
    test_set.score(oracle(300), REASON)
    test_set.open("to look at them")
    before = (tmp_path / RECORD).read_text(encoding="utf-8")
    sealed_module._openings.clear()
    result = test_set.score(oracle(310), REASON)
    assert (
        result.opening == 1
        and "2 openings from earlier runs on record" in str(result)
        and "no choice has seen them" not in str(result)
    )
    after = (tmp_path / RECORD).read_text(encoding="utf-8")
    assert after.startswith(before) and len(rows(tmp_path)) == 3 and after.count("# Openings") == 1


def test_a_restart_with_a_new_folder_does_not_make_the_pictures_unseen(tmp_path):
    for earlier in range(3):  # Restart and Run All, three times
        sealed_module._openings.clear()
        _, test = seal(clothing(["T-shirt", "Shirt"]), new_folder("choice", tmp_path))
        said = str(test.score(oracle(300 + earlier), REASON))
        assert ("no choice has seen them" in said) == (earlier == 0)
        assert (f"{earlier} opening" in said) == (earlier > 0), said
    _, other = seal(digits(), new_folder("choice", tmp_path))
    assert "no choice has seen them" in str(other.score(network(10, "softmax", (64,)), REASON))


def test_the_lab_book_remembers_what_cleaning_up_has_deleted(tmp_path, book, capsys):
    for earlier in range(3):  # opened, cleaned up, restarted
        sealed_module._openings.clear()
        folder = new_folder("choice", tmp_path)
        _, test = seal(clothing(["T-shirt", "Shirt"]), folder)
        said = str(test.score(oracle(300 + earlier), REASON))
        assert ("no choice has seen them" in said) == (earlier == 0)
        assert (f"{earlier} opening" in said) == (earlier > 0), said
        clean_up(folder)
    _, other = seal(digits(), new_folder("choice", tmp_path))
    assert "no choice has seen them" in str(other.score(network(10, "softmax", (64,)), REASON))
    assert [entry["reason"] for entry in entries("opened")] == [REASON] * 4


def test_the_record_is_a_table_whatever_the_reason_holds(test_set, tmp_path):
    test_set.open("a | b\n\nand more | `x` – übrig")
    lines = (tmp_path / RECORD).read_text(encoding="utf-8").splitlines()
    row = lines[-1]
    assert len(re.findall(r"(?<!\\)\|", row)) == len(re.findall(r"\|", lines[2])) == 6
    assert "a \\| b and more \\| `x` – übrig" in row
    assert (
        re.match(r"\| 1 \| \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \|", row) and "340 test pictures of T-shirt/top, Shirt" in row
    )


def test_a_line_cut_short_by_a_crash_does_not_swallow_the_next(test_set, tmp_path):
    test_set.open(REASON)
    record = tmp_path / RECORD
    record.write_bytes(record.read_bytes()[:-15])
    test_set.open("the next one")
    assert (tmp_path / RECORD).read_text(encoding="utf-8").splitlines()[-1].startswith("| 2 |")
    assert REASON in record.read_text(encoding="utf-8")


def test_a_record_that_is_no_text_is_kept(test_set, tmp_path):
    (tmp_path / RECORD).write_bytes(b"\xff\xfe not ours\n")
    assert test_set.score(oracle(300), REASON).opening == 1
    assert (tmp_path / RECORD).read_bytes().startswith(b"\xff\xfe not ours\n")


def _folder_gone(folder, monkeypatch):
    folder.rmdir()


def _record_is_a_folder(folder, monkeypatch):
    (folder / RECORD).mkdir()


def _refused(code):
    def spoil(folder, monkeypatch):
        def refuse(*args, **kwargs):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr("builtins.open", refuse)

    return spoil


def _disk_full(folder, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("builtins.open", lambda *args, **kwargs: Full())


@pytest.mark.parametrize("how", ["score", "open"])
@pytest.mark.parametrize(
    "spoil, words",
    [
        (_folder_gone, "folder is not there"),
        (_record_is_a_folder, "Could not"),
        (_refused(errno.EACCES), "not allowed"),
        (_refused(errno.EROFS), "nothing can be written there"),
        (_disk_full, "disk is full"),
    ],
    ids=["folder gone", "record is a folder", "not allowed", "read-only", "disk full"],
)
def test_what_cannot_be_recorded_stays_sealed(tmp_path, monkeypatch, capsys, spoil, words, how):
    folder = tmp_path / "choice"
    folder.mkdir()
    _, test = seal(FRESH, folder)
    with monkeypatch.context() as patch:
        spoil(folder, patch)
        with pytest.raises(LessonError, match=f"{words}.*Nothing has been opened"):
            test.score(oracle(300), REASON) if how == "score" else test.open(REASON)
    assert openings(test) == 0 and capsys.readouterr().out == ""


def test_a_record_that_cannot_be_read_is_told_before_anything_is_opened(test_set, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (test_set._record).touch()
    with monkeypatch.context() as patch:
        patch.setattr(type(test_set._record), "read_text", refuse)
        with pytest.raises(LessonError, match="Could not read.*Nothing has been opened"):
            test_set.score(oracle(300), REASON)
    assert openings(test_set) == 0
