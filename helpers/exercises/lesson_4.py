"""The checks of lesson 4's exercises: note the best epoch, keep its weights, name garments, go on with training.

What is said of an answer stands in lesson_4.toml.
"""

import inspect
import os
import re
import tempfile

import keras
import numpy as np

from helpers.exercises.checks import NotYet, Table, check_function, first_line, is_nothing, quiet

TABLE = Table("lesson_4")

# Made-up runs: what each of these is after each epoch.
KEYS = ("loss", "accuracy", "val_loss", "val_accuracy")
FIVE_EPOCHS = (
    [1.00, 0.70, 0.50, 0.25, 0.10],
    [0.50, 0.64, 0.75, 0.91, 0.99],
    [0.80, 0.90, 0.55, 0.60, 0.70],
    [0.57, 0.66, 0.73, 0.78, 0.77],
)
OTHERS = [
    ([9000.0, 4000.0, 3000.0], [0.3, 0.4, 0.5], [9500.0, 5200.0, 7000.0], [0.3, 0.4, 0.5]),
    ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3], [0.5] * 7, [0.80, 0.50, 0.62, 0.55, 0.58, 0.52, 0.90], [0.6] * 7),
    ([0.70], [0.6], [0.75], [0.6]),
    ([1.2, 1.0, 0.9, 0.8], [0.4, 0.5, 0.6, 0.7], [1.1, 1.0, 0.95, 0.92], [0.4, 0.5, 0.5, 0.6]),
]
TIE = ([1.0, 0.6, 0.4, 0.3, 0.2], [0.5, 0.6, 0.7, 0.8, 0.9], [0.9, 0.5, 0.6, 0.5, 0.7], [0.5, 0.7, 0.7, 0.7, 0.7])
LOWEST = [min(run[2]) for run in (FIVE_EPOCHS, *OTHERS, TIE)]


@TABLE.check
def check_callback(answer, mistakes):
    if isinstance(answer, keras.callbacks.Callback):
        raise NotYet("made already")
    if not isinstance(answer, type):
        raise NotYet("no class")
    if not issubclass(answer, keras.callbacks.Callback):
        raise NotYet("no callback")
    model = _classifier(8, 2)
    with quiet():
        for run in (FIVE_EPOCHS, *OTHERS):
            _look_at_lowest(_driven(answer, model, run), run, model, mistakes)
        tie = _driven(answer, model, TIE)
        later = getattr(tie, "epoch", None) == 4
        if not later:
            _look_at_lowest(tie, TIE, model, mistakes)
        x = np.random.default_rng(1).normal(size=(64, 8)).astype("float32")
        y = np.eye(2, dtype="float32")[(x[:, 0] > 0).astype(int)]
        lowest = _made(answer)
        real = model.fit(x, y, validation_data=(x[:32], 1 - y[:32]), epochs=3, callbacks=[lowest], verbose=0).history
        _look_at_lowest(lowest, [real[key] for key in KEYS], model, mistakes)
    return {"remark": " " + mistakes.words("the later of two") if later else ""}


def _made(answer):
    try:
        return answer()
    except TypeError as error:
        raise _explained(error, (TypeError, "argument", "needs arguments")) from error


def _driven(answer, model, run):
    """A new callback of the student's class, led through a made-up run as fit does it."""
    lowest = _made(answer)
    calls = keras.callbacks.CallbackList(
        [lowest], add_history=True, model=model, verbose=0, epochs=len(run[0]), steps=2
    )
    try:
        calls.on_train_begin()
        for epoch, values in enumerate(zip(*run, strict=True)):
            calls.on_epoch_begin(epoch)
            calls.on_epoch_end(epoch, dict(zip(KEYS, values, strict=True)))
        calls.on_train_end(dict(zip(KEYS, values, strict=True)))
    except Exception as error:
        raise _explained(
            error,
            (NameError, "val_loss|epoch", "a name without self"),
            (AttributeError, "'dict'", "logs with a dot"),
            (AttributeError, re.escape(answer.__name__), "nothing to compare with"),
            (TypeError, "NoneType", "nothing to compare with"),
            (KeyError, "", "not in logs"),
            (TypeError, "not iterable", "one number taken for many"),
            (TypeError, "argument", "other brackets"),
        ) from error
    return lowest


def _explained(error, *typical):
    """What to raise for an error in the student's code: a `NotYet` if it is typical, otherwise the error as it is.

    typical: kinds of errors, each with what is found in its message, and the row that says where it comes from.
    """
    for kind, pattern, reason in typical:
        if isinstance(error, kind) and re.search(pattern, str(error)):
            return NotYet(reason, kind=type(error).__name__, error=first_line(error, 160))
    return error


def _look_at_lowest(callback, run, model, mistakes):
    """Whether a callback has noted the lowest validation loss of the run it has seen, and its epoch."""
    val_loss = np.asarray(run[2], dtype=float)
    lowest, best = val_loss.min(), int(val_loss.argmin()) + 1
    given, epoch = (getattr(callback, name, None) for name in ("val_loss", "epoch"))
    if given is None and epoch is None:
        raise _why_nothing(callback)
    for name, value in (("val_loss", given), ("epoch", epoch)):
        if value is not None and (np.ndim(value) > 0 or not hasattr(value, "__float__")):
            raise NotYet("no single number", name=name, kind=type(value).__name__)
    if given is None:
        raise NotYet("no val_loss")
    given = float(given)
    values = {"losses": _list(val_loss), "lowest": lowest, "best": best, "nth": _nth(best), "val_loss": given}
    if not _close(run, given).any():
        if given in LOWEST:
            raise NotYet("from an earlier run", **values)
        if given < lowest or np.isinf(given):
            raise NotYet("no epoch was better", **values)
    if epoch is None:
        raise NotYet("no epoch")
    epoch = float(epoch)
    if _close(given, lowest) and epoch == best:
        return

    def outcome(answer):
        kept = _driven(answer, model, run)
        return kept.val_loss, kept.epoch

    def same(found, wrong):
        # Where both are those of another epoch, it may be counted from 0 as well.
        other = wrong[1] != best and not _close(wrong[0], lowest)
        return _close(found[0], wrong[0]) and wrong[1] - found[1] in ((0, 1) if other else (0,))

    mistakes.compare((given, epoch), outcome, same, **values, epoch=epoch)
    raise NotYet("another epoch", **values, epoch=epoch)


def _close(values, to):
    """Whether values are the same, or one of them has been rounded."""
    return np.isclose(values, to, rtol=1e-3, atol=0.006)


def _why_nothing(callback):
    plain = keras.callbacks.Callback
    method = type(callback).on_epoch_end
    if method is plain.on_epoch_end and type(callback).on_train_end is plain.on_train_end:
        return NotYet("no on_epoch_end")
    others = sorted(set(vars(callback)) - set(vars(plain())))
    if others:
        return NotYet("other names", names=", ".join(others))
    if "val_loss" in getattr(getattr(method, "__code__", None), "co_varnames", ()):
        return NotYet("forgets its names")
    return NotYet("keeps nothing")


def _nth(number):
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
    return words[number - 1] if number <= len(words) else f"{number}th"


def _list(values):
    return ", ".join(f"{value:.4g}" for value in values)


def _classifier(inputs, outputs):
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(8, trainable=False),
            keras.layers.Dense(outputs, activation="softmax"),
        ]
    )
    _compile(model, keras.optimizers.Adam(0.05))
    return model


def _compile(model, optimizer):
    # Nothing to compile first, which for so few rows would take longer than to train on them.
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)


# (epochs, seed, share, learning rate, momentum) of two trainings whose validation loss is lowest in the middle, at
# epochs 5 and 2. Training loss is lowest at 7 and 3, validation accuracy highest at 4 and 6, validation loss highest at
# 2 and 4, in whatever order the rows come: they are nearly alike.
TRAININGS = ((8, 83, 0.8, 0.2, 0.9), (6, 94, 0.5, 0.1, 0.8))


@TABLE.check
def check_keep_best(answer, _):
    check_function(answer, "keep_best(model, x, y, x_val, y_val, file, epochs)")
    for number, training in enumerate(TRAININGS):
        with _folder() as folder, quiet() as warned:
            model, (x, y, x_val, y_val) = _recorded(*training)
            file, earlier = os.path.join(folder, f"lowest_{number}.weights.h5"), _files_here()
            try:
                answer(model, x.copy(), y.copy(), x_val.copy(), y_val.copy(), file, model.epochs)
            except ValueError as error:
                raise _explained(error, (ValueError, "monitor=", "no such curve")) from error
            said = next((str(warning.message) for warning in warned if "available" in str(warning.message)), "")
            written = os.path.exists(file)
            _look_at_training(model, written)
            if not written:
                others = sorted(os.listdir(folder)) + [name for name, _ in sorted(_files_here() - earlier)]
                if others:
                    raise NotYet("another file", name=others[0])
                raise NotYet("nothing in the file, says Keras" if said else "nothing in the file", words=said)
            fresh = _recorded(*training)[0]
            _load(fresh, file)
            _look_at_weights(model, _cross_entropy(fresh, x_val, y_val), said)
    losses = model.seen
    return {"lowest": min(losses), "best": int(np.argmin(losses)) + 1, "last": losses[-1]}


def _folder():
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # Windows deletes no file that is still open


def _files_here():
    """Files of weights or networks in the folder in which the notebook runs: names, and when they were written."""
    return {(entry.name, entry.stat().st_mtime_ns) for entry in os.scandir() if entry.name.endswith((".h5", ".keras"))}


class Recorded(keras.Sequential):
    """A network that notes, after each epoch of fit, its loss on the validation pictures and what fit says of it."""

    def fit(self, *args, **kwargs):
        given = inspect.signature(keras.Model.fit).bind(self, *args, **kwargs).arguments
        given.pop("self")
        x = given.get("x")
        if isinstance(x, np.ndarray) and x.shape[1:] == (8,) and (x[:, None] == self.validation[0]).all(axis=-1).any():
            raise NotYet("trained on validation pictures")
        theirs = given.pop("callbacks", None) or []
        note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self.note(logs))
        theirs = theirs if isinstance(theirs, (list, tuple)) else [theirs]
        return super().fit(**given, callbacks=[note, *theirs])  # ours first: theirs may change the weights

    def note(self, logs):
        self.seen.append(_cross_entropy(self, *self.validation))
        self.told.append(dict(logs))
        if len(self.seen) > self.epochs:
            raise NotYet("more epochs", epochs=self.epochs)


def _recorded(epochs, seed, share, learning_rate, momentum):
    """A network before training, and its data: training rows that are nearly alike, validation rows that are not."""
    numbers = np.random.default_rng(seed)
    x, x_val = numbers.normal(size=8) + 0.05 * numbers.normal(size=(64, 8)), numbers.normal(size=(32, 8))
    y, y_val = np.tile([share, 1 - share], (64, 1)), np.eye(2)[numbers.integers(0, 2, 32)]
    data = [part.astype("float32") for part in (x, y, x_val, y_val)]
    model = Recorded([keras.Input((8,)), keras.layers.Dense(2, activation="softmax")])
    model.set_weights([0.5 * numbers.normal(size=(8, 2)), np.zeros(2)])
    _compile(model, keras.optimizers.SGD(learning_rate, momentum=momentum))
    model.epochs, model.validation, model.seen, model.told = epochs, data[2:], [], []
    model.start = _cross_entropy(model, *model.validation)
    return model, data


def _cross_entropy(model, x, y):
    return float(-np.log(np.clip((np.asarray(model(x), dtype=float) * y).sum(axis=1), 1e-7, 1)).mean())


def _look_at_training(model, written):
    """Whether the network was trained for as many epochs as asked for, and validated on the validation pictures."""
    if not model.seen:
        raise NotYet("not trained" if written else "does nothing")
    if len(model.seen) < model.epochs:
        raise NotYet("fewer epochs", epochs=model.epochs, trained=len(model.seen))
    told = [logs["val_loss"] for logs in model.told if "val_loss" in logs]
    if told and not np.allclose(told, model.seen[-len(told) :], rtol=1e-3, atol=1e-4):
        raise NotYet("other validation data")


def _load(model, file):
    try:
        model.load_weights(file)
    except Exception as error:
        with open(file, "rb") as opened:
            content = opened.read()
        if content[:2] == b"PK" or b"model_config" in content:
            raise NotYet("a whole model") from error
        raise NotYet("other weights", words=first_line(error, 160)) from error


def _look_at_weights(model, loss, said):
    """Whether weights with this validation loss are those of the epoch in which it was lowest."""
    best = np.argmin(model.seen) + 1
    of_epochs = np.flatnonzero(np.isclose(model.seen, loss, rtol=0, atol=1e-5)) + 1
    if best in of_epochs:
        return
    if not len(of_epochs):
        before = np.isclose(loss, model.start, rtol=0, atol=1e-5)
        raise NotYet("from before training" if before else "not of any epoch")
    kept = of_epochs[-1]
    train_loss, val_loss, val_accuracy = (
        [logs.get(name, np.nan) for logs in model.told] for name in ("loss", "val_loss", "val_accuracy")
    )
    reasons = {  # the first that holds
        "no validation": np.isnan(val_loss).any(),
        "not the best, says Keras": said != "",
        "lowest training loss": kept == np.argmin(train_loss) + 1,
        "highest validation loss": kept == np.argmax(val_loss) + 1,
        "highest validation accuracy": kept == np.argmax(val_accuracy) + 1 and kept < model.epochs,
        "the last epoch": kept == model.epochs,
        "not the best": True,
    }
    reason = next(reason for reason, holds in reasons.items() if holds)
    raise NotYet(reason, best=best, lowest=min(model.seen), kept=kept, loss=loss, words=said)


@TABLE.check
def check_names(answer, mistakes):
    check_function(answer, "names(model, pictures, class_names)")
    numbers = np.random.default_rng(4)
    for class_names, n in (
        (["Dress", "Shirt", "Bag"], 7),
        (["Sneaker", "Coat", "Trouser", "Ankle boot", "Pullover"], 40),
        (["Sandal", "Bag"], 1),
    ):
        columns = numbers.permutation(np.arange(n) * 2 % len(class_names)) if n > 1 else np.array([1])
        with quiet():
            _try_names(answer, class_names, columns, mistakes)


def _try_names(answer, class_names, columns, mistakes):
    """Try the student's function on pictures whose garments stand in these columns."""
    n, kinds = len(columns), len(class_names)
    model, pictures = _sure_of(columns, kinds)
    try:
        found = answer(model, pictures, list(class_names))
    except Exception as error:
        explained = _explained(
            error,
            (IndexError, "", "too large a number"),
            (TypeError, "not iterable", "one number for all"),
            (AttributeError, "predict_classes", "predict_classes"),
            (TypeError, "list indices|integer scalar array", "many numbers at once"),
            (TypeError, "positional argument", "other brackets"),
            (ValueError, "Sequential", "one picture by itself"),
        )
        if n == 7:
            raise explained from error
        typical = isinstance(explained, NotYet)
        words = mistakes.sentence(explained) if typical else f"({type(error).__name__}: {first_line(error, 160)})"
        raise NotYet("only for three kinds", n=n, kinds=kinds, words=words) from error
    found = _names_in(found, n, class_names)
    right = [class_names[column] for column in columns]
    if found == right:
        return
    mistakes.compare(found, lambda names: names(model, pictures, list(class_names)))
    if sorted(found) == sorted(right):
        raise NotYet("another order")
    i = next(i for i in range(n) if found[i] != right[i])
    row = _list(np.asarray(model(pictures))[i])
    raise NotYet("another name", nth=_nth(i + 1), row=row, column=columns[i], right=right[i], found=found[i])


def _sure_of(columns, kinds):
    """A network and pictures for which it is the surest, but never by much, of the kinds in `columns`."""
    n = len(columns)
    pictures = np.zeros((n, 28, 28, 1), "float32")
    pictures[np.arange(n), 0, columns, 0] = 1 - np.arange(n)[::-1] / (4 * n)
    model = keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(kinds, activation="softmax")]
    )
    kernel = np.zeros((784, kinds))
    kernel[:kinds] = 0.5 * np.eye(kinds)
    model.set_weights([kernel, np.zeros(kinds)])
    _compile(model, keras.optimizers.SGD())
    return model, pictures


def _names_in(found, n, class_names):
    """What a student's function returned, as a list of n names."""
    if is_nothing(found):
        raise NotYet("returns nothing")
    if hasattr(found, "__next__"):
        raise NotYet("an iterator", kind=type(found).__name__)
    if isinstance(found, str):
        raise NotYet("a single text" if n > 1 else "a single text for one picture")
    if not isinstance(found, (list, tuple, np.ndarray)):
        raise NotYet("no list", kind=type(found).__name__)
    found = list(np.atleast_1d(found)) if isinstance(found, np.ndarray) else list(found)
    if found and all(isinstance(name, (int, float, np.number)) or hasattr(name, "numpy") for name in found):
        raise NotYet("numbers of columns" if len(found) == n else "numbers")
    if not all(isinstance(name, str) for name in found):
        raise NotYet("not only names")
    if len(found) != n:
        raise NotYet("another number of names", n=n, s="s" * (n > 1), found=len(found))
    for name in found:
        if name not in class_names:
            raise NotYet("a strange name", name=name, names=", ".join(class_names))
    return found


@TABLE.check
def check_resume(answer, mistakes):
    check_function(answer, "resume(file, x, y, done, epochs)")
    for done, epochs in ((2, 5), (3, 4)):
        with _folder() as folder, quiet():
            _try_resume(answer, os.path.join(folder, f"after_epoch_{done}.keras"), done, epochs, mistakes)


def _try_resume(answer, file, done, epochs, mistakes):
    """Save a network after some epochs, and let the student's function go on with it."""
    x = np.random.default_rng(done).normal(size=(64, 8)).astype("float32")
    y = np.eye(3, dtype="float32")[np.arange(64) % 3]
    saved = _classifier(8, 3)
    for _ in range(2 * done):  # quicker than fit, and as many updates
        saved.train_on_batch(x, y)
    saved.save(file)
    try:
        run = answer(file, x.copy(), y.copy(), done, epochs)
    except ValueError as error:
        raise _explained(error, (ValueError, "could not be loaded", "loaded as weights")) from error
    if is_nothing(run):
        raise NotYet("returns nothing")
    if isinstance(run, keras.Model):
        raise NotYet("returns the network")
    if isinstance(run, dict):
        raise NotYet("returns the dictionary")
    if not isinstance(run, keras.callbacks.History):
        raise NotYet("returns something else", kind=type(run).__name__)
    trained = list(getattr(run, "epoch", []))
    if trained != list(range(done, epochs)):
        values = {"done": done, "epochs": epochs, "next": done + 1, "last_done": done - 1}
        left = mistakes.words("one epoch is left" if epochs == done + 1 else "epochs are left", **values)
        values |= {"left": left, "n": len(trained) or "no", "s": "s" * (len(trained) != 1)}
        # One row is enough to see which epochs an answer trains.
        mistakes.compare(trained, lambda resume: resume(file, x[:1], y[:1], done, epochs).epoch, **values)
        raise NotYet("other epochs", **values, numbers=", ".join(str(epoch + 1) for epoch in trained))
    _look_at_resumed(run, saved, x)


def _look_at_resumed(run, saved, x):
    """Whether the network that was trained is that of the file, with its weights and its optimizer's memory."""
    model = run.model
    frozen, key = model.non_trainable_weights, saved.non_trainable_weights
    if len(frozen) != len(key) or not all(np.array_equal(*pair) for pair in zip(frozen, key, strict=True)):
        raise NotYet("another network")
    earlier, now = int(saved.optimizer.iterations), int(model.optimizer.iterations)
    own = len(run.epoch) * (run.params.get("steps") or -(-len(x) // 32))
    if now == own:
        raise NotYet("the optimizer began anew", own=own, earlier=earlier)
    if now != earlier + own:
        raise NotYet("other updates", own=own, earlier=earlier, now=now)
    weights = zip(model.trainable_weights, saved.trainable_weights, strict=True)
    if all(np.allclose(*pair, atol=1e-7) for pair in weights):
        raise NotYet("nothing learned")
