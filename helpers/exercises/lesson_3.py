"""The checks of lesson 3's exercises: reach a validation loss, explain a run in words, mend a training script."""

import inspect
import re
import time

import keras
import numpy as np

from helpers import data
from helpers.engine.trainer import LessonError, Stop, Trainer
from helpers.exercises.checks import NotYet, exercise

# Averages over seeds: the lesson's network ends at 0.65 to 0.76 after 40 epochs; with dropout 0.8, L2 0.03, L1 0.003,
# one filter or
# altered pictures it ends at 0.50 to 0.55; with less of each, such as dropout 0.5, at 0.57 to 0.62.
TARGET = 0.58
GUESSING = 1.09  # the loss of whoever gives each of the three kinds the same probability is 1.0986
SEEDS = (0, 1, 2)
FEWEST_EPOCHS, MOST_EPOCHS, MOST_NUMBERS, MOST_SECONDS = 40, 60, 500_000, 30


@exercise(
    hint="Make learning by heart harder: much dropout before the last layer, a penalty, altered pictures, fewer"
    " filters. Plot the run: how far does validation loss rise after its turn?",
    solution="def my_build():\n"
    "    model = keras.Sequential([\n"
    "        keras.Input((28, 28, 1)),\n"
    '        keras.layers.Conv2D(3, 3, activation="relu"),\n'
    '        keras.layers.Conv2D(9, 3, activation="relu"),\n'
    "        keras.layers.Flatten(),\n"
    "        keras.layers.Dropout(0.8),\n"
    '        keras.layers.Dense(3, activation="softmax"),\n'
    "    ])\n"
    '    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])\n'
    "    return model\n"
    "\n"
    "my_epochs = 40",
)
def check_reach(answer):
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise NotYet("Hand over two things, in two pairs of brackets: check_reach((my_build, my_epochs))")
    build, epochs = answer
    _look_at_builder(build)
    if isinstance(epochs, bool) or not isinstance(epochs, (int, np.integer)) or epochs < 1:
        raise NotYet("my_epochs should be a whole number of epochs, for example 30.")
    if epochs > MOST_EPOCHS:
        raise NotYet(f"At most {MOST_EPOCHS} epochs are allowed here; you ask for {epochs}.")
    clothes = data.clothing(["T-shirt/top", "Dress", "Shirt"], n_train=150, n_validation=300, one_hot=True)
    _look_at_network(build(), clothes)
    if epochs < FEWEST_EPOCHS:
        raise NotYet(
            f"Train for {FEWEST_EPOCHS} epochs or more: here a remedy is to do the work. Stopping early is for another"
            " exercise."
        )
    ends, rights, curves = _train(build, int(epochs), clothes)
    end, curve = ends.mean(), curves.mean(axis=0)
    if end < TARGET:
        return (
            f"Averaged over {len(SEEDS)} runs, each from other first weights, validation loss ends at {end:.3f} (asked"
            f" for: below {TARGET}), with {rights.mean():.0%} of the validation pictures right."
        )
    best = int(curve.argmin()) + 1
    if end > GUESSING and curve.min() > 1:
        advice = "That is no better than guessing (1.1). Is the learning rate far too large, or far too small?"
    elif curve[-1] > 1.05 * curve.min() and best < epochs:
        advice = (
            f"It was lowest around epoch {best} and has risen since: the network overfits."
            " Make learning by heart harder."
        )
    elif epochs < 5 or curve[-1] < 0.97 * curve[epochs * 2 // 3 - 1]:
        advice = "It is still falling at the end: train for more epochs, or take larger steps with the learning rate."
    else:
        advice = (
            "It has levelled off too high: the network is held back too much, or is too small. Ease what holds it back."
        )
    raise NotYet(
        f"Averaged over {len(SEEDS)} runs, validation loss ends at {end:.3f}; it should be below {TARGET}. {advice}"
    )


def _look_at_builder(build):
    if isinstance(build, keras.Model):
        raise NotYet("You handed over a network. Hand over the function that makes one: my_build, without brackets.")
    if not callable(build):
        raise NotYet(
            "The first of the two should be the function my_build: begin with def my_build(): and hand over its name."
        )
    needs = [
        name
        for name, parameter in inspect.signature(build).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if needs:
        raise NotYet(
            f"The check calls my_build() with nothing in the brackets, so {', '.join(needs)} must have a default value."
        )


def _look_at_network(model, clothes):
    """Whether `model` is a network for these clothes, fresh and not too large."""
    if model is None or model is Ellipsis:
        raise NotYet("Your function returns nothing yet. Its last line should be: return model")
    if not isinstance(model, keras.Model):
        raise NotYet(f"Your function returns a {type(model).__name__}, not a Keras model.")
    if not model.compiled:
        raise NotYet("The model is not compiled: without a loss and an optimizer it cannot be trained.")
    try:
        shape = tuple(model(clothes.x_val[:8]).shape)
    except Exception as error:
        raise NotYet(
            "Your network cannot take pictures of shape (28, 28, 1): does it begin with keras.Input((28, 28, 1)),"
            f" and is there a Flatten before the Dense layers? Keras says: {type(error).__name__}."
        ) from error
    if shape != (8, 3):
        raise NotYet(
            f"For 8 pictures the network should give 8 rows of 3 probabilities; it gives an array of shape {shape}."
        )
    if model.count_params() > MOST_NUMBERS:
        raise NotYet(
            f"Your network has {model.count_params():,} numbers to adjust, which would take too long here; stay below"
            f" {MOST_NUMBERS:,}. For 150 pictures a small one is enough."
        )
    rows = np.asarray(model(clothes.x_val), dtype=float)
    if (rows < 0).any() or not np.allclose(rows.sum(axis=1), 1, atol=1e-2):
        raise NotYet(
            "The three outputs for a picture should be probabilities that sum to 1: what activation does the last"
            " layer need?"
        )
    if getattr(model.loss, "name", model.loss) != "categorical_crossentropy":
        raise NotYet(
            "For one-hot targets and three probabilities the loss is categorical_crossentropy; yours is another."
        )
    if _cross_entropy(model, clothes.x_val, clothes.y_val) < 0.8:
        raise NotYet(
            "Your network knows these clothes before it is trained here. my_build should return a fresh, untrained one."
        )


def _train(build, epochs, clothes):
    """For each seed: the validation loss and accuracy after the last epoch, and val_loss epoch by epoch, as arrays."""
    ends, rights, curves, times = [], [], [], []
    stop = Stop()

    def measure(model, *_):  # without penalties on the weights: these are in val_loss, but are not about the pictures
        done.append(None)
        if len(done) < epochs:
            return {}
        ends.append(_cross_entropy(model, clothes.x_val, clothes.y_val))
        rights.append((np.asarray(model(clothes.x_val)).argmax(axis=1) == clothes.y_val.argmax(axis=1)).mean())
        return {}

    def look_at_the_clock(history):
        times.append(time.process_time())  # compiling, before the first epoch's end, does not count
        if times[-1] - times[0] > MOST_SECONDS:
            stop.set()

    try:
        trainer = Trainer(build, clothes.x_train, clothes.y_train, (clothes.x_val, clothes.y_val), measure=measure)
        for seed in SEEDS:
            done = []
            history = trainer.run({}, epochs, seed=seed, stop=stop, on_epoch=look_at_the_clock)
            if stop.is_set():
                raise NotYet(
                    f"Training {len(SEEDS)} such networks takes more than {MOST_SECONDS} seconds of computing, too"
                    " long for a check. For 150 pictures fewer filters or units are enough."
                )
            curves.append(history.history["val_loss"])
            if len(curves[-1]) < epochs or not np.isfinite(curves[-1]).all():
                raise NotYet("The loss stops being a number: is the learning rate too large?")
    except LessonError as error:
        raise NotYet(str(error)) from error
    return np.array(ends), np.array(rights), np.array(curves)


def _cross_entropy(model, x, y):
    rows = np.asarray(model(x), dtype=float)
    return float(-np.log(np.clip((rows * y).sum(axis=1), 1e-7, 1)).mean())


LEAST_WORDS = 15
THING = (
    r"(?:loss(?:es)?|curves?|lines?|errors?|pictures?|images?|photos?|examples?|data|sets?|ones?|clothes|score|values?)"
)
# What a sentence can be about, and what it can say of it. Longer phrases come first.
MARKS = (
    (
        "VALIDATION",
        rf"\bval(?:idation)?\b(?:[ _-]{THING}\b)*|\b(?:new|unseen|unknown|unfamiliar|other|fresh|held-out|test)"
        rf" {THING}\b|\b(?:orange|vermilion|dashed)\b(?: {THING}\b)*"
        rf"|\b{THING} (?:that )?(?:it|the network|the model)(?: has| had)? (?:never|not)(?: yet)? (?:seen|saw|met)\b",
    ),
    (
        "TRAINING",
        rf"\btrain(?:ing|ed)?(?:[ _-]{THING}\b)+|\b(?:blue|solid)\b(?: {THING}\b)*|\b(?:its own|seen|known|familiar)"
        rf" {THING}\b"
        rf"|\b{THING} (?:that |which )?(?:it|the network|the model)(?: has| had| was| is)?"
        rf" (?:seen|saw|knows|learn\w* from|train\w* (?:on|with))\b"
        r"|\btrain(?:ing)?(?=:|\)| (?:keeps|falls|drops|sinks|decreases|shrinks|still falls))",
    ),
    (
        "UP",
        r"\b(?:ris(?:e|es|ing|en)|rose|increas(?:es|ed|ing)|to"
        r" increase|climb\w*|grow(?:s|ing|n)?|grew|turn(?:s|ed|ing)?|u(?=[ ,-]|$)|worse\w*|doubl\w+|soar\w*|upwards?"
        r"|deteriorat\w+|(?:gets?|getting|got|becom\w+) (?:bigger|larger)|higher(?! (?:dropout|learning|penalt))"
        r"|(?<!end )(?<!ends )(?<!ended )(?<!ending )up)\b",
    ),
    (
        "DOWN",
        r"\b(?:fall(?:s|ing|en)?|fell|drop(?:s|ped|ping)?(?!["
        r" -]?out)|decreas\w+|declin\w+|sink(?:s|ing)?|sank|shr[iau]nk\w*|lessen\w*|diminish\w*"
        r"|descend\w*|lower(?! learning)|down(?:wards?)?|smaller(?! (?:\w+ )?(?:network|model|one))|improv(?:es|ed|ing)"
        r"|(?:gets?|getting|becom\w+|and|ever|even) better|reduces|zero|vanish\w*)\b|\b0\b(?!\.)",
    ),
    ("BREAK", r"\b(?:while|whereas|but|although|though|and|because|whilst|however|loss|so)\b"),
)
# "rises above the training loss", "overfits the training pictures": the training loss is not what the sentence is
# about.
ASIDE = re.compile(
    r"\b(?:with|like|than|above|over|below|under|from|unlike|follow\w*|overfit\w*|learn\w*|memori\w+|know\w*|remember\w*|more|see\w*|few\w*|to)"
    r"(?: (?:the|its|their|these|those|few|of|all|only|on|to|own))* (?:TRAINING|VALIDATION)\b(?! ?,? (?:which|that)\b)"
)
WHY = re.compile(
    r"by heart|by rote|memori[sz]|\bstor(?:e|es|ing)\b|learns? the"
    r" (?:questions|answers)|(?:numbers|weights|parameters) (?:per|for each) (?:picture|image)|over-?"
    r" ?fit|remember|too (?:many|much) (?:\w+ )?(?:parameters|weights|numbers|units|filters|freedom|capacity)"
    r"|too (?:large|big|powerful|complex|flexible)|too few (?:\w+"
    r" )?(?:pictures|images|examples|photos|data)|quirks|oddit|peculiarit|chance details|noise"
    r"|(?:not|n't|never|no longer) generali[sz]"
)
REMEDY = re.compile(
    r"stopping|(?<!not )(?<!never )(?<!n't )\b(?:stop(?:s|ped)?(?!"
    r" (?:fall|improv|decreas|drop|go|get|sink|learn|declin|com))|end(?:ed)?|finish(?:ed)?)"
    r"(?: \w+){0,3} (?:earl|sooner|train|at\b|there|after|when|before|around|here|by\b)|train\w*(?: \w+){0,4}"
    r" (?:less|shorter|sooner|earlier)"
    r"|(?:fewer|less) (?:epochs|training|filters|units|layers|parameters|weights|capacity)"
    r"|(?:more|additional|extra|larger|bigger)(?: \w+){0,3} (?:pictures|images|photos|examples|data|clothes|set)"
    r"|drop-?out|penalt|regulari[sz]|weight decay|\bl[12]\b|augment|flip|(?:smaller|simpler)(?: \w+)?"
    r" (?:network|model|one)"
    r"|restor|best (?:weights|epoch)|keep(?:ing)? the (?:weights|network)"
)


@exercise(
    hint="Four things: what does training loss do up to the end? What does validation loss do after its lowest"
    " point? Why do they part? And what would you try?",
    solution='my_explanation = """Training loss goes on falling, nearly to zero, right up to the last epoch.\n'
    "Validation loss falls at first, turns after a while"
    " and rises from then on.\n"
    "The network has begun to learn its few training pictures by heart, which does not help with new ones: it"
    " overfits.\n"
    'I would stop where validation loss is lowest, or use more pictures or dropout."""',
)
def check_explained(answer):
    if not isinstance(answer, str):
        raise NotYet(f"Your explanation should be a text between quotation marks; this is a {type(answer).__name__}.")
    words = re.findall(r"[^\W\d_]+", answer)
    if len(words) < LEAST_WORDS:
        raise NotYet(f"Write two to four sentences, of {LEAST_WORDS} words or more altogether; there are {len(words)}.")
    said = _who_goes_where(answer)
    text = " ".join(answer.lower().replace("’", "'").split())
    parts = (
        ("that training loss goes on falling", ("TRAINING", "DOWN") in said, ""),
        ("that validation loss turns and rises", ("VALIDATION", "UP") in said, ""),
        ("why they part", WHY.search(text), " (what does the network do with its few pictures?)"),
        ("what one could do about it", REMEDY.search(text), " (what would you try?)"),
    )
    found = [part for part, there, _ in parts if there]
    missing = [part + question for part, there, question in parts if not there]
    honest = (
        "This check only looks for words; whether your sentences are right you see when you compare them with the"
        " solution."
    )
    if missing:
        has = f"Found: {'; '.join(found)}." if found else ""
        swapped = (
            "Are the two curves swapped?"
            if {("TRAINING", "UP"), ("VALIDATION", "DOWN")} <= said and len(found) < 3
            else ""
        )
        lacks = f"Not found: {'; '.join(missing)}. If it is there, say it in other words."
        raise NotYet(" ".join(sentence for sentence in (has, lacks, swapped, honest) if sentence))
    return f"What both curves do, why, and what to do about it: all four are there. {honest}"


def _who_goes_where(text):
    """Pairs such as ("VALIDATION", "UP"): which curve each word for up or down belongs to."""
    text = text.lower().replace("’", "'").replace("val_loss", "validation loss")
    pairs, subject = set(), None
    for sentence in re.split(r"[.!?;](?:\s|$)", text):
        for mark, pattern in MARKS:
            sentence = re.sub(
                pattern,
                lambda found, mark=mark: (
                    f" {mark}{'ING' if mark in ('UP', 'DOWN') and found[0].endswith('ing') else ''} "
                ),
                sentence,
            )
        tokens = re.findall(r"[\w']+|,", ASIDE.sub("aside", " ".join(sentence.split())))
        for i, token in enumerate(tokens):
            if token in ("TRAINING", "VALIDATION"):
                subject = token
            elif token.startswith(("UP", "DOWN")):
                pairs.add(
                    (_next_subject(tokens, i) or subject or _first_subject(tokens[i:]), token.removesuffix("ING"))
                )
    return pairs


def _next_subject(tokens, i):
    """The subject after the word at `i` that it belongs to: "rising validation loss", "worse on new pictures"."""
    rest = tokens[i + 1 : i + 8]
    before = {"is", "are", "keeps", "keep", "kept", "on", "still", "starts", "begins", "continues"} & set(
        tokens[i - 1 : i]
    )
    if tokens[i].endswith("ING") and rest[:1] in (["TRAINING"], ["VALIDATION"]) and not before:
        return rest[0]
    for j, token in enumerate(rest):
        if token.startswith((",", "BREAK", "UP", "DOWN")):
            return None
        if token in ("TRAINING", "VALIDATION") and {"on", "for", "at", "in"} & set(rest[:j]):
            return token
    return None


def _first_subject(tokens):
    return next((token for token in tokens if token in ("TRAINING", "VALIDATION")), None)


PICTURES, PATIENCE = 60, 20


@exercise(
    hint="What is x_train doing in validation_data? Which of the curves tells when to stop: that of the training"
    " loss or that of the validation loss? And EarlyStopping can put back the weights of the best epoch, if"
    " it is told to.",
    solution="def train_well(build, x_train, y_train, x_val, y_val):\n"
    "    model = build()\n"
    '    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True)\n'
    "    training = model.fit(x_train, y_train, epochs=60, validation_data=(x_val, y_val), callbacks=[stop],"
    " verbose=0)\n"
    "    return model, training",
)
def check_mended(answer):
    if not callable(answer):
        raise NotYet(
            "train_well should be a function: begin with def train_well(build, x_train, y_train, x_val, y_val): and"
            " hand over its name."
        )
    clothes = data.clothing(["T-shirt/top", "Shirt"], n_train=PICTURES, n_validation=64, one_hot=True)
    x_val, y_val = clothes.x_val, clothes.y_val
    given = answer(
        lambda: _watched(x_val, y_val), clothes.x_train.copy(), clothes.y_train.copy(), x_val.copy(), y_val.copy()
    )
    if given is None or given is Ellipsis:
        raise NotYet("Your function returns nothing yet. Its last line should be: return model, training")
    if not isinstance(given, (tuple, list)) or len(given) != 2 or not isinstance(given[0], keras.Model):
        raise NotYet(
            "Your function should return two things, first the network, then what fit returned: return model, training"
        )
    model, training = given
    told = getattr(training, "history", training)
    if not isinstance(told, dict) or not getattr(model, "seen", None) or len(told.get("loss", ())) != len(model.seen):
        raise NotYet(
            "The second thing your function returns should be what model.fit returned, for one whole training of the"
            " network it returns."
        )
    _look_at_pictures(model, told)
    _look_at_the_end(np.array(model.seen), _cross_entropy(model, x_val, y_val))
    return (
        "It validates on pictures of its own, stops soon after validation loss has turned, and hands over the"
        " network of the best epoch."
    )


class Watched(keras.Sequential):
    """A network that notes, after each epoch of fit, its loss on the validation pictures, and whether it is trained on
    them."""

    def fit(self, *args, **kwargs):
        said = inspect.signature(keras.Model.fit).bind(self, *args, **kwargs)
        said.arguments.pop("self")
        self.seen, self.peeked = [], _any_of(self.pictures[0], said.arguments.get("x"))
        theirs = said.arguments.pop("callbacks", None) or []
        theirs = theirs if isinstance(theirs, (list, tuple)) else [theirs]
        note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self.note(logs))
        return super().fit(
            **said.arguments, callbacks=[note, *theirs]
        )  # ours first: it must see the weights before they are put back

    def note(self, logs):
        self.seen.append(_cross_entropy(self, *self.pictures))
        past = len(self.seen) - 1 - int(np.argmin(self.seen))
        if (
            self.peeked or past > PATIENCE or not _is_close(logs.get("val_loss", self.seen[-1]), self.seen[-1])
        ):  # the rest would tell nothing more
            self.stop_training = True


def _any_of(pictures, x):
    if not isinstance(x, np.ndarray) or x.shape[1:] != pictures.shape[1:]:
        return False
    shown = {picture.tobytes() for picture in x.astype("float32")}
    return any(picture.tobytes() in shown for picture in pictures)


def _is_close(told, seen):
    return np.allclose(told, seen, rtol=1e-3, atol=1e-4)


def _watched(x_val, y_val):
    """A small network that reliably learns its 60 pictures by heart; over 32 seeds, validation loss turns at epoch 7 to
    9."""
    layers = [
        keras.layers.Dense(
            units, activation=activation, kernel_initializer=keras.initializers.GlorotUniform(seed=units)
        )
        for units, activation in ((64, "relu"), (2, "softmax"))
    ]
    model = Watched([keras.Input((28, 28, 1)), keras.layers.Flatten(), *layers])
    model.pictures = x_val, y_val
    model.compile(
        optimizer=keras.optimizers.Adam(0.0006),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def _look_at_pictures(model, told):
    """Whether it learned from the training pictures alone, and was validated on the validation pictures."""
    if model.peeked:
        raise NotYet(
            "The network was trained on validation pictures. It must learn from x_train alone, or validation proves"
            " nothing."
        )
    if "val_loss" not in told:
        raise NotYet("There is no val_loss in the history: give fit the validation pictures, as validation_data.")
    if not _is_close(told["val_loss"], model.seen):
        raise NotYet(
            "The val_loss in the history is not the loss on the validation pictures: look at what validation_data is"
            " given. Mend this first; what else is wrong can only be seen afterwards."
        )


def _look_at_the_end(seen, end):
    """Whether training stopped soon after the epoch with the lowest of the losses `seen`, and whether `end` is that
    one."""
    epochs, best = len(seen), int(seen.argmin()) + 1
    which = np.flatnonzero(np.isclose(seen, end, rtol=0, atol=1e-5)) + 1  # the epochs whose weights these can be
    if epochs == best:
        raise NotYet(
            "Training stopped while validation loss was still falling. Does EarlyStopping watch val_loss, and look"
            " for its smallest value? (mode can be left out.)"
        )
    if epochs - best > PATIENCE:
        raise NotYet(
            f"Training still went on {PATIENCE} epochs after validation loss had been lowest. Look at EarlyStopping:"
            " which curve should it watch (monitor), and for how many epochs without a better value should it wait"
            " (patience)?"
        )
    if not len(which):
        raise NotYet(
            "The network that your function returns is not as it was after any of the epochs. Return the one that was"
            " trained, unchanged."
        )
    if epochs in which and best not in which:
        raise NotYet(
            "Training stops in time, but the network you return is that of the last epoch, which is already past the"
            " best. EarlyStopping can restore the weights of the best epoch: which argument asks for that?"
        )
    if end > 1.02 * seen.min():
        raise NotYet(
            "The network you return has the weights of an epoch, but not of the one with the lowest validation loss."
            " Does EarlyStopping watch val_loss, and look for its smallest value?"
        )
