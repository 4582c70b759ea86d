"""The checks of lesson 4's exercises: note the best epoch, keep its weights, name garments, go on with training."""

import inspect
import os
import tempfile

import keras
import numpy as np

from helpers.exercises.checks import NotYet, check_function, exercise, quiet


def _folder():
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # Windows deletes no file that is still open


# Made-up runs: training loss, training accuracy, validation loss, validation accuracy.
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
KEYS = ("loss", "accuracy", "val_loss", "val_accuracy")


@exercise(
    hint='Keras calls on_epoch_end after each epoch; logs["val_loss"] is its validation loss, and epoch its'
    " number, counted from 0. What lasts from"
    " one epoch to the next must be an attribute, with self. in front. Before the first epoch nothing is"
    " lowest yet: any loss is lower than"
    ' float("inf").',
    solution="class Lowest(keras.callbacks.Callback):\n"
    "    def on_train_begin(self, logs=None):\n"
    '        self.val_loss = float("inf")\n'
    "\n"
    "    def on_epoch_end(self, epoch, logs=None):\n"
    '        if logs["val_loss"] < self.val_loss:\n'
    '            self.val_loss = logs["val_loss"]\n'
    "            self.epoch = epoch + 1",
)
def check_callback(answer):
    if isinstance(answer, keras.callbacks.Callback):
        raise NotYet(
            "You handed over a callback that is already made. Hand over the class itself, without brackets:"
            " check_callback(Lowest)"
        )
    if not isinstance(answer, type):
        raise NotYet(
            "Lowest should be a class: begin with class Lowest(keras.callbacks.Callback): and hand over its name."
        )
    if not issubclass(answer, keras.callbacks.Callback):
        raise NotYet(
            "Your class is not a callback yet, so fit cannot use it: write class Lowest(keras.callbacks.Callback):"
        )
    model = _classifier(8, 2)
    with quiet():
        for run in (FIVE_EPOCHS, *OTHERS):
            _look_at_lowest(_driven(answer, model, run), run)
        tie = _driven(answer, model, TIE)
        later = bool(getattr(tie, "epoch", None) == 4)
        if not later:
            _look_at_lowest(tie, TIE)
        x = np.random.default_rng(1).normal(size=(64, 8)).astype("float32")
        y = np.eye(2, dtype="float32")[(x[:, 0] > 0).astype(int)]
        lowest = _made(answer)
        real = model.fit(x, y, validation_data=(x[:32], 1 - y[:32]), epochs=3, callbacks=[lowest], verbose=0).history
    _look_at_lowest(lowest, [real[key] for key in KEYS])
    remark = (
        " One thing to know: of two epochs with the same lowest loss you keep the later one; Keras keeps the"
        " first, as < does and <= does not."
    )
    return "EarlyStopping and ModelCheckpoint note it, too." + remark * later


def _made(answer):
    try:
        return answer()
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise NotYet(
            "The check makes your callback with nothing in the brackets, Lowest(), and that does not work:"
            f" {_first_line(error)}. Give what __init__ needs default values."
        ) from error


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
        words = _why(error, answer.__name__)
        if words is None:
            raise
        raise NotYet(f"{words} ({type(error).__name__}: {_first_line(error)})") from error
    return lowest


def _why(error, name):
    """What a typical error inside the callback comes from, or None."""
    text = str(error)
    if isinstance(error, NameError) and ("val_loss" in text or "epoch" in text):
        return (
            "A name without self. is forgotten when the method ends. What is to last is written with self. in"
            " front, such as self.val_loss."
        )
    if isinstance(error, AttributeError) and "'dict'" in text:
        return 'logs is a dictionary: logs["val_loss"].'
    if (isinstance(error, AttributeError) and name in text) or (isinstance(error, TypeError) and "NoneType" in text):
        return (
            "In the first epoch there is nothing yet to compare with. Give it a value before, in on_train_begin:"
            ' self.val_loss = float("inf"), which any loss is lower than.'
        )
    if isinstance(error, KeyError):
        return f"After an epoch, that is in on_epoch_end, there are {', '.join(KEYS)} in logs, spelled like this."
    if isinstance(error, TypeError) and "not iterable" in text:
        return 'logs["val_loss"] is one number, that of this epoch: compare it with the lowest so far.'
    if isinstance(error, TypeError) and "argument" in text:
        return "Keras hands two things to the method, so begin it with def on_epoch_end(self, epoch, logs=None):"


def _look_at_lowest(lowest, run):
    loss, accuracy, val_loss, val_accuracy = (np.asarray(values, dtype=float) for values in run)
    best, epochs = int(val_loss.argmin()) + 1, len(val_loss)
    given, epoch = (getattr(lowest, name, None) for name in ("val_loss", "epoch"))
    if given is None and epoch is None:
        raise NotYet(_why_nothing(lowest))
    for name, value in (("val_loss", given), ("epoch", epoch)):
        if value is not None and (np.ndim(value) > 0 or not hasattr(value, "__float__")):
            raise NotYet(f"{name} should be a single number; after a run it is a {type(value).__name__}.")
    if given is None:
        raise NotYet("After a run your callback has epoch, but no val_loss: set self.val_loss in the same place.")
    given = float(given)
    if not np.isclose(np.concatenate([loss, accuracy, val_loss, val_accuracy]), given, rtol=1e-3, atol=0.006).any():
        says = f"After a run with the validation losses {_list(val_loss)} your val_loss is {given:g}"
        if given in LOWEST:
            raise NotYet(
                f"{says}, which comes from an earlier run. What all callbacks share, such as a list in the body of the"
                " class, is never empty again: make it in on_train_begin, with self."
            )
        if given < val_loss.min() or np.isinf(given):
            raise NotYet(
                f"{says}, as if no epoch had been better than where it began."
                ' Begin with float("inf"), infinity, and ask whether the new loss is lower: <.'
            )
    if epoch is None:
        raise NotYet(
            "After a run your callback has val_loss, but no epoch: set self.epoch in the same place. (epoch without"
            " self. is only the number in the brackets.)"
        )
    epoch = float(epoch)
    right, its_epoch = np.isclose(given, val_loss[best - 1], rtol=1e-3, atol=0.006), epoch == best
    if right and its_epoch:
        return
    if right and epoch == best - 1:
        raise NotYet(
            f"The loss is right, but its epoch counts from 0: for the {_nth(best)} epoch your callback says"
            f" {epoch:.0f}. Add 1."
        )
    if right and epoch == epochs:
        raise NotYet(
            "The loss is right, but epoch is that of the last epoch. Set self.epoch only where you set self.val_loss,"
            " inside the if."
        )
    if its_epoch and np.isclose(given, val_loss[-1]):
        raise NotYet(
            "The epoch is right, but val_loss is that of the last epoch. Set self.val_loss only where you set"
            " self.epoch, inside the if."
        )
    highest, sure = int(val_loss.argmax()), int(val_accuracy.argmax())
    for kept, value, words in (
        (
            epochs,
            val_loss[-1],
            "keeps the last epoch. It should keep an epoch only if its validation loss is lower than the lowest so"
            " far.",
        ),
        (highest + 1, val_loss[highest], "keeps the highest validation loss. Asked for is the lowest: <, not >."),
        (1, val_loss[0], "keeps the first epoch. A later one with a lower validation loss should take its place."),
        (int(loss.argmin()) + 1, loss.min(), 'watches training loss. Validation loss is logs["val_loss"].'),
        (sure + 1, val_accuracy[sure], 'watches validation accuracy. Asked for is logs["val_loss"].'),
        (sure + 1, val_loss[sure], "keeps the epoch with the best accuracy. Asked for is the lowest val_loss."),
    ):
        if epoch in (kept, kept - 1) and np.isclose(given, value):
            raise NotYet(f"Your callback {words}")
    raise NotYet(
        f"For the validation losses {_list(val_loss)}, val_loss should be {val_loss.min():g} and epoch {best};"
        f" your callback says {given:g} and {epoch:g}."
    )


def _why_nothing(lowest):
    plain = keras.callbacks.Callback
    method = type(lowest).on_epoch_end
    asked = "After a run it should have two attributes, val_loss and epoch."
    if method is plain.on_epoch_end and type(lowest).on_train_end is plain.on_train_end:
        return (
            "Your callback keeps nothing yet: it has no method with the name on_epoch_end, which Keras calls"
            f" after each epoch. {asked}"
        )
    others = sorted(set(vars(lowest)) - set(vars(plain())))
    if others:
        return f"{asked} Yours are called {', '.join(others)}, and nothing is in val_loss and epoch."
    if "val_loss" in getattr(getattr(method, "__code__", None), "co_varnames", ()):
        return f"{asked} A name without self. is forgotten when the method ends: write self.val_loss and self.epoch."
    return (
        f'Your callback keeps nothing yet. {asked} Set them in on_epoch_end: logs["val_loss"] is the epoch\'s'
        " validation loss."
    )


def _first_line(error):
    return (str(error).strip().splitlines() or ["no message"])[0][:160]


def _nth(number):
    return {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", 6: "sixth", 7: "seventh"}.get(
        number, f"{number}th"
    )


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
# epochs 5 and 2.
# Training loss is lowest at 7 and 3, validation accuracy highest at 4 and 6, validation loss highest at 2 and 4, in
# whatever order the
# rows come: they are nearly alike.
TRAININGS = ((8, 83, 0.8, 0.2, 0.9), (6, 94, 0.5, 0.1, 0.8))


@exercise(
    hint="The callback ModelCheckpoint does this when four things are right: the file, which curve it watches"
    " (monitor), that it keeps only the best (save_best_only), and that it writes weights, not the whole"
    " model (save_weights_only). It can watch validation loss only if fit is given validation_data.",
    solution="def keep_best(model, x, y, x_val, y_val, file, epochs):\n    keep = keras.callbacks.ModelCheckpoint(\n"
    '        file, monitor="val_loss", save_best_only=True, save_weights_only=True)\n'
    "    model.fit(x, y, epochs=epochs, validation_data=(x_val, y_val), callbacks=[keep], verbose=0)",
)
def check_keep_best(answer):
    check_function(answer, "keep_best(model, x, y, x_val, y_val, file, epochs)")
    for number, training in enumerate(TRAININGS):
        with _folder() as folder, quiet() as warned:
            model, (x, y, x_val, y_val) = _recorded(*training)
            file, earlier = os.path.join(folder, f"lowest_{number}.weights.h5"), _files_here()
            try:
                answer(model, x.copy(), y.copy(), x_val.copy(), y_val.copy(), file, model.epochs)
            except ValueError as error:
                if "monitor=" not in str(error):
                    raise
                raise NotYet(
                    "fit makes no curve of the name that monitor gives. Validation loss is"
                    ' monitor="val_loss", spelled like this.'
                ) from error
            said = [str(warning.message) for warning in warned if "available" in str(warning.message)]
            _look_at_training(model, os.path.exists(file))
            if not os.path.exists(file):
                raise NotYet(_why_no_file(sorted(os.listdir(folder)) + sorted(_files_here() - earlier), said[:1]))
            fresh = _recorded(*training)[0]
            _load(fresh, file)
            _look_at_weights(model, _cross_entropy(fresh, x_val, y_val), said[:1])
    losses = model.seen
    return (
        f"In the check's second run, validation loss was {min(losses):.2f} after epoch {int(np.argmin(losses)) + 1}"
        f" and {losses[-1]:.2f} at the end; a new network with the weights from your file is at the former."
    )


class Recorded(keras.Sequential):
    """A network that notes its loss on the validation pictures after each epoch of fit, and what fit says of the
    epoch."""

    def fit(self, *args, **kwargs):
        given = inspect.signature(keras.Model.fit).bind(self, *args, **kwargs).arguments
        given.pop("self")
        x = given.get("x")
        if isinstance(x, np.ndarray) and x.shape[1:] == (8,) and (x[:, None] == self.validation[0]).all(axis=-1).any():
            raise NotYet(
                "The network was trained on validation pictures. It must learn from x and y alone, or validation"
                " proves nothing."
            )
        theirs = given.pop("callbacks", None) or []
        note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self.note(logs))
        theirs = theirs if isinstance(theirs, (list, tuple)) else [theirs]
        return super().fit(**given, callbacks=[note, *theirs])  # ours first: theirs may change the weights

    def note(self, logs):
        self.seen.append(_cross_entropy(self, *self.validation))
        self.told.append(dict(logs))
        if len(self.seen) > self.epochs:
            raise NotYet(f"epochs was {self.epochs}, and your function goes on training after epoch {self.epochs}.")


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
    """Whether the network has been trained for as many epochs as asked for, and validated on the validation
    pictures."""
    epochs, seen = model.epochs, model.seen
    if not seen and not written:
        raise NotYet("Your function does nothing yet: the network has not been trained, and nothing is in the file.")
    if not seen:
        raise NotYet(
            "The network that your function is given has not been trained. Call model.fit(…) with it, before anything"
            " is kept."
        )
    if len(seen) < epochs:
        raise NotYet(
            f"Asked for were {epochs} epochs; the network was trained for {len(seen)}. Give fit epochs=epochs. If"
            " EarlyStopping ended it: a better epoch may come later, so let it wait as long as the training is"
            " (patience=epochs)."
        )
    told = [logs["val_loss"] for logs in model.told if "val_loss" in logs]
    if told and not np.allclose(told, seen[-len(told) :], rtol=1e-3, atol=1e-4):
        raise NotYet(
            "The val_loss of your training is not the loss on the validation pictures: look at what validation_data"
            " is given. It should be (x_val, y_val), and there should be no validation_split."
        )


def _files_here():
    """Files with weights or networks in the folder in which the notebook runs, each as its name and when it was
    written."""
    return {(entry.name, entry.stat().st_mtime_ns) for entry in os.scandir() if entry.name.endswith((".h5", ".keras"))}


def _why_no_file(others, said):
    if others:
        name = others[0] if isinstance(others[0], str) else others[0][0]
        return (
            f"Nothing is in the file asked for. Your function wrote {name} instead: use file, as it is, for the path."
        )
    if said:
        return f"The network was trained, but nothing is in the file. Keras says: {said[0]}"
    return (
        "The network was trained, but nothing is in the file. Which line of your function writes it, and is the"
        " callback in fit's list, callbacks=[…]?"
    )


def _load(model, file):
    try:
        model.load_weights(file)
    except Exception as error:
        with open(file, "rb") as opened:
            content = opened.read()
        if content[:2] == b"PK" or b"model_config" in content:
            raise NotYet(
                "The file holds a whole model; asked for are its weights alone. ModelCheckpoint writes these with"
                " save_weights_only=True, and a network with model.save_weights(file)."
            ) from error
        raise NotYet(
            f"The weights in the file do not fit into the network they come from. Keras says: {_first_line(error)}"
        ) from error


def _look_at_weights(model, loss, said):
    """Whether weights with this validation loss are those of the epoch in which it was lowest."""
    seen, epochs = np.array(model.seen), model.epochs
    best = int(seen.argmin()) + 1
    if np.isclose(loss, seen.min(), rtol=0, atol=1e-5):
        return
    which = np.flatnonzero(np.isclose(seen, loss, rtol=0, atol=1e-5)) + 1
    if not len(which):
        which = (
            "those from before training"
            if np.isclose(loss, model.start, rtol=0, atol=1e-5)
            else "not those of any epoch, as it was at its end"
        )
        raise NotYet(f"The weights in the file are {which}. They should be saved at the end of an epoch.")
    kept = int(which[-1])
    fact = (
        f"Validation loss was lowest after epoch {best} ({seen.min():.2f}), but the weights in the file are those"
        f" of epoch {kept} ({loss:.2f})"
    )
    curves = {name: [logs.get(name, np.nan) for logs in model.told] for name in ("loss", "val_loss", "val_accuracy")}
    if np.isnan(curves["val_loss"]).any():
        reason = "There is no val_loss to go by: give fit validation_data=(x_val, y_val)."
    elif said:
        reason = f"Keras says: {said[0]}"
    elif kept == np.argmin(curves["loss"]) + 1:
        reason = "In it training loss was lowest. Which curve is watched (monitor)?"
    elif kept == np.argmax(curves["val_loss"]) + 1:
        reason = "In it validation loss was highest: the best is the smallest value (mode can be left out)."
    elif kept == np.argmax(curves["val_accuracy"]) + 1 and kept < epochs:
        reason = "In it validation accuracy was highest. Which curve is watched (monitor)?"
    elif kept == epochs:
        reason = (
            "That is the last one. Are weights saved after each epoch, whatever its loss (save_best_only)? Or"
            " only once, after fit?"
        )
    else:
        reason = "Which curve is watched, and what makes an epoch the best?"
    raise NotYet(f"{fact}. {reason}")


@exercise(
    hint="model.predict(pictures) gives a row for each picture and a column for each garment. np.argmax(…, axis=1)"
    " finds the number of the column with the largest probability, in each row. Go through these numbers one"
    " at a time: class_names[number].",
    solution="def names(model, pictures, class_names):\n"
    "    columns = np.argmax(model.predict(pictures, verbose=0), axis=1)\n"
    "    return [class_names[column] for column in columns]",
)
def check_names(answer):
    check_function(answer, "names(model, pictures, class_names)")
    numbers = np.random.default_rng(4)
    for class_names, n in (
        (["Dress", "Shirt", "Bag"], 7),
        (["Sneaker", "Coat", "Trouser", "Ankle boot", "Pullover"], 40),
        (["Sandal", "Bag"], 1),
    ):
        columns = numbers.permutation(np.arange(n) * 2 % len(class_names)) if n > 1 else np.array([1])
        with quiet():
            model, pictures = _sure_of(columns, len(class_names))
            try:
                found = answer(model, pictures, list(class_names))
            except Exception as error:
                words = _why_no_names(error)
                if n != 7:
                    words = (
                        f"It works for 7 pictures of 3 kinds, but not for {n} of {len(class_names)}. {words or ''}"
                    ).strip()
                if words is None:
                    raise
                raise NotYet(f"{words} ({type(error).__name__}: {_first_line(error)})") from error
            found = _plain(found, n, class_names)
        _look_at_names(found, columns, class_names, np.asarray(model(pictures)))
    return (
        "It works for any number of pictures and of garments: the names have to be in the order of the columns"
        " the network was trained with."
    )


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


def _why_no_names(error):
    text = str(error)
    if isinstance(error, IndexError):
        return (
            "A number was larger than there are garments. argmax should look along each row, axis=1: without it, or"
            " with axis=0, it counts pictures."
        )
    if isinstance(error, TypeError) and "not iterable" in text:
        return (
            "There is one number where there should be one for each picture: argmax should look along each row, axis=1."
        )
    if isinstance(error, AttributeError) and "predict_classes" in text:
        return "predict_classes is gone; what to write now is in the table of old lines."
    if isinstance(error, TypeError) and ("list indices" in text or "integer scalar array" in text):
        return (
            "A list takes one whole number at a time in its brackets, class_names[number]: go through the numbers"
            " one by one."
        )
    if isinstance(error, TypeError) and "positional argument" in text:
        return "The check calls names(model, pictures, class_names), with three things in the brackets."
    if isinstance(error, ValueError) and "Sequential" in text:
        return (
            "The network takes many pictures at once, model.predict(pictures), or a part of them such as"
            " pictures[:1], but not pictures[0] by itself."
        )


def _plain(found, n, class_names):
    """What a student's function returned, as a list of n words."""
    if found is None or found is Ellipsis:
        raise NotYet(
            "Your function returns nothing yet: end it with return. (print only shows a value, it does not hand it"
            " back.)"
        )
    if hasattr(found, "__next__"):
        raise NotYet(
            f"Your function returns a {type(found).__name__}, which is not a list yet: put list(…) around it, or"
            " square brackets."
        )
    if isinstance(found, str):
        raise NotYet(
            "Your function returns a single text. Return a list, with one name for each picture"
            + (", even if there is only one picture." if n == 1 else ".")
        )
    if not isinstance(found, (list, tuple, np.ndarray)):
        raise NotYet(f"Your function should return a list; it returns a {type(found).__name__}.")
    found = list(np.atleast_1d(found)) if isinstance(found, np.ndarray) else list(found)
    if found and all(
        np.ndim(name) == 0 and isinstance(name, (int, float, np.number)) or hasattr(name, "numpy") for name in found
    ):
        raise NotYet(
            "Those are numbers of columns, not names yet: class_names[number] is the name."
            if len(found) == n
            else "Those are numbers. Asked for is a name for each picture: class_names[number], for the column with the"
            " largest probability."
        )
    if not all(isinstance(name, str) for name in found):
        raise NotYet("The list should hold one name for each picture and nothing else.")
    if len(found) != n:
        raise NotYet(
            f"There are {n} picture{'s' * (n > 1)}, so the list should have {n} name{'s' * (n > 1)}; yours has"
            f" {len(found)}."
        )
    strange = [name for name in found if name not in class_names]
    if strange:
        raise NotYet(
            f"{strange[0]} is not among the class_names that your function got, {', '.join(class_names)}. Use those in"
            " the brackets."
        )
    return found


def _look_at_names(found, columns, class_names, rows):
    right = [class_names[column] for column in columns]
    if found == right:
        return
    if found == [class_names[column] for column in rows.argmin(axis=1)]:
        raise NotYet(
            "Those are the garments the network thinks least likely. Look for the largest probability: argmax."
        )
    if found == [sorted(class_names)[column] for column in columns]:
        raise NotYet(
            "The columns are right, but the names have been sorted. They must stay in the order they came in: that of"
            " the columns."
        )
    if sorted(found) == sorted(right):
        raise NotYet("The right names, but in another order. The first name belongs to the first picture, and so on.")
    wrong = next(i for i in range(len(right)) if found[i] != right[i])
    raise NotYet(
        f"For the {_nth(wrong + 1)} picture the network gives {_list(rows[wrong])}. The largest is in column"
        f" {columns[wrong]}, so the name is class_names[{columns[wrong]}], {right[wrong]}; you say {found[wrong]}."
    )


@exercise(
    hint="keras.models.load_model(file) gives back the network with its optimizer, ready to train. fit has two"
    " arguments for this: epochs is the number of the last epoch, and initial_epoch how many are already"
    " done.",
    solution="def resume(file, x, y, done, epochs):\n    model = keras.models.load_model(file)\n"
    "    return model.fit(x, y, initial_epoch=done, epochs=epochs, verbose=0)",
)
def check_resume(answer):
    check_function(answer, "resume(file, x, y, done, epochs)")
    for number, (done, epochs) in enumerate(((2, 5), (3, 4))):
        x = np.random.default_rng(number).normal(size=(64, 8)).astype("float32")
        y = np.eye(3, dtype="float32")[np.arange(64) % 3]
        with _folder() as folder, quiet():
            file = os.path.join(folder, f"after_epoch_{done}.keras")
            saved = _classifier(8, 3)
            for _ in range(2 * done):  # quicker than fit, and as many updates
                saved.train_on_batch(x, y)
            saved.save(file)
            try:
                run = answer(file, x.copy(), y.copy(), done, epochs)
            except ValueError as error:
                if "could not be loaded" not in str(error):
                    raise
                raise NotYet(
                    "The file holds a whole model. keras.models.load_model(file) brings it back, without a function"
                    " that builds the network, and with the optimizer's memory."
                ) from error
        _look_at_epochs(run, done, epochs)
        _look_at_resumed(run, saved, x)
    return (
        "The epochs are numbered as in one long training, so the two pieces of the curves join, and the optimizer"
        " went on with what it had noted before, as if nothing had come in between."
    )


def _look_at_epochs(run, done, epochs):
    if run is None or run is Ellipsis:
        raise NotYet(
            "Your function returns nothing yet. Its last line should hand back what fit returns: return model.fit(…)"
        )
    if isinstance(run, keras.Model):
        raise NotYet(
            "Your function returns the network. Return what model.fit returns: with it one can see what has been"
            " trained."
        )
    if isinstance(run, dict):
        raise NotYet(
            "Your function returns the dictionary history.history, in which the epochs have lost their numbers."
            " Return all that fit returns."
        )
    if not isinstance(run, keras.callbacks.History):
        raise NotYet(f"Your function returns a {type(run).__name__}. Return what model.fit returns.")
    trained = list(getattr(run, "epoch", []))
    if trained == list(range(done, epochs)):
        return
    asked = (
        f"The file was saved after epoch {done} of {epochs}, so epochs {done + 1} to {epochs} are left."
        if epochs - done > 1
        else f"The file was saved after epoch {done} of {epochs}, so only epoch {epochs} is left."
    )
    if trained == list(range(epochs - done)) and trained:
        words = (
            "You train the right number of epochs, but fit counts them from 1 again, and so the curves will begin at 1:"
            " say initial_epoch=done."
        )
    elif trained == list(range(epochs)):
        words = (
            f"Your function trains {epochs} epochs more, numbered from 1: tell fit how many are done already, with"
            " initial_epoch."
        )
    elif trained == list(range(done, epochs - done)):
        words = (
            f"fit trained {len(trained) or 'no'} epoch{'s' * (len(trained) != 1)}, because epochs is the number of the"
            " last epoch, not how many more: epochs=epochs."
        )
    elif trained == list(range(done, done + epochs)):
        words = (
            f"Your function trained {epochs} epochs more. In fit, epochs is the number of the last epoch, not how"
            " many more: epochs=epochs."
        )
    elif trained in (list(range(done + 1, epochs)), list(range(done - 1, epochs))):
        words = (
            f"Yours began one epoch too {'late' if len(trained) < epochs - done else 'early'}. fit counts from 0, so"
            f" the {done} epochs that are done have the numbers 0 to {done - 1}, and the next one is number {done}:"
            " initial_epoch=done, as it is."
        )
    elif not trained:
        words = "Yours trained none. Give fit both: initial_epoch=done and epochs=epochs."
    else:
        words = (
            f"What you return tells of epoch{'s' * (len(trained) > 1)}"
            f" {', '.join(str(epoch + 1) for epoch in trained)}. Call fit once, for all that are left, and return what"
            " it returns."
        )
    raise NotYet(f"{asked} {words}")


def _look_at_resumed(run, saved, x):
    """Whether the network that was trained is that of the file, with its weights and its optimizer's memory."""
    model = run.model
    frozen, trained = (
        [np.asarray(weight) for weight in weights] for weights in (model.non_trainable_weights, model.trainable_weights)
    )
    key, before = (
        [np.asarray(weight) for weight in weights] for weights in (saved.non_trainable_weights, saved.trainable_weights)
    )
    if len(frozen) != len(key) or not all(np.array_equal(*pair) for pair in zip(frozen, key, strict=True)):
        raise NotYet(
            "The network that was trained is not the one in the file. Begin with keras.models.load_model(file), which"
            " makes it as it was."
        )
    earlier, now = int(saved.optimizer.iterations), int(model.optimizer.iterations)
    own = len(run.epoch) * (run.params.get("steps") or -(-len(x) // 32))
    if now == own:
        raise NotYet(
            f"The weights are those of the file, but the optimizer began from nothing: it has counted {own} updates,"
            f" and not the {earlier} from before. A new compile, or a copy that only gets the weights, forgets what"
            " Adam had noted. Train the network that load_model returns, as it is."
        )
    if now != earlier + own:
        raise NotYet(
            f"The optimizer in the file had made {earlier} updates, and the epochs you return make {own}; yours has"
            f" made {now}. Call fit once, for all epochs that are left, and return what it returns."
        )
    if all(np.allclose(*pair, atol=1e-7) for pair in zip(trained, before, strict=True)):
        raise NotYet("The weights have not changed: is the learning rate 0, or is every layer frozen?")
