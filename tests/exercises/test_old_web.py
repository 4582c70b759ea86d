"""The old web: each line is really run, what happens reads the same everywhere, and a line leaves nothing behind."""

import logging
import random
import re
import sys
import warnings

import keras
import numpy as np
import pytest
from absl import logging as absl_logging
from keras import layers

from helpers.errors import Interrupted, LessonError
from helpers.exercises.old_web import LIMIT, NOTHING_NEW, old_web

X, Y = np.zeros((8, 28, 28, 1), "float32"), keras.utils.to_categorical(np.arange(8) % 3, 3)


def build():
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def trained():
    model = build()
    return model, model.fit(X, Y, validation_split=0.25, verbose=0)


@pytest.fixture
def names(trained, tmp_path):
    """What the lesson's notebook has when it comes to the table."""
    names = {"x": X, "y": Y, "folder": tmp_path, "build": build, "model": trained[0], "training": trained[1]}
    exec(
        "import keras\n"
        "from keras import layers\n"
        "from keras.callbacks import ModelCheckpoint\n"
        "from keras.optimizers import Adam",
        names,
    )
    return names


def row(old, now="", look="", names=None):
    return old_web([(old, now, look)], {} if names is None else names).rows[0]


# The lesson's own lines: kind of what happens, a part of the words, the old line, the new one, what to look at

WITH_INPUT = (
    "layers.Conv2D(5, 3, input_shape=(28, 28, 1))",
    "keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(5, 3)])",
)
GENERATOR = (
    "from tensorflow.keras.preprocessing.image import ImageDataGenerator\nImageDataGenerator(horizontal_flip=True)"
)
FLIP = "keras.Sequential([keras.Input((28, 28, 1)), layers.RandomFlip('horizontal')])(x, training=True)"
ACC = (
    'model.compile(loss="categorical_crossentropy", metrics=["{}"])\n'
    "training = model.fit(x, y, validation_split=0.25, verbose=0)"
)
LESSON = [
    (
        "raises AttributeError",
        "no attribute 'predict_classes'",
        "model.predict_classes(x)",
        "model.predict(x, verbose=0).argmax(axis=1)",
        "",
    ),
    (
        "raises ValueError",
        "must end in `.weights.h5`",
        'ModelCheckpoint("weights.hdf5", save_weights_only=True)',
        'ModelCheckpoint("best.weights.h5", save_weights_only=True)',
        "",
    ),
    (
        "raises ValueError",
        "must end in `.keras`",
        'ModelCheckpoint("weights.hdf5")',
        'ModelCheckpoint("best.keras")',
        "",
    ),
    (
        "runs without a word",
        "is True",
        "checkpoint = ModelCheckpoint('best.keras', save_best_only='False')",
        "checkpoint = ModelCheckpoint('best.keras', save_best_only=False)",
        "bool(checkpoint.save_best_only)",
    ),
    (
        "runs without a word",
        "is 'True'",
        "checkpoint = ModelCheckpoint('best.keras', save_best_only='True')",
        "checkpoint = ModelCheckpoint('best.keras', save_best_only=True)",
        "checkpoint.save_best_only",
    ),
    (
        "raises ValueError",
        "determine whether that metric should be maximized",
        'model.fit(x, y, validation_split=0.25, callbacks=[ModelCheckpoint(folder / "best.keras", monitor="val_acc",'
        " save_best_only=True)])",
        'model.fit(x, y, validation_split=0.25, callbacks=[ModelCheckpoint(folder / "best.keras",'
        ' monitor="val_accuracy", save_best_only=True)])',
        "",
    ),
    (
        "warns",
        "Can save best model only with val_acc available",
        'model.fit(x, y, epochs=2, callbacks=[ModelCheckpoint(folder / "{epoch}.keras", monitor="val_acc",'
        ' mode="max", save_best_only=True)])',
        "",
        "len(list(folder.iterdir()))",
    ),
    ("raises TypeError", "'period'", 'ModelCheckpoint("best.keras", period=2)', 'ModelCheckpoint("best.keras")', ""),
    (
        "warns",
        "Do not pass an `input_shape`/`input_dim` argument",
        "keras.Sequential([layers.Dense(3, input_dim=4)])",
        "keras.Sequential([keras.Input((4,)), layers.Dense(3)])",
        "",
    ),
    ("warns", "Do not pass an `input_shape`/`input_dim` argument", *WITH_INPUT, ""),
    ("raises KeyError", "'acc'", 'training.history["acc"]', 'training.history["accuracy"]', ""),
    (
        "runs without a word",
        "['acc', 'loss', 'val_acc', 'val_loss']",
        ACC.format("acc"),
        ACC.format("accuracy"),
        "list(training.history)",
    ),
    (
        "raises ModuleNotFoundError",
        "'keras.layers.normalization'",
        "from keras.layers.normalization import BatchNormalization",
        "from keras.layers import BatchNormalization",
        "",
    ),
    (
        "raises ImportError",
        "'np_utils' from 'keras.utils'",
        "from keras.utils import np_utils",
        "from keras.utils import to_categorical",
        "",
    ),
    (
        "raises NameError",
        "'BatchNormalization' is not defined",
        "BatchNormalization()",
        "layers.BatchNormalization()",
        "",
    ),
    ("raises ValueError", "{'lr': 0.01}", "Adam(lr=0.01)", "Adam(learning_rate=0.01)", ""),
    (
        "warns",
        "`decay` is no longer supported and will be ignored",
        "Adam(decay=0.01)",
        "Adam(keras.optimizers.schedules.InverseTimeDecay(0.001, 1, 0.01))",
        "",
    ),
    (
        "raises AttributeError",
        "no attribute 'fit_generator'",
        "model.fit_generator(zip([x], [y]))",
        "model.fit(x, y)",
        "",
    ),
    (
        "raises AttributeError",
        "no attribute 'np_utils'",
        "keras.utils.np_utils.to_categorical([0, 2])",
        "keras.utils.to_categorical([0, 2])",
        "",
    ),
    (
        "raises ImportError",
        "from 'keras.preprocessing.image'",
        "from keras.preprocessing.image import ImageDataGenerator",
        FLIP,
        "",
    ),
    (
        "warns",
        "This file format is considered legacy",
        'model.save(folder / "model.h5")',
        'model.save(folder / "model.keras")',
        "",
    ),
]


def slow_if_it_trains(case):
    return pytest.param(*case, id=case[2][:40], marks=[pytest.mark.slow] if "fit(" in case[2] else [])


@pytest.mark.parametrize("kind, words, old, now, look", [slow_if_it_trains(case) for case in LESSON])
def test_a_line_of_the_lesson_does_what_the_lesson_says(kind, words, old, now, look, names):
    [line] = old_web([(old, now, look)], names).rows
    assert line.happens.startswith(kind) and words in line.happens
    assert line.ok and (line.old, line.now) == (old, now)
    assert not re.search(r"site-packages|/tmp|0x|\x1b|Received: filepath=/|__array__", line.happens + line.then)
    assert (line.then != "") == bool(look and now)


def test_what_a_quiet_line_has_done_stands_beside_what_the_new_one_does(names):
    line = row(
        "c = ModelCheckpoint('a.keras', save_best_only='False')",
        "c = ModelCheckpoint('a.keras', save_best_only=False)",
        "bool(c.save_best_only)",
        names,
    )
    assert (
        line.happens == "runs without a word; bool(c.save_best_only) is True"
        and line.then == "bool(c.save_best_only) is False"
    )


@pytest.mark.slow
def test_monitoring_a_curve_that_is_not_there_saves_every_epoch(names):
    old = (
        'model.fit(x, y, epochs=3, callbacks=[ModelCheckpoint(folder / "{epoch}.keras", monitor="val_acc",'
        ' mode="max", save_best_only=True)])'
    )
    line = row(old, "", "len(list(folder.iterdir()))", names)
    assert line.happens == "warns: Can save best model only with val_acc available; len(list(folder.iterdir())) is 3"


@pytest.mark.slow
def test_the_old_generator_of_tensorflow_still_runs_and_trains_without_a_word(names):
    line = row(GENERATOR + ".flow(x, y)\nmodel.fit(ImageDataGenerator(horizontal_flip=True).flow(x, y))", "", "", names)
    assert line.happens == "runs without a word"


# Advice that does not hold


@pytest.mark.parametrize(
    "now, why",
    [
        ("Adam(lr=1)", "raises ValueError: Argument(s) not recognized: {'lr': 1}"),
        ("Adam(decay=1)", "warns: Argument `decay`"),
        ("Adam(", "raises SyntaxError: '(' was never closed"),
        ("Adm()", "raises NameError: name 'Adm' is not defined"),
        ("exit(2)", "raises"),
    ],
)
def test_a_new_line_that_does_not_work_says_so_in_its_row(now, why, names):
    table = old_web([("Adam(lr=1)", now), ("Adam(lr=0.1)", "Adam(learning_rate=0.1)")], names)
    bad, good = table.rows
    assert not bad.ok and bad.then.startswith(f"does not work here: {why}")
    assert good.ok and good.then == ""
    assert bad.then in repr(table).replace("\n", " ") and table._repr_html_().count("does not work here") == 1


def test_a_look_that_cannot_be_evaluated_is_a_defect_too():
    line = row("a = 1", "b = 1", "a + 1")
    assert line.happens == "runs without a word; a + 1 is 2"
    assert (
        not line.ok
        and line.then == "does not work here: runs without a word; a + 1 raises NameError: name 'a' is not defined"
    )


def test_nothing_to_write_instead_is_said():
    table = old_web([("1 / 0", "")], {})
    assert table.rows[0].ok and NOTHING_NEW in repr(table) and NOTHING_NEW in table._repr_html_()


# What counts as a warning, and its words

WARN = "import warnings\nwarnings.warn({!r}, {})"


@pytest.mark.parametrize(
    "category, text, shown",
    [
        ("UserWarning", "Old. Not so long", True),
        ("DeprecationWarning", "an array of numpy", False),
        ("DeprecationWarning", "keras.foo is deprecated", True),
        ("FutureWarning", "pandas will change", False),
        ("__import__('h5py').h5py_warnings.H5pyDeprecationWarning", "dataset.value", False),
        ("__import__('numpy').exceptions.VisibleDeprecationWarning", "ragged", False),
        ("RuntimeWarning", "overflow", False),
    ],
)
def test_only_warnings_about_keras_are_shown(category, text, shown):
    assert row(WARN.format(text, category)).happens == (f"warns: {text}" if shown else "runs without a word")


def test_a_warning_is_shown_once_also_when_it_has_been_given_before(names):
    twice = "Adam(decay=1)\nAdam(decay=1)"
    first, again = row(twice, names=names), row(twice, names=names)
    assert first == again and first.happens == "warns: Argument `decay` is no longer supported and will be ignored"


def test_a_line_that_warns_and_then_fails_says_both(names):
    line = row("Adam(decay=1)\nAdam(lr=1)", names=names)
    assert line.happens.startswith("raises ValueError: Argument(s)") and "; warns: Argument `decay`" in line.happens


@pytest.mark.parametrize(
    "text, said",
    [
        ("One. Two.", "One. Two"),
        ("\x1b[1mBold\x1b[0m", "Bold"),
        ("First line\nsecond line", "First line"),
        ("x" * 300, "x" * (LIMIT - 1) + "…"),
        (f"A sentence. {'y' * 200}", None),
        (f"A sentence. Yet {'y' * 200}", "A sentence"),
        (
            "cannot import name 'a' from 'b' (/opt/some where/site-packages/b/__init__.py)",
            "cannot import name 'a' from 'b'",
        ),
        ("no file '/home/me/lesson/best.keras'.", "no file 'best.keras'"),
        (r"no C:\Users\me\best.keras", "no best.keras"),
        ("<Foo object at 0x7f12ab>", "<Foo object>"),
        ("`input_shape`/`input_dim` and/or e.g. `a/b/c`", "`input_shape`/`input_dim` and/or e.g. `a/b/c`"),
        ("see https://keras.io/api/models/", "see https://keras.io/api/models/"),
        ("5 / 3 / 2", "5 / 3 / 2"),
    ],
)
def test_a_message_reads_the_same_on_every_machine(text, said):
    happens = row(f"raise ValueError({text!r})").happens
    if said is not None:
        assert happens == f"raises ValueError: {said}"
    assert len(happens) <= len("raises ValueError: ") + LIMIT


@pytest.mark.parametrize("folder", ["/tmp/tmp1a2b", r"C:\Users\Jo Ann\Temp\tmp1a2b"])
def test_a_folder_of_the_student_is_called_by_its_name(folder, monkeypatch):
    if "\\" in folder:
        import pathlib

        monkeypatch.setattr("helpers.exercises.old_web.Path", pathlib.PureWindowsPath)
    for written in (folder, folder.replace("\\", "\\\\")):
        line = row(
            f"raise OSError({'no ' + written + '/weights.hdf5 there'!r})",
            names={"folder": folder, "root": "/", "C": "C:\\"},
        )
        assert line.happens == "raises OSError: no folder/weights.hdf5 there"


@pytest.mark.parametrize(
    "line, said",
    [
        ("model.fit(", "raises SyntaxError: '(' was never closed"),
        ("assert False", "raises AssertionError"),
        ("{}['acc']", "raises KeyError: 'acc'"),
        ("raise SystemExit(3)", "raises SystemExit: 3"),
        ("  a = 1\n  a", "runs without a word"),
    ],
)
def test_other_lines(line, said):
    assert row(line).happens == said


# A line leaves nothing behind


def test_a_row_sees_nothing_of_the_row_before():
    names = {"a": 1}
    lines = old_web([("a = 2\nb = 1", "a = 3\nb = 1", "a"), ("b", "a", "a")], names).rows
    assert names == {"a": 1} and [line.happens for line in lines] == [
        "runs without a word; a is 2",
        "raises NameError: name 'b' is not defined",
    ]
    assert [line.then for line in lines] == ["a is 3", "a is 1"]


@pytest.mark.slow
def test_a_line_may_train_and_compile_the_students_model_without_changing_it(names, trained):
    model = trained[0]
    before, updates, metrics = model.get_weights(), int(model.optimizer.iterations), model.metrics_names
    fit = "model.compile('sgd', 'mse', metrics=['mae'])\nmodel.fit(x, y)\nmodel.name = 'other'"
    for line in old_web([(fit, fit, "int(model.optimizer.iterations)")] * 2, names).rows:
        assert line.happens == "runs without a word; int(model.optimizer.iterations) is 1"
        assert line.then == "int(model.optimizer.iterations) is 1" and line.ok
    assert names["model"] is model and all(
        np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)
    )
    assert int(model.optimizer.iterations) == updates and model.metrics_names == metrics and model.name != "other"


def test_a_copied_model_knows_its_last_history(names):
    assert row("model.history.history['acc']", "model.history.history['accuracy']", "", names) == (
        "model.history.history['acc']",
        "raises KeyError: 'acc'",
        "model.history.history['accuracy']",
        "",
        True,
    )


@pytest.mark.slow
def test_a_model_with_the_students_own_classes_and_functions_is_copied():
    class Own(keras.Model):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.dense = layers.Dense(3)

        def call(self, inputs):
            return self.dense(keras.ops.reshape(inputs, (-1, 784)))

    def my_loss(true, predicted):
        return keras.losses.mean_squared_error(true, predicted)

    network = Own()
    network.compile(loss=my_loss)
    network.fit(X, Y, verbose=0)
    kernel = network.dense.kernel.numpy()
    assert row(
        "network.fit(x, y)",
        "network.fit(x, y)",
        "",
        {"network": network, "Own": Own, "my_loss": my_loss, "x": X, "y": Y},
    ).ok
    assert np.array_equal(network.dense.kernel.numpy(), kernel)


def test_one_model_under_two_names_stays_one_model(names):
    assert row("network is model", "", "network is model", {**names, "network": names["model"]}).happens.endswith(
        "network is model is True"
    )


def test_random_numbers_go_on_as_if_no_line_had_run(names):
    random.seed(1), np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1), np.random.seed(1)
    draw = "import random, numpy\nr = random.random(), numpy.random.rand(), layers.Dense(1)"
    first = row(draw, "", "r[:2]", names)
    assert (random.random(), np.random.rand()) == expected and first == row(draw, "", "r[:2]", names)


@pytest.mark.parametrize(
    "line",
    [
        "print('out')\nimport sys\nprint('err', file=sys.stderr)",
        "1 / 0",
        "model.save(folder / 'a.h5')",
        "model.summary()",
    ],
)
def test_a_line_prints_nothing_and_leaves_warnings_and_logs_as_they_were(line, names, capfd):
    def state():
        logs = [logging.getLogger(name) for name in (None, "absl")]
        return (
            [list(log.handlers) for log in logs],
            [log.level for log in logs],
            warnings.showwarning,
            list(warnings.filters),
            sys.stdout,
            sys.stderr,
        )

    before = state()
    row(line, line, "", names)
    assert state() == before and capfd.readouterr() == ("", "")


def test_keras_logs_reach_the_student_again_after_the_table(names):
    """absl gives the root logger a handler that prints to where standard error goes at that moment: not into the
    table."""
    root, heard = logging.getLogger(), []
    handlers, root.handlers = root.handlers, []
    try:
        row("model.save(folder / 'a.h5')", "", "", names)
        assert root.handlers == []
        root.addHandler(listener := logging.Handler())
        listener.emit = lambda record: heard.append(record.getMessage())
        names["model"].save(names["folder"] / "b.h5")
    finally:
        root.handlers = handlers
    assert len(heard) == 1 and "legacy" in heard[0]


def test_what_keras_logs_in_a_line_stands_in_the_table_and_nowhere_else(names):
    loggers, elsewhere = [logging.getLogger(), logging.getLogger("absl")], logging.Handler()
    heard = []
    elsewhere.emit = lambda record: heard.append(record.getMessage())
    try:
        for log in loggers:
            log.addHandler(elsewhere)
        assert (
            row("model.save(folder / 'a.h5')", "", "", names).happens.startswith("warns: You are saving")
            and heard == []
        )
    finally:
        for log in loggers:
            log.removeHandler(elsewhere)


def test_the_words_do_not_depend_on_how_loud_logs_are(names):
    before = absl_logging.get_verbosity()
    absl_logging.set_verbosity(absl_logging.FATAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lines = old_web([("model.save(folder / 'a.h5')", ""), ("Adam(decay=1)", "")], names).rows
        assert absl_logging.get_verbosity() == absl_logging.FATAL
    finally:
        absl_logging.set_verbosity(before)
    assert all(line.happens.startswith("warns: ") for line in lines)


@pytest.mark.parametrize("error", [KeyboardInterrupt, Interrupted])
@pytest.mark.parametrize("lines", [("stop()", "", ""), ("1", "stop()", ""), ("1", "", "stop()")])
def test_an_interruption_goes_through(error, lines):
    def stop():
        raise error("now")

    before = logging.getLogger().handlers, sys.stdout, warnings.showwarning
    with pytest.raises(error):
        old_web([lines], {"stop": stop})
    assert (logging.getLogger().handlers, sys.stdout, warnings.showwarning) == before


# Mistakes


@pytest.mark.parametrize(
    "lines, words",
    [
        ([], "list of pairs"),
        ("model.fit()", "list of pairs"),
        ({"a": "b"}, "list of pairs"),
        (None, "list of pairs"),
        (("a", "b"), "Row 1"),
        ([("1", "2"), ("1",)], "Row 2"),
        ([("1", "2", "3", "4")], "Row 1"),
        ([("1", None)], "None"),
        ([["1", "2"]], "Row 1"),
        ([("1", "2"), (" ", "2")], "Row 2 of the lines has no old line"),
    ],
)
def test_lines_in_another_form_are_refused_in_words(lines, words):
    with pytest.raises(LessonError, match=words):
        old_web(lines, {})


@pytest.mark.parametrize("names", [globals, None, ["model"]])
def test_names_in_another_form_are_refused_in_words(names):
    with pytest.raises(LessonError, match=r"globals\(\)"):
        old_web([("1", "2")], names)


def test_a_network_that_cannot_be_copied_is_refused_only_where_a_line_names_it():
    class Own(keras.Model):
        pass

    network = Own()
    assert row("1", "2", "", {"network": network}).ok
    with pytest.raises(LessonError, match="Keras cannot copy it"):
        old_web([("network.fit()", "")], {"network": network})


# The table


def test_the_table_has_heads_code_and_no_html_of_a_message():
    table = old_web([("raise ValueError('<script> `a<b`')", "x = '<b>'")], {})
    page = table._repr_html_()
    assert (
        page.count('<th scope="col"') == 3 and page.count("<td") == 3 and "<script>" not in page and "<b>" not in page
    )
    assert "<code>a&lt;b</code>" in page and "x = &#x27;&lt;b&gt;&#x27;</code>" in page
    assert "Keras " + ".".join(keras.__version__.split(".")[:2]) + "." in page


def test_as_plain_text_the_rows_stand_below_each_other():
    table = old_web([("a = 1\na['b']", "a = {'b': 1}\na['b']"), ("b = 1", "b = 2", "b")], {})
    assert repr(table).splitlines()[1:] == [
        "",
        "old line:           a = 1",
        "                    a['b']",
        "what happens today: raises TypeError: 'int' object is not subscriptable",
        "what to write now:  a = {'b': 1}",
        "                    a['b']",
        "",
        "old line:           b = 1",
        "what happens today: runs without a word; b is 1",
        "what to write now:  b = 2",
        "                    b is 2",
    ]
