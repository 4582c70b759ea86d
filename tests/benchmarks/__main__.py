"""Measure the panel against what a student would otherwise write.

    python -m tests.benchmarks              the table
    python -m tests.benchmarks --browser    the same from key press to page, in a real JupyterLab
    python -m tests.benchmarks --profile    where the engine's time goes

Each row is measured in turn with the others, several times, with settings nobody has trained before; the table
gives medians and their ratios. Absolute times are this machine's and mean little; ratios are what to compare.
"""

import argparse
import contextlib
import io
import statistics
import subprocess
import sys
import time
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import ipywidgets  # noqa: E402
import keras  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

import helpers  # noqa: E402, F401  (sets TensorFlow up before it is imported)
from helpers import data  # noqa: E402
from helpers.live import cell  # noqa: E402
from helpers.live import part as live_module  # noqa: E402
from helpers.parts import explore as panel_module  # noqa: E402
from tests import notebooks  # noqa: E402
from tests.benchmarks import live_curves, numpy_network, sweeps  # noqa: E402
from tests.claims import lesson  # noqa: E402
from tests.networks import clothing_network, digits_network  # noqa: E402

ROUNDS = 5


def cases():
    digits = data.digits(one_hot=True)
    clothing = data.clothing(n_train=1000, n_validation=250, one_hot=True)
    return [
        SimpleNamespace(
            name="digits network, 20 epochs", build=digits_network, data=digits, epochs=20, wanted=(20, 20, 2.5)
        ),
        SimpleNamespace(
            name="clothing CNN, 10 epochs, 1,000 images",
            build=clothing_network,
            data=clothing,
            epochs=10,
            wanted=(2.5, 8, None),
        ),
        SimpleNamespace(
            name="lesson 5's panel with batch normalisation, 10 epochs, 1,000 images",
            build=lesson_5_network,
            data=clothing,
            epochs=10,
            wanted=(2, 6, None),
        ),
    ]


def lesson_5_network(dropout=0.25):
    return lesson("05_dropout_vs_batchnorm", "build").build(dropout=dropout, batch_norm=True)


# What a student would otherwise write


def draw(history):
    """A figure by pyplot, and its picture, as the inline back end makes it."""
    figure, places = plt.subplots(1, 2, figsize=(9, 3))
    for place, name in zip(places, ("loss", "accuracy"), strict=True):
        place.plot(history[name], "o-", label="training")
        place.plot(history["val_" + name], "s--", label="validation")
        place.set_title(name)
        place.legend()
    figure.savefig(io.BytesIO(), format="png")
    plt.close(figure)


def with_fit(case, dropout, callbacks=()):
    model = case.build(dropout)
    return model.fit(
        case.data.x_train,
        case.data.y_train,
        validation_data=(case.data.x_val, case.data.y_val),
        batch_size=32,
        epochs=case.epochs,
        verbose=0,
        callbacks=list(callbacks),
    ).history


class Redraw(keras.callbacks.Callback):
    """Draws everything anew after each epoch, inside the training loop, as livelossplot does."""

    def __init__(self):
        super().__init__()
        self.logs, self.first_at = {}, None

    def on_epoch_end(self, epoch, logs=None):
        for name, value in logs.items():
            self.logs.setdefault(name, []).append(value)
        draw(self.logs)
        self.first_at = self.first_at or time.perf_counter()


def time_interact(case, dropout, redraw):
    """A step of `interact`'s slider: (seconds to the first point, to the finished curve, the history)."""
    seen = {}

    def train(dropout):
        follow = [Redraw()] if redraw else []
        seen["history"] = with_fit(case, dropout, follow)
        if not redraw:
            draw(seen["history"])
        seen["first"] = follow[0].first_at if redraw else time.perf_counter()

    controls = ipywidgets.interactive(
        train, {"manual": False}, dropout=ipywidgets.FloatSlider(value=0.0, min=0, max=1, step=1e-6)
    )
    start = time.perf_counter()
    nowhere = io.StringIO()  # it clears a line of the terminal at each step
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        controls.children[0].value = dropout
    return seen["first"] - start, time.perf_counter() - start, seen["history"]


def time_fit(case, dropout):
    start = time.perf_counter()
    history = with_fit(case, dropout)
    return time.perf_counter() - start, history


def time_numpy(case, dropout):
    start = time.perf_counter()
    d = case.data
    history = numpy_network.train(d.x_train, d.y_train, d.x_val, d.y_val, case.epochs, dropout)
    return time.perf_counter() - start, history


# Ours


class Watched:
    """A panel whose pictures are timed and weighed as they are sent."""

    def __init__(self, case):
        cell.place = lambda: "background"
        live_module.display = lambda *args, **kwargs: None
        self.slider = ipywidgets.FloatSlider(value=0.0, min=0, max=1, step=1e-6)
        self.panel = panel_module.explore(case.build, case.data, epochs=case.epochs, dropout=self.slider)
        self.drawing, self.sizes, self.frames = [], [], []
        draw_panel = self.panel._draw

        def timed(*args):
            start = time.perf_counter()
            draw_panel(*args)
            self.drawing.append(time.perf_counter() - start)

        self.panel._draw = timed
        self.panel._chart.observe(self._note, "value")

    def _note(self, change):
        self.sizes.append(len(change["new"]))
        drawn = int(change["new"].split('data-epoch="')[1].split('"')[0])
        self.frames.append((time.perf_counter(), drawn))

    def step(self, dropout):
        """One step of the slider: (seconds to the first point, to the finished curve, the history)."""
        self.frames.clear()
        start = time.perf_counter()
        self.slider.value = dropout
        self.panel.wait_quickly()
        end = self.frames[-1][0]
        first = next(at for at, drawn in self.frames if drawn)
        return first - start, end - start, self.panel.history.history

    def six_steps(self, rates):
        """Seconds from the last of six quick steps to the finished curve of the last."""
        for rate in rates:
            start = time.perf_counter()
            self.slider.value = rate
            if rate != rates[-1]:
                time.sleep(0.03)  # as fast as a key that is held down
        self.panel.wait_quickly()
        assert self.panel.settings["dropout"] == rates[-1]
        return self.frames[-1][0] - start


def _wait_quickly(panel):
    while not panel.idle.wait(60):
        pass


panel_module.Panel.wait_quickly = _wait_quickly


# The table


def rates():
    """Dropout rates that nobody has trained before, all near 0.25."""
    number = 0
    while True:
        number += 1
        yield round(0.2 + number * 0.000731, 6)


def check_history(case, history, expected):
    """A run must be what `fit` gives, within what another seed changes."""
    assert set(history) == set(expected) and all(len(values) == case.epochs for values in history.values())
    assert abs(history["val_accuracy"][-1] - expected["val_accuracy"][-1]) < 0.1, (history, expected)
    assert 0.6 < history["val_loss"][-1] / expected["val_loss"][-1] < 1.6, (history, expected)


def measure(case):
    fresh = rates()
    ours = Watched(case)
    times = {
        name: [] for name in ("interact", "redraw first", "redraw", "fit", "numpy", "ours first", "ours", "six steps")
    }
    with_fit(case, next(fresh))
    if case.wanted[2]:
        time_numpy(case, next(fresh))
    ours.step(next(fresh))
    ours.drawing.clear(), ours.sizes.clear()
    spent = 0.0
    for _ in range(ROUNDS):
        seconds, expected = time_fit(case, next(fresh))
        times["fit"].append(seconds)
        for _ in range(3):
            first, seconds, history = ours.step(next(fresh))
            check_history(case, history, expected)
            times["ours first"].append(first), times["ours"].append(seconds)
            spent += seconds
        if case.wanted[2]:
            for _ in range(3):
                seconds, history = time_numpy(case, next(fresh))
                check_history(case, history, expected)
                times["numpy"].append(seconds)
        _, seconds, history = time_interact(case, next(fresh), redraw=False)
        check_history(case, history, expected)
        times["interact"].append(seconds)
        first, seconds, history = time_interact(case, next(fresh), redraw=True)
        check_history(case, history, expected)
        times["redraw first"].append(first), times["redraw"].append(seconds)
    drawing, sizes = list(ours.drawing), list(ours.sizes)
    for _ in range(ROUNDS):
        times["six steps"].append(ours.six_steps([next(fresh) for _ in range(6)]))
    median = {name: statistics.median(values) for name, values in times.items() if values}
    epochs = 3 * ROUNDS * case.epochs
    return median, SimpleNamespace(
        per_epoch=sum(drawing) / epochs,
        per_picture=statistics.median(drawing),
        bytes=sum(sizes) / epochs,
        largest=max(sizes),
        share=sum(drawing) / spent,
    )


def row(what, figure, wanted, good):
    print(f"  {what:<66} {figure:>12}   {wanted:<12} {'yes' if good else 'NO'}")


def report(case):
    median, drawing = measure(case)
    finished, first, floor = case.wanted
    print(
        "\n"
        f"{case.name} (medians: ours {median['ours'] * 1e3:.0f} ms, first point {median['ours first'] * 1e3:.0f} ms;"
        f" fit {median['fit'] * 1e3:.0f} ms; interact {median['interact'] * 1e3:.0f} ms; with a redraw per epoch"
        f" {median['redraw'] * 1e3:.0f} ms)"
    )
    ratio = median["interact"] / median["ours"]
    row(
        "slider to finished curve, against interact + fit + pyplot",
        f"{ratio:.1f} x",
        f">= {finished} x",
        ratio >= finished,
    )
    row("slider to finished curve, against a redraw per epoch", f"{median['redraw'] / median['ours']:.1f} x", "", True)
    row(
        "slider to finished curve, against bare build + compile + fit",
        f"{median['fit'] / median['ours']:.1f} x",
        "",
        True,
    )
    ratio = median["redraw first"] / median["ours first"]
    row("slider to first point, against a redraw per epoch", f"{ratio:.1f} x", f">= {first} x", ratio >= first)
    if floor:
        ratio = median["ours"] / median["numpy"]
        row("time of a run, in runs of a NumPy loop", f"{ratio:.2f} x", f"<= {floor} x", ratio <= floor)
    row("drawing, an epoch", f"{drawing.per_epoch * 1e3:.2f} ms", "<= 10 ms", drawing.per_epoch <= 0.010)
    row(
        "drawing, a picture (largest one)",
        f"{drawing.largest / 1024:.1f} KiB",
        "<= 10 KiB",
        drawing.largest <= 10 * 1024,
    )
    row("drawing, share of a run's time", f"{drawing.share:.1%}", "< 5 %", drawing.share < 0.05)
    ratio = median["six steps"] / median["ours"]
    row("six quick steps: last step to finished curve, in single runs", f"{ratio:.2f} x", "<= 1.3 x", ratio <= 1.3)


def _timed(seconds, function, *arguments):
    """What the function returns; how long that took is added to `seconds`, a list."""
    start = time.perf_counter()
    result = function(*arguments)
    seconds.append(time.perf_counter() - start)
    return result


def profile():
    """Where a run's time goes: the compiled epochs, the builder, the rest."""
    from helpers.engine.builder import call_builder
    from helpers.engine.loop import Loop
    from helpers.engine.structure import structure_of

    for case in cases():
        d = case.data
        model = case.build(0.25)
        loop = Loop(model, (d.x_train, d.y_train), (d.x_val, d.y_val))
        parts = {
            name: [] for name in ("the student's builder", "comparing structures", "putting the weights back", "epochs")
        }

        for run in range(ROUNDS):
            model = _timed(parts["the student's builder"], call_builder, case.build, {"dropout": 0.2 + run / 100}, run)
            _timed(parts["comparing structures"], structure_of, model)
            _timed(parts["putting the weights back"], loop.start, model, run)
            for number in range(case.epochs):
                _timed(parts["epochs"], loop.epoch, number, len(d.x_train), 32, run)
        whole = sum(map(sum, parts.values())) / ROUNDS
        print(f"\n{case.name}: {whole * 1e3:.0f} ms a run")
        for name, values in parts.items():
            print(f"  {name:<28} {sum(values) / ROUNDS / whole:6.1%}")


# Seconds that Run All of a lesson may take, about, on two cores.
RUN_ALL = {"01": 90, "02": 90, "03": 90, "04": 90, "05": 120, "06": 150}


def report_lessons():
    """Run All of each lesson, in a fresh kernel, as somebody does who opens it."""
    for path in notebooks.lessons():
        notebook = notebooks.read(path)
        start = time.perf_counter()
        notebooks.execute(notebook, path.parent)
        seconds, wanted = time.perf_counter() - start, RUN_ALL[path.stem[:2]]
        row(f"Run All, {path.stem}", f"{seconds:.0f} s", f"< {wanted} s", seconds < wanted)


IMPORT = "import time, tensorflow; start = time.perf_counter(); import helpers; print(time.perf_counter() - start)"


def report_import():
    """What `import helpers` costs a lesson's first cell, beyond TensorFlow's own import."""
    times = []
    for _ in range(ROUNDS):
        done = subprocess.run([sys.executable, "-c", IMPORT], cwd=notebooks.ROOT, capture_output=True, check=True)
        times.append(float(done.stdout))
    seconds = statistics.median(times)
    row("import helpers, beyond TensorFlow's own import", f"{seconds * 1e3:.0f} ms", "< 150 ms", seconds < 0.150)


def main():
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    options.add_argument("--browser", action="store_true", help="from key press to page, in a real JupyterLab")
    options.add_argument("--profile", action="store_true", help="where the engine's time goes")
    chosen = options.parse_args()
    np.random.seed(0)
    if chosen.browser:
        from tests.benchmarks.browser import report_browser

        report_browser()
    elif chosen.profile:
        profile()
    else:
        print(f"  {'':<66} {'measured':>12}   {'wanted':<12} reached")
        for case in cases():
            report(case)
        sweeps.report()
        live_curves.report(row)
        report_import()
        report_lessons()


if __name__ == "__main__":
    main()
