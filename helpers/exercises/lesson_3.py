"""The checks of lesson 3's exercises: reach a validation loss, explain a run in words, mend a training script.

What is said of an answer stands in lesson_3.toml.
"""

import functools
import inspect
import itertools
import re
import time

import keras
import numpy as np

from helpers import data
from helpers.engine.stop import Stop
from helpers.engine.trainer import Trainer
from helpers.errors import LessonError
from helpers.exercises.checks import NotYet, Table, is_nothing

TABLE = Table("lesson_3")

# Averages over seeds: the lesson's network ends at 0.65 to 0.76 after 40 epochs; with dropout 0.8, L2 0.03, L1 0.003,
# one filter or altered pictures it ends at 0.50 to 0.55; with less of each, such as dropout 0.5, at 0.57 to 0.62.
TARGET = 0.58
GUESSING = 1.09  # the loss of whoever gives each of the three kinds the same probability is 1.0986
SEEDS = (0, 1, 2)
FEWEST_EPOCHS, MOST_EPOCHS, MOST_NUMBERS, MOST_SECONDS = 40, 60, 500_000, 30


@TABLE.check
def check_reach(answer, _):
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise NotYet("not two things")
    build, epochs = answer
    if isinstance(build, keras.Model):
        raise NotYet("a network")
    if not callable(build):
        raise NotYet("no builder")
    takes = inspect.signature(build).parameters.values()
    needs = [p.name for p in takes if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if needs:
        raise NotYet("needs arguments", names=", ".join(needs))
    if isinstance(epochs, bool) or not isinstance(epochs, (int, np.integer)) or epochs < 1:
        raise NotYet("no number of epochs")
    if epochs > MOST_EPOCHS:
        raise NotYet("too many epochs", most=MOST_EPOCHS, epochs=epochs)
    clothes = data.clothing(["T-shirt/top", "Dress", "Shirt"], n_train=150, n_validation=300, one_hot=True)
    _look_at_network(build(), clothes)
    if epochs < FEWEST_EPOCHS:
        raise NotYet("too few epochs", fewest=FEWEST_EPOCHS)
    ends, rights, curves = _train(build, int(epochs), clothes)
    end, curve = ends.mean(), curves.mean(axis=0)
    figures = {"runs": len(SEEDS), "end": end, "target": TARGET}
    if end < TARGET:
        return {**figures, "right": rights.mean()}
    best = int(curve.argmin()) + 1
    if end > GUESSING and curve.min() > 1:
        reason = "no better than guessing"
    elif curve[-1] > 1.05 * curve.min() and best < epochs:
        reason = "overfits"
    elif epochs < 5 or curve[-1] < 0.97 * curve[epochs * 2 // 3 - 1]:
        reason = "still falling"
    else:
        reason = "held back too much"
    raise NotYet(reason, best=best, **figures)


def _look_at_network(model, clothes):
    """Whether `model` is a network for these clothes, fresh and not too large."""
    if is_nothing(model):
        raise NotYet("returns nothing")
    if not isinstance(model, keras.Model):
        raise NotYet("no model", kind=type(model).__name__)
    if not model.compiled:
        raise NotYet("not compiled")
    try:
        shape = tuple(model(clothes.x_val[:8]).shape)
    except Exception as error:
        raise NotYet("cannot take the pictures", error=type(error).__name__) from error
    if shape != (8, 3):
        raise NotYet("another shape", shape=shape)
    if model.count_params() > MOST_NUMBERS:
        raise NotYet("too large", count=model.count_params(), most=MOST_NUMBERS)
    rows = np.asarray(model(clothes.x_val), dtype=float)
    if (rows < 0).any() or not np.allclose(rows.sum(axis=1), 1, atol=1e-2):
        raise NotYet("no probabilities")
    if getattr(model.loss, "name", model.loss) != "categorical_crossentropy":
        raise NotYet("another loss")
    if _cross_entropy(model, clothes.x_val, clothes.y_val) < 0.8:
        raise NotYet("trained before")


def _train(build, epochs, clothes):
    """For each seed: the validation loss and accuracy after the last epoch, and val_loss epoch by epoch, as arrays."""
    x, y = clothes.x_val, clothes.y_val
    stop, times, runs, count = Stop(), [], [], itertools.count(1)

    def measure(model, *_):  # without penalties on the weights: these are in val_loss, but are not about the pictures
        if next(count) % epochs:
            return {}
        right = np.asarray(model(x)).argmax(axis=1) == y.argmax(axis=1)
        return {"end": _cross_entropy(model, x, y), "right": right.mean()}

    def look_at_the_clock(_):
        times.append(time.process_time())  # compiling, before the first epoch's end, does not count
        if times[-1] - times[0] > MOST_SECONDS:
            stop.set()

    try:
        trainer = Trainer(build, clothes.x_train, clothes.y_train, (x, y), measure=measure)
        for seed in SEEDS:
            training = trainer.run({}, epochs, seed=seed, stop=stop, on_epoch=look_at_the_clock)
            if stop.is_set():
                raise NotYet("takes too long", runs=len(SEEDS), seconds=MOST_SECONDS)
            curve = training.history["val_loss"]
            if len(curve) < epochs or not np.isfinite(curve).all():
                raise NotYet("no number any more")
            runs.append((training.measured["end"][0], training.measured["right"][0], curve))
    except LessonError as error:
        raise NotYet("cannot be trained", words=error) from error
    return [np.array(figures) for figures in zip(*runs, strict=True)]


def _cross_entropy(model, x, y):
    rows = np.asarray(model(x), dtype=float)
    return float(-np.log(np.clip((rows * y).sum(axis=1), 1e-7, 1)).mean())


LEAST_WORDS = 15
# The words in which a student may explain a run, as regular expressions. A word that is missing goes into its list.
# What one line of WORDS has read, the next does not read again.
CURVES = ("TRAINING", "VALIDATION")
THING = (
    r"(?:loss(?:es)?|curves?|lines?|errors?|pictures?|images?|photos?|examples?|data|sets?|ones?|clothes|score|values?)"
    r"\b"
)
NETWORK = r"(?:it|the network|the model)"
WORDS = {  # what a sentence can be about, and what it can say of it
    "VALIDATION": (
        rf"val(?:idation)?\b(?:[ _-]{THING})*",
        rf"(?:new|unseen|unknown|unfamiliar|other|fresh|held-out|test) {THING}",
        rf"(?:orange|vermilion|dashed)\b(?: {THING})*",
        rf"{THING} (?:that )?{NETWORK}(?: has| had)? (?:never|not)(?: yet)? (?:seen|saw|met)",
    ),
    "TRAINING": (
        rf"train(?:ing|ed)?(?:[ _-]{THING})+",
        rf"(?:blue|solid)\b(?: {THING})*",
        rf"(?:its own|seen|known|familiar) {THING}",
        rf"{THING} (?:that |which )?{NETWORK}(?: has| had| was| is)?"
        r" (?:seen|saw|knows|learn\w* from|train\w* (?:on|with))",
        r"train(?:ing)?(?=:|\)| (?:keeps|falls|drops|sinks|decreases|shrinks|still falls))",
    ),
    "UP": (
        r"ris(?:e|es|ing|en)|rose|climb\w*|soar\w*|grow(?:s|ing|n)?|grew",
        r"increas(?:es|ed|ing)|to increase|doubl\w+",
        r"turn(?:s|ed|ing)?|u(?=[ ,-]|$)",
        r"worse\w*|deteriorat\w+",
        r"(?:gets?|getting|got|becom\w+) (?:bigger|larger)|higher(?! (?:dropout|learning|penalt))",
        r"upwards?|(?<!end )(?<!ends )(?<!ended )(?<!ending )up",
    ),
    "DOWN": (
        r"fall(?:s|ing|en)?|fell|drop(?:s|ped|ping)?(?![ -]?out)|sink(?:s|ing)?|sank|descend\w*|down(?:wards?)?",
        r"decreas\w+|declin\w+|shr[iau]nk\w*|lessen\w*|diminish\w*|reduces",
        r"lower(?! learning)|smaller(?! (?:\w+ )?(?:network|model|one))",
        r"improv(?:es|ed|ing)|(?:gets?|getting|becom\w+|and|ever|even) better",
        r"zero|vanish\w*|0(?!\.)",
    ),
    "BREAK": ("while|whereas|but|although|though|and|because|whilst|however|loss|so",),
}
WORDS = {mark: re.compile(rf"\b(?:{'|'.join(words)})\b") for mark, words in WORDS.items()}
# "rises above the training loss", "overfits the training pictures": the sentence is not about the training loss.
ASIDE = re.compile(
    r"\b(?:with|like|unlike|than|above|over|below|under|from|to|more|few\w*|follow\w*|overfit\w*|learn\w*|memori\w+"
    r"|know\w*|remember\w*|see\w*)"
    r"(?: (?:the|its|their|these|those|few|of|all|only|on|to|own))* (?:TRAINING|VALIDATION)\b(?! ?,? (?:which|that)\b)"
)
WHY = (
    r"by heart|by rote|memori[sz]|remember|\bstor(?:e|es|ing)\b|learns? the (?:questions|answers)",
    r"over-? ?fit|(?:not|n't|never|no longer) generali[sz]",
    r"(?:numbers|weights|parameters) (?:per|for each) (?:picture|image)",
    r"too (?:many|much) (?:\w+ )?(?:parameters|weights|numbers|units|filters|freedom|capacity)",
    r"too (?:large|big|powerful|complex|flexible)|too few (?:\w+ )?(?:pictures|images|examples|photos|data)",
    r"quirks|oddit|peculiarit|chance details|noise",
)
STOP = r"(?:stop(?:s|ped)?(?! (?:fall|improv|decreas|drop|go|get|sink|learn|declin|com))|end(?:ed)?|finish(?:ed)?)"
REMEDY = (
    rf"stopping|(?<!not )(?<!never )(?<!n't )\b{STOP}"
    r"(?: \w+){0,3} (?:earl|sooner|train|at\b|there|after|when|before|around|here|by\b)",
    r"train\w*(?: \w+){0,4} (?:less|shorter|sooner|earlier)",
    r"restor|best (?:weights|epoch)|keep(?:ing)? the (?:weights|network)",
    r"(?:fewer|less) (?:epochs|training|filters|units|layers|parameters|weights|capacity)",
    r"(?:smaller|simpler)(?: \w+)? (?:network|model|one)",
    r"(?:more|additional|extra|larger|bigger)(?: \w+){0,3} (?:pictures|images|photos|examples|data|clothes|set)",
    r"drop-?out|penalt|regulari[sz]|weight decay|\bl[12]\b|augment|flip",
)


@TABLE.check
def check_explained(answer, mistakes):
    if not isinstance(answer, str):
        raise NotYet("no text", kind=type(answer).__name__)
    count = len(re.findall(r"[^\W\d_]+", answer))
    if count < LEAST_WORDS:
        raise NotYet("too short", least=LEAST_WORDS, count=count)
    text = answer.lower().replace("’", "'")
    said, line = _who_goes_where(text), " ".join(text.split())
    parts = (  # whether it is there; its name where it is found, and where it is missed
        (("TRAINING", "DOWN") in said, "training loss falls", "training loss falls"),
        (("VALIDATION", "UP") in said, "validation loss rises", "validation loss rises"),
        (re.search("|".join(WHY), line), "why", "why?"),
        (re.search("|".join(REMEDY), line), "remedy", "remedy?"),
    )
    found = [mistakes.words(name) for there, name, _ in parts if there]
    missing = [mistakes.words(name) for there, _, name in parts if not there]
    if missing:
        has = mistakes.words("found", found="; ".join(found)) if found else ""
        swapped = {("TRAINING", "UP"), ("VALIDATION", "DOWN")} <= said and len(found) < 3
        raise NotYet("curves swapped" if swapped else "something missing", has=has, missing="; ".join(missing))


def _who_goes_where(text):
    """Pairs such as ("VALIDATION", "UP"): which curve each word for up or down belongs to."""
    pairs, subject = set(), None
    for sentence in re.split(r"[.!?;](?:\s|$)", text.replace("val_loss", "validation loss")):
        for mark, pattern in WORDS.items():
            sentence = pattern.sub(functools.partial(_marked, mark), sentence)
        tokens = re.findall(r"[\w']+|,", ASIDE.sub("aside", " ".join(sentence.split())))
        for i, token in enumerate(tokens):
            if token in CURVES:
                subject = token
            elif token.startswith(("UP", "DOWN")):
                later = next((curve for curve in tokens[i:] if curve in CURVES), None)
                pairs.add((_next_subject(tokens, i) or subject or later, token.removesuffix("ING")))
    return pairs


def _marked(mark, found):
    """The mark in the place of the words `found`; "rising" is UPING, because a curve may follow it."""
    return f" {mark}{'ING' if mark in ('UP', 'DOWN') and found[0].endswith('ing') else ''} "


def _next_subject(tokens, i):
    """The subject after the word at `i` that it belongs to: "rising validation loss", "worse on new pictures"."""
    before, rest = tokens[i - 1 : i], tokens[i + 1 : i + 8]
    is_verb = {"is", "are", "keeps", "keep", "kept", "on", "still", "starts", "begins", "continues"} & set(before)
    if tokens[i].endswith("ING") and rest and rest[0] in CURVES and not is_verb:
        return rest[0]
    for j, token in enumerate(rest):
        if token.startswith((",", "BREAK", "UP", "DOWN")):
            return None
        if token in CURVES and {"on", "for", "at", "in"} & set(rest[:j]):
            return token
    return None


PICTURES, PATIENCE = 60, 20
CLOSE = {"rtol": 1e-3, "atol": 1e-4}  # the same loss, as Keras tells it and as it is measured here


@TABLE.check
def check_mended(answer, _):
    if not callable(answer):
        raise NotYet("no function to train")
    clothes = data.clothing(["T-shirt/top", "Shirt"], n_train=PICTURES, n_validation=64, one_hot=True)
    x_val, y_val = clothes.x_val, clothes.y_val
    arrays = [array.copy() for array in (clothes.x_train, clothes.y_train, x_val, y_val)]
    given = answer(lambda: _watched(x_val, y_val), *arrays)
    if is_nothing(given):
        raise NotYet("returns nothing")
    if not isinstance(given, (tuple, list)) or len(given) != 2 or not isinstance(given[0], keras.Model):
        raise NotYet("not network and training")
    model, training = given
    told = getattr(training, "history", training)
    if not isinstance(told, dict) or not getattr(model, "seen", None) or len(told.get("loss", ())) != len(model.seen):
        raise NotYet("another training")
    if model.peeked:
        raise NotYet("learns validation pictures")
    if "val_loss" not in told:
        raise NotYet("no validation")
    if not np.allclose(told["val_loss"], model.seen, **CLOSE):
        raise NotYet("validates on other pictures")

    seen, end = np.array(model.seen), _cross_entropy(model, x_val, y_val)
    epochs, best = len(seen), int(seen.argmin()) + 1
    which = np.flatnonzero(np.isclose(seen, end, rtol=0, atol=1e-5)) + 1  # the epochs whose weights these can be
    if epochs == best:
        raise NotYet("stops too early")
    if epochs - best > PATIENCE:
        raise NotYet("stops too late", patience=PATIENCE)
    if not len(which):
        raise NotYet("changed afterwards")
    if epochs in which and best not in which:
        raise NotYet("last epoch")
    if end > 1.02 * seen.min():
        raise NotYet("another epoch")


def _watched(x_val, y_val):
    """A small network that reliably learns its 60 pictures by heart.

    Over 32 seeds, validation loss turns at epoch 7 to 9.
    """
    model = Watched([keras.Input((28, 28, 1)), keras.layers.Flatten()])
    for units, activation in ((64, "relu"), (2, "softmax")):
        start = keras.initializers.GlorotUniform(seed=units)
        model.add(keras.layers.Dense(units, activation, kernel_initializer=start))
    model.pictures = x_val, y_val
    adam = keras.optimizers.Adam(0.0006)
    model.compile(optimizer=adam, loss="categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


class Watched(keras.Sequential):
    """A network that watches its own training.

    It notes its loss on the validation pictures after each epoch of fit, and whether it is trained on any of them.
    """

    def fit(self, *args, **kwargs):
        given = inspect.signature(super().fit).bind(*args, **kwargs)
        self.seen, self.peeked = [], _any_of(self.pictures[0], given.arguments.get("x"))
        theirs = given.arguments.get("callbacks") or []
        theirs = theirs if isinstance(theirs, (list, tuple)) else [theirs]
        note = keras.callbacks.LambdaCallback(on_epoch_end=self.note)
        given.arguments["callbacks"] = [note, *theirs]  # ours first: before the best weights are put back
        return super().fit(*given.args, **given.kwargs)

    def note(self, _, logs):
        self.seen.append(_cross_entropy(self, *self.pictures))
        past = len(self.seen) - 1 - int(np.argmin(self.seen))
        elsewhere = not np.allclose(logs.get("val_loss", self.seen[-1]), self.seen[-1], **CLOSE)
        if self.peeked or past > PATIENCE or elsewhere:  # the rest would tell nothing more
            self.stop_training = True


def _any_of(pictures, x):
    if not isinstance(x, np.ndarray) or x.shape[1:] != pictures.shape[1:]:
        return False
    shown = {picture.tobytes() for picture in x.astype("float32")}
    return any(picture.tobytes() in shown for picture in pictures)
