"""Small multiples: variants of one network, trained in turn and drawn side by side on one scale, live.

multiples(build, clothes, {"neither": {}, "dropout": {"dropout": 0.5}}, epochs=(1, 30, 12))
"""

from math import floor, log10

import ipywidgets as widgets
import numpy as np

from helpers.curves import live_chart
from helpers.curves.history import best_epoch, finite
from helpers.curves.sheets import Ghost, Line, Sheet, y_ticks
from helpers.engine.builder import name_of
from helpers.engine.examples import check_validation, len_of, training_and_validation
from helpers.engine.settings import DEFAULTS, OF_TRAINING
from helpers.engine.trainer import DIVERGED, Trainer
from helpers.errors import LessonError, shorten
from helpers.live.controls import curve, difference, in_words, of_curve
from helpers.live.fields import in_columns
from helpers.live.part import Live, beside

FAR = 10  # times the lowest start: a loss that starts higher does not decide the scale
BY_FAR = 7  # times as low as the next: said in words that have to be the same on every machine
LOOKS = {"loss": "training", "val_loss": "validation"}
FAILED = "cannot be trained"
NUMBERS = {2: "Two", 3: "Three", 4: "Four", 5: "Five", 6: "Six"}
CAPTION = "Loss against the epoch, on one scale in all charts; the upright line is at the lowest validation loss."


def multiples(build, data, variants, validation_split=0.2, **forms):
    """Show a live part that trains several variants of one network and draws the losses of each in a chart of its own.

    build, data, validation_split: as in `explore`; there must be validation data.
    variants: {name: {keyword: value}}, from 2 to 6: what is fixed in each of them. Keywords of the builder, or
    `batch_size`, `n_train`, `seed`.
    forms: `keyword=form` as in `explore`. They make the controls, which all variants share.

    Returns the `Multiples`, when its first curves are complete. Raises `LessonError` for a mistake in any of these; if
    a variant cannot be trained, after the others have been.
    """
    return Multiples(build, data, variants, validation_split, forms).show()


class Multiples(Live):
    """What `multiples` has made.

    `histories`: {name of a variant: `History`}, of those that have been trained, or begun; `settings`: {keyword:
    value}, what the variants share; `state`: one of "building", "training", "done", "stopped", "error".
    """

    made_by = "multiples"

    def __init__(self, build, data, variants, validation_split=0.2, forms=()):
        super().__init__()
        x, y, validation = training_and_validation(data, validation_split)
        check_validation(validation, self.made_by)
        _check(variants, forms)
        self._build, self._variants = build, {name: dict(own) for name, own in variants.items()}
        own = dict.fromkeys(keyword for fixed in variants.values() for keyword in fixed)
        usual = {name: value for name, value in DEFAULTS.items() if name not in own}
        told = {name: None for name in own if name not in OF_TRAINING}  # no controls, but the builder has to take them
        self._add_controls(build, {"epochs": (1, 40, 15), **usual, **dict(forms), **told}, len_of(x))
        self._fixed = {name: value for name, value in self._fixed.items() if name not in told}
        self._trainer = Trainer(build, x, y, validation)
        self.histories, self.settings = {}, self._read_controls()
        self._past = {}, {}  # the settings before these, and their histories
        self._now = ""  # the variant that trains
        self._notices = dict.fromkeys(variants, "waiting")  # words across the charts
        buttons = [self._stop_button]
        if _can_step(self._controls.get("seed")):
            does = "Move the control for the seed by one; after its last seed comes its first"
            again = widgets.Button(description="Train again with the next seed", layout={"width": "auto"}, tooltip=does)
            again.on_click(lambda _button: _step(self._controls["seed"]))
            buttons.insert(0, again)
        buttons = beside([*buttons, self._progress])
        self._assemble(in_columns(self._controls.values()), buttons, widgets.HTML(CAPTION))

    def __repr__(self):
        return f"<small multiples of {name_of(self._build)}(): {', '.join(self._variants)}; {self.state}>"

    # From a control to a run

    def _train(self, stop):
        self._begin(self._read_controls())
        errors = {}
        for name in self._variants:
            try:
                finished = self._run(name, stop)
            except LessonError as error:  # told at the end: the other variants are trained all the same
                errors[name], self._notices[name] = error, FAILED
                finished = not stop.is_set()
            if not finished:
                break
        self._now = ""
        if errors:
            told = self._grouped({name: str(error) for name, error in errors.items()})
            others = ["The curves of the other variants are drawn."] if set(self.histories).difference(errors) else []
            raise LessonError(" ".join(told + others)) from next(iter(errors.values()))
        return "done" if finished else "stopped", self._in_words()

    def _tidy_up(self):
        self._now = ""
        for name in self._variants:
            if self._notices[name] != FAILED:
                self._notices[name] = "" if self._points(name) else "not trained"

    def _begin(self, settings):
        """Turn to `settings`; the curves of those before, if they were left in peace, become the ghosts."""
        if curve(settings) != curve(self.settings):
            if self.state in ("done", "stopped", "error") and self.histories:
                self._past = self.settings, self.histories
            self.histories = {}
        self.settings = settings
        self._notices = dict.fromkeys(self._variants, "waiting")

    def _run(self, name, stop):
        """Train one variant; returns whether it was trained to its end."""
        settings = {**self.settings, **self._variants[name]}
        place = f"{name} ({1 + list(self._variants).index(name)} of {len(self._variants)})"
        self._now = name

        def on_state(state):
            self._notices[name] = "building the network …" if state == "building" else ""
            self._draw(state, place)

        def on_epoch(history):
            self.histories[name] = history
            self._draw_epoch(history)

        history = self._trainer.run_with(settings, stop=stop, on_state=on_state, on_epoch=on_epoch)
        self._notices[name] = ""
        if history.epoch:
            self.histories[name] = history
        return len(history.epoch) >= settings["epochs"] or history.note == DIVERGED

    # What it says

    def _in_words(self):
        """The lowest validation loss and the last training loss of each variant, and what else is to be known."""
        drawn = {name: self._logs(name) for name in self._variants if self._points(name)}
        if not drawn:
            return "No epoch has been trained yet."
        best = {name: best_epoch(logs) for name, logs in drawn.items()}
        lowest = _written({name: logs["val_loss"][(best[name] or 1) - 1] for name, logs in drawn.items()})
        lowest = [f"{name}: {loss}" + (f" (epoch {best[name]})" if best[name] else "") for name, loss in lowest.items()]
        last = _written({name: logs["loss"][-1] for name, logs in drawn.items()})
        said = [f"Lowest validation loss – {'; '.join(lowest)}."]
        said += [f"Training loss at the end – {'; '.join(f'{name}: {loss}' for name, loss in last.items())}."]
        return " ".join([*self._notes(), *said, "One run each: a small difference may be luck."])

    def _notes(self):
        """What the engine has to say of the runs."""
        runs = self.histories.items()
        notes = self._grouped({name: run.note for name, run in runs if run.note == DIVERGED or run.path == "fit"})
        for remark in dict.fromkeys(remark for _, run in runs for remark in run.remarks):
            notes += self._grouped({name: remark for name, run in runs if remark in run.remarks})
        return notes

    def _grouped(self, said):
        """Each sentence once, with the variants it is about. said: {name: words, or ""}."""
        sentences = []
        for words in dict.fromkeys(filter(None, said.values())):
            names = [name for name in said if said[name] == words]
            where = "all variants" if len(names) == len(self._variants) else ", ".join(names)
            sentences.append(f"In {where}: {words}")
        return sentences

    def _still_words(self):
        epochs = "1 epoch" if self.settings["epochs"] == 1 else f"{self.settings['epochs']} epochs"
        trained = f"trained for {epochs} each ({in_words(of_curve(self.settings))})"
        many = NUMBERS[len(self._variants)]
        words = f"{many} variants of the network, {trained}: {', '.join(self._variants)}."
        words = " ".join([words, *self._notes(), *self._lowest_by_far()])
        return f"{words} {CAPTION}", f"{words} Run this cell to train them yourself."

    def _lowest_by_far(self):
        last = sorted((history.history["loss"][-1], name) for name, history in self.histories.items())
        if len(last) < 2:
            return []
        by_far = np.isfinite([loss for loss, _ in last]).all() and 0 <= BY_FAR * last[0][0] < last[1][0]
        return [f"By far the lowest training loss at the end: {last[0][1]}."] if by_far else []

    # What it looks like

    def _logs(self, name):
        """The losses of a variant up to the epochs wanted: {"loss": array, "val_loss": array}, empty at first."""
        history = self.histories[name].history if name in self.histories else {}
        return {key: np.array(history.get(key, ()), float)[: self.settings["epochs"]] for key in LOOKS}

    def _points(self, name):
        return len(self._logs(name)["loss"])

    def _marks(self):
        done, epochs = sum(map(self._points, self._variants)), len(self._variants) * self.settings["epochs"]
        return {"epoch": done, "epochs": epochs, "settings": self.settings, "variant": self._now}

    def _picture(self):
        epochs = self.settings["epochs"]
        runs = {name: self._logs(name) for name in self._variants}
        past, histories = self._past if curve(self._past[0]) != curve(self.settings) else ({}, {})
        ghosts = {name: np.array(history.history["val_loss"][:epochs]) for name, history in histories.items()}
        ticks = _common_ticks(runs.values(), ghosts.values())
        differs, sheets = in_words(difference(past, self.settings)), []
        for name, logs in runs.items():
            lines = [Line(f"{name}: {key}", look, logs[key]) for key, look in LOOKS.items()]
            before = [Ghost(f"before, at {differs}", ghosts[name])] if name in ghosts else []
            notice = self._notices[name] or _out_of_sight(logs, ticks)
            title = shorten(name, 30)
            sheets.append(Sheet("loss", lines, before, marks=_best(logs), title=title, ticks=ticks, notice=notice))
        legend = [("training", "training loss"), ("validation", "validation loss")]
        words = f"The losses of {', '.join(runs)}. {self._in_words()}"
        how = {"small": True, "figures": self._complete, "coming": [f"before, at {self._longest_label()}"]}
        return live_chart.draw(sheets, epochs, words, legend, self._name, **how)


def _check(variants, forms):
    example = '{"without": {}, "dropout": {"dropout": 0.5}}'
    if not isinstance(variants, dict) or len(variants) not in NUMBERS:
        there = f"there are {len(variants)}" if isinstance(variants, dict) else f"it is {shorten(repr(variants), 60)}"
        raise LessonError(
            f"multiples compares 2 to 6 variants, each with a name and what is fixed in it: {example}. Here {there}."
        )
    for name, own in variants.items():
        if not isinstance(name, str) or not name.strip():
            raise LessonError(
                f"A variant's name is a text that becomes the title of its chart, as in {example}; {name!r} is none."
            )
        if not isinstance(own, dict) or not all(isinstance(keyword, str) for keyword in own):
            raise LessonError(
                f"The variant {name!r} should be a dictionary of keywords of your function and their values, as in"
                f" {example}; here it is {shorten(repr(own), 60)}."
            )
        if "epochs" in own:
            raise LessonError(f"All variants are trained for the same number of epochs: take epochs out of {name!r}.")
        for keyword in own:
            if keyword in forms:
                raise LessonError(
                    f"{keyword} is fixed in the variant {name!r} and also a keyword of multiples(…), which all"
                    " variants share. It can only be one of the two: take it out of one."
                )


def _can_step(control):
    return control is not None and len(getattr(control, "options", (0, 1))) > 1


def _step(control):
    """Move a control to its next value; after the last comes the first."""
    if hasattr(control, "options"):
        control.index = (control.index + 1) % len(control.options)
    else:
        following = control.value + getattr(control, "step", 1)
        control.value = following if following <= getattr(control, "max", following) else control.min


def _common_ticks(runs, ghosts):
    """The y ticks that all charts share. runs: dicts as of `Multiples._logs`; ghosts: arrays of shape (epochs,).

    A loss that explodes leaves the picture, as in every chart: that is told by the run that starts highest, but not FAR
    above the others.
    """
    begun = [logs for logs in runs if len(finite(logs["loss"]))]
    starts = [finite(logs["loss"])[0] for logs in begun]
    near = [start if start <= FAR * abs(min(starts)) else -np.inf for start in starts]
    ordered = [begun[number] for number in np.argsort(near)[::-1]]
    return y_ticks("loss", [*(logs[key] for logs in ordered for key in LOOKS), *ghosts]).tolist()


def _best(logs):
    epoch = best_epoch(logs) if len(logs["loss"]) > 1 else None
    return [(epoch, f"best epoch {epoch}")] if epoch else []


def _out_of_sight(logs, ticks):
    """What to say in a chart whose curves cannot be seen, or ""."""
    losses = np.concatenate(list(logs.values()))
    if not len(losses) or (losses <= ticks[-1]).any():
        return ""
    return "above this scale" if np.isfinite(losses).any() else "not a number"


def _written(losses):
    """{name: loss} in words, all with as many decimals: two, or more if they are small; huge ones in powers of ten."""
    largest = max((abs(loss) for loss in losses.values() if np.isfinite(loss)), default=1)
    decimals = 2 if largest >= 0.1 or largest == 0 else 1 - floor(log10(largest))

    def words(loss):
        if not np.isfinite(loss):
            return "not a number"
        return f"{loss:.2g}" if abs(loss) >= 10000 else f"{loss:.{decimals}f}"

    return {name: words(loss) for name, loss in losses.items()}
