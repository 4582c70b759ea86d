"""Any training log as a history: the exact lines of each tool, what is decided, what is refused."""

import io
import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers import LessonError, curves, diagnose, read_log
from tests.curves.logs import LIGHTNING, LOGS


def same(values, expected):
    return values == pytest.approx(expected, nan_ok=True, rel=1e-12)


@pytest.mark.parametrize("name", LOGS)
@pytest.mark.parametrize("way", ["text", "file"])
def test_what_each_tool_writes_is_read(name, way, tmp_path):
    text, *expected = LOGS[name]
    if way == "file":
        (tmp_path / "run.log").write_text(text, encoding="utf-8")
        text = tmp_path / "run.log"
    log = read_log(text)
    for key, values in zip(("loss", "val_loss", "accuracy", "val_accuracy"), expected, strict=True):
        assert (key in log) == (values is not None), (key, log.note)
        assert values is None or same(log[key], values)
    assert "lr" not in log and "learning_rate" not in log


@pytest.mark.parametrize("name", [name for name in LOGS if "in a notebook" not in name])
def test_what_is_read_can_be_described_and_diagnosed(name):
    log = read_log(LOGS[name][0])
    assert curves.describe(log) and str(diagnose(log))
    assert ("There is no validation data" in curves.describe(log)) <= ("val_loss" not in log)
    assert repr(log).startswith(f"Log of {len(log['loss'])} epoch") and repr(log).endswith(log.note)


def test_what_is_read_can_be_drawn():
    picture = curves.plot(read_log(LOGS["Keras 2"][0]), numbers=True)
    assert picture.png and picture.alt.startswith("The best epoch is 2 of 2: training loss 0.31, validation loss 0.39")


def test_a_history_stays_as_it_is():
    history = {"loss": [0.9, float("nan")], "mae": [0.3, 0.2], "val_loss": [1.0, 0.9], "val_mae": [0.4, 0.3]}
    log = read_log(SimpleNamespace(history=history, epoch=[0, 1]))
    assert list(log) == list(history) and all(same(log[key], history[key]) for key in history) and log.note == ""
    twice = read_log([SimpleNamespace(history=history)] * 2)
    assert len(twice["loss"]) == 4 and "joined one after the other" in twice.note


@pytest.mark.parametrize(
    "loss",
    ["loss", "train_loss", "training_loss", "Train Loss", "train/loss", "trainLoss", "Loss/train", "train_losses"],
)
@pytest.mark.parametrize(
    "val", ["val_loss", "valid_loss", "eval_loss", "test_loss", "dev_loss", "Validation Loss", "Loss/val"]
)
def test_the_usual_names_are_known(loss, val):
    log = read_log({"epoch": [1, 2], loss: [0.9, 0.8], val: [1.0, 0.9], "lr": [0.1, 0.1], "time": [3, 4]})
    assert log == {"loss": [0.9, 0.8], "val_loss": [1.0, 0.9]}
    assert ("test_loss" in log.note) == (val == "test_loss")


@pytest.mark.parametrize(
    "name, known",
    [
        ("acc", "accuracy"),
        ("train_acc", "accuracy"),
        ("eval_accuracy", "val_accuracy"),
        ("val_f1", "val_f1"),
        ("valid/f1", "val_f1"),
        ("top_5_accuracy", "top_5_accuracy"),
        ("val_top5", "val_top5"),
    ],
)
def test_metrics_get_the_names_of_keras(name, known):
    assert read_log({"loss": [0.9, 0.8], name: [0.5, 0.6]})[known] == [0.5, 0.6]


def test_the_plainest_validation_counts_and_the_test_is_named():
    log = read_log({"loss": [0.9, 0.8], "test_loss": [3, 3], "val_loss": [1.0, 0.9]})
    assert log["val_loss"] == [1.0, 0.9] and "test_loss is left out" in log.note


def test_lightnings_figures_of_an_epoch_count_before_those_of_its_steps():
    names = "epoch,train_loss_step,train_loss_epoch,val_loss_step"
    table = f"{names}\n0,9,,\n0,,0.9,1.0\n1,8,,\n1,,0.8,0.95\n2,7,,\n2,,0.7,0.9\n"
    log = read_log(table)
    assert log == {"loss": [0.9, 0.8, 0.7], "val_loss": [1.0, 0.95, 0.9]} and "train_loss_step is left out" in log.note


def test_a_strange_loss_is_named():
    log = read_log({"loss": [0.9, 0.8], "heldout_loss": [1.0, 0.9]})
    assert "heldout_loss" in log.note
    assert "cv loss" in read_log("Epoch 1 | loss 0.9 | cv loss 1.0\nEpoch 2 | loss 0.8 | cv loss 0.9").note
    assert read_log({"total_loss": [0.9, 0.8], "val_total_loss": [1.0, 0.9]}) == {
        "loss": [0.9, 0.8],
        "val_loss": [1.0, 0.9],
    }
    with pytest.raises(LessonError, match="It has train/box_loss, train/cls_loss, val/box_loss"):
        read_log("epoch,train/box_loss,train/cls_loss,val/box_loss\n1,1,2,3\n2,1,2,3\n")


@pytest.mark.parametrize(
    "form",
    [
        pd.DataFrame,
        lambda table: table.to_dict("list"),
        lambda table: table.to_dict("records"),
        lambda table: table.to_csv(index=False),
        lambda table: table.to_string(),
        lambda table: table.to_json(),
    ],
)
def test_a_table_says_the_same_in_every_form(form):
    table = pd.DataFrame(
        {"epoch": [0, 1, 2], "loss": [0.9, 0.8, 0.7], "val_loss": [1.0, 0.9, 0.95], "acc": [50.0, 60.0, 70.0]}
    )
    log = read_log(form(table))
    assert log == {"loss": [0.9, 0.8, 0.7], "val_loss": [1.0, 0.9, 0.95], "accuracy": [0.5, 0.6, 0.7]}
    assert "percent" in log.note


def test_gaps_of_a_data_frame_are_no_divergence_and_a_loss_of_nan_stays():
    table = pd.read_csv(io.StringIO(LIGHTNING))
    assert read_log(table) == read_log(LIGHTNING) == read_log(table.to_dict("list"))
    every_second = pd.DataFrame({"loss": [0.9, 0.8, 0.7, 0.6], "val_loss": [np.nan, 0.9, np.nan, 0.8]})
    assert read_log(every_second) == {"loss": [0.8, 0.6], "val_loss": [0.9, 0.8]}
    diverged = pd.DataFrame(
        {"loss": [0.9, np.nan, np.nan], "accuracy": [0.3, 0.1, 0.1], "val_loss": [1.0, np.nan, np.nan]}
    )
    log = read_log(diverged)
    assert same(log["loss"], [0.9, math.nan, math.nan]) and diagnose(log).pattern == "diverging"


def test_lists_of_different_lengths():
    rare = read_log({"train_loss": [1.0, 0.9, 0.8, 0.7, 0.6, 0.5], "val_loss": [0.9, 0.8, 0.7]})
    assert rare == {"loss": [0.9, 0.7, 0.5], "val_loss": [0.9, 0.8, 0.7]} and "every 2 epochs" in rare.note
    check = read_log({"train_loss": [1.0, 0.9, 0.8], "val_loss": [2.3, 0.9, 0.8, 0.7]})
    assert check["val_loss"] == [0.9, 0.8, 0.7] and "before training" in check.note
    with pytest.raises(LessonError, match="val_loss has 4 values, and loss has 7"):
        read_log({"loss": [1, 2, 3, 4, 5, 6, 7], "val_loss": [1, 2, 3, 4]})


def test_a_check_before_training_is_left_out():
    log = read_log("epoch,train_loss,val_loss\n0,,2.3\n0,0.9,\n0,,0.8\n1,0.7,\n1,,0.75\n")
    assert log == {"loss": [0.9, 0.7], "val_loss": [0.8, 0.75]} and "before training" in log.note


def test_a_resumed_run_is_joined(tmp_path):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("epoch,loss\n0,1.0\n1,0.9\n2,0.8\n")
    second.write_text("epoch,loss\n2,0.7\n3,0.6\n")
    log = read_log([first, str(second)])
    assert log["loss"] == [1.0, 0.9, 0.7, 0.6] and "the later one counts" in log.note
    assert read_log("epoch,loss\n0,1.0\n1,0.9\n2,0.8\n2,0.75\n3,0.6\n1,0.7\n2,0.5\n")["loss"] == [1.0, 0.7, 0.5]


def test_tensorboards_exports_of_two_folders_are_one_run(tmp_path):
    for split, values in (("train", (0.9, 0.7)), ("validation", (1.0, 0.8))):
        rows = "".join(f"17.5,{step},{value}\n" for step, value in enumerate(values))
        (tmp_path / f"run-{split}-tag-epoch_loss.csv").write_text("Wall time,Step,Value\n" + rows)
    assert read_log(sorted(tmp_path.iterdir())) == {"loss": [0.9, 0.7], "val_loss": [1.0, 0.8]}


def test_two_exports_with_only_steps_are_one_run():
    train, val = (f"Step,run - {name}\n10,{{}}\n20,{{}}\n" for name in ("loss", "val_loss"))
    log = read_log([train.format(0.9, 0.7), val.format(1.0, 0.8)])
    assert log == {"loss": [0.9, 0.7], "val_loss": [1.0, 0.8]} and "only steps" in log.note


def events(path, rows, tensors):
    """An event file with a scalar for each (step, tag, value); tensors: as TensorFlow 2 writes them."""
    import tensorflow as tf

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(tf.compat.v1.Event(file_version="brain.Event:2").SerializeToString())
        for step, tag, value in rows:
            cell = {"tensor": tf.make_tensor_proto(value, tf.float32)} if tensors else {"simple_value": value}
            summary = tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(tag=tag, **cell)])
            writer.write(tf.compat.v1.Event(step=step, summary=summary).SerializeToString())


@pytest.mark.parametrize("tensors", [True, False], ids=["TensorFlow 2", "TensorFlow 1 and PyTorch"])
def test_event_files_of_keras_are_read(tmp_path, tensors):
    for split, values in (("train", (0.75, 0.5)), ("validation", (1.0, 0.875))):
        rows = [(step, "epoch_loss", value) for step, value in enumerate(values)]
        rows += [(step, "epoch_learning_rate", 0.1) for step in range(2)] + [(9, "evaluation_loss_vs_iterations", 7.0)]
        events(tmp_path / split / "events.out.tfevents.1.host.1.0.v2", rows, tensors)
    assert read_log(tmp_path) == {"loss": [0.75, 0.5], "val_loss": [1.0, 0.875]}
    assert read_log(str(tmp_path / "train"))["loss"] == [0.75, 0.5]


def test_event_files_of_lightning_are_read_and_damage_is_told(tmp_path):
    path = tmp_path / "version_0" / "events.out.tfevents.1.host.1.0"
    steps = ((49, 0, 2.0), (99, 0, 1.0), (149, 1, 1.0), (199, 1, 0.5))
    rows = [row for step, epoch, loss in steps for row in ((step, "train_loss", loss), (step, "epoch", float(epoch)))]
    events(path, [*rows, (99, "val_loss", 1.25), (199, "val_loss", 0.75)], tensors=False)
    assert read_log(tmp_path) == {"loss": [1.5, 0.75], "val_loss": [1.25, 0.75]}
    for split, value in (("train", 0.5), ("val", 0.75)):  # add_scalars of PyTorch
        events(tmp_path / f"Loss_{split}" / path.name, [(step, "Loss", value) for step in (10, 20)], tensors=False)
    folders = [tmp_path / "Loss_train", tmp_path / "Loss_val"]
    assert read_log(folders) == {"loss": [0.5, 0.5], "val_loss": [0.75, 0.75]}
    for folder in folders:
        shutil.rmtree(folder)
    path.write_bytes(path.read_bytes()[:-3])
    assert "damaged" in read_log(path).note
    events(tmp_path / "version_1" / path.name, rows, tensors=False)
    with pytest.raises(LessonError, match="There are 2 runs in .*: version_0, version_1"):
        read_log(tmp_path)


@pytest.mark.parametrize(
    "source, words",
    [
        ("", "an empty text"),
        ("nothing here", "No figures .* 'nothing here'"),
        ({}, "an empty dict"),
        ([], "an empty list"),
        (5, "this int"),
        (None, "this NoneType"),
        ([1.0, 2.0], "without a name"),
        ([[1, 2], [3]], "list"),
        ("https://example.org/log.csv", "fetches nothing"),
        ("missing.csv", "no file missing.csv in"),
        (Path("missing/log.csv"), "no file log.csv in"),
        ("<!DOCTYPE html><html>loss: 0.5", "a web page"),
        ({"val_loss": [1.0]}, "no training loss in this log. It has val_loss"),
        ({"train": [1], "val": [1]}, "It has train, val"),
        ({"a": [1]}, "It has a"),
        (b"loss", "this bytes"),
        ({"loss": "high"}, "No figures"),
        ({"loss": ["a", "b"]}, "No figures"),
        (pd.DataFrame({"x": ["a"]}), "this DataFrame"),
        (json.dumps({"cells": [], "nbformat": 4}), "a notebook"),
        ("[" * 100_000, "No figures"),
        (Path("/dev/null"), "no file"),
        (",".join(f"c{i}" for i in range(100_000)) + "\n1,2", "thousands of columns"),
        (pd.DataFrame(np.zeros((1, 3000))), "3000 columns"),
        (str(Path(__file__).parent), "folder without TensorBoard"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_read_is_refused_in_words(source, words):
    with pytest.raises(LessonError, match=words):
        read_log(source)


@pytest.mark.parametrize(
    "content, words",
    [(b"\x80\x04\x95", "a pickle"), (b"PK\x03\x04", "zip"), (b"\x89HDF\r\n", "HDF5"), (b"loss\0\0\0", "no text")],
)
def test_a_binary_file_is_not_opened(tmp_path, content, words):
    (tmp_path / "log.csv").write_bytes(content * 10)
    with pytest.raises(LessonError, match=words):
        read_log(tmp_path / "log.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_file_in_another_encoding(tmp_path, encoding):
    (tmp_path / "log.csv").write_text("epoch,loss,Güte\n1,0.9,0.1\n2,0.8,0.2\n", encoding=encoding)
    assert read_log(tmp_path / "log.csv")["loss"] == [0.9, 0.8]


def test_of_a_huge_file_the_beginning_is_read(tmp_path):
    with (tmp_path / "log.csv").open("w") as file:
        file.write("epoch,loss\n0,0.9\n1,0.8\n" + ("#" * 100_000 + "\n") * 200)
        file.truncate(500_000_000)  # a file with a hole: zeros after the text
    log = read_log(tmp_path / "log.csv")
    assert log["loss"] == [0.9, 0.8] and "first 20 MB" in log.note


RUNS = [
    {"name": name, "epoch": epoch, "loss": 1 / epoch, "val_loss": 1.2 / epoch}
    for name in ("first settings", "dropout 0.5")
    for epoch in (1, 2, 3)
]


@pytest.mark.parametrize("column", ["run", "run_id", "Trial", "fold", "seed", "experiment_name"])
@pytest.mark.parametrize("by_epoch", [False, True])
def test_several_runs_in_one_table_are_told_apart_in_words(column, by_epoch):
    rows = [{column: row["name"], **{key: row[key] for key in ("epoch", "loss", "val_loss")}} for row in RUNS]
    rows = sorted(rows, key=lambda row: row["epoch"]) if by_epoch else rows
    for source in (rows, pd.DataFrame(rows), pd.DataFrame(rows).to_csv(index=False)):
        with pytest.raises(LessonError, match="2 runs below each other.*first settings, dropout 0.5.*keep its rows"):
            read_log(source)
    one = pd.DataFrame(rows)
    assert len(read_log(one[one[column] == "dropout 0.5"])["loss"]) == 3


def test_a_run_that_goes_on_under_another_name_and_a_seed_that_stays_are_one_run():
    rows = [{"run_id": f"part {epoch // 3}", "seed": 7, "epoch": epoch, "loss": 1 / epoch} for epoch in range(1, 6)]
    assert len(read_log(rows)["loss"]) == 5
