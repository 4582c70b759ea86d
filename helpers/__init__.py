"""The shared module of Learning Curves Lab: what the lessons import, and nothing they should hide.

In the order of the lessons, `from helpers import …`
"""

import importlib
import os
import sys

VERSION = (2026, 1)  # which the set-up cell of a lesson asks for; written by python -m tests.links
# name: (where it stands, what it is), in the order of the lessons. A name is loaded when it is first used.
PUBLIC = {
    "welcome": ("helpers.memory.welcome", "where you stopped in a lesson, what brings it back, and what to repeat"),
    "predict": ("helpers.parts.predict", "say it first: a prediction that is locked, then compared with the result"),
    "curves": ("helpers", "a history as a picture and in words: plot(), describe(), best_epoch()"),
    "explore": ("helpers.parts.explore", "a live panel: move a control, and your network trains again"),
    "quiz": ("helpers.parts.quiz", "the questions of a lesson, answered with a click"),
    "recall": ("helpers.parts.quiz", "questions of the lessons before: what was missed, and what is long ago"),
    "flashcards": ("helpers.parts.cards", "the flashcards of the study aids, asked from memory"),
    "data": ("helpers", "the data sets: digits(), clothing()"),
    "explore_gap": ("helpers.parts.gap", "a panel that splits the gap between the two losses into its causes"),
    "sketch": ("helpers.parts.sketch", "draw the validation loss first, then train"),
    "engine": ("helpers", "what model.fit does, faster: fit()"),
    "diagnose": ("helpers.curves.diagnosis", "which pattern a history shows, and why"),
    "clinic": ("helpers.parts.clinic", "real runs to name and to cure"),
    "replay": ("helpers.parts.replay", "early stopping, replayed on a recorded run"),
    "early_stop": ("helpers.parts.replay", "where early stopping would have ended a run"),
    "ribbon": ("helpers.parts.ribbon", "two settings, each trained from several seeds"),
    "new_folder": ("helpers.records.saved", "a folder of its own for what a run saves"),
    "time_machine": ("helpers.parts.time_machine", "back to any epoch of a finished run"),
    "crash_drill": ("helpers.parts.crash", "a training that is killed, and resumed"),
    "old_web": ("helpers.exercises.old_web", "lines from old tutorials, run beside what to write now"),
    "clean_up": ("helpers.records.saved", "deletes what a lesson has saved"),
    "microscope": ("helpers.parts.microscope", "what dropout and batch normalisation do to a batch"),
    "multiples": ("helpers.parts.multiples", "variants of a network, side by side"),
    "seal": ("helpers.records.sealed", "a test set that is opened once"),
    "error_bars": ("helpers", "how sure an accuracy is: interval(), difference(), paired(), in_words()"),
    "choose": ("helpers.parts.chooser", "every combination of some settings, trained and compared"),
    "sweep": ("helpers.sweeps.run", "the same without a table, on all cores or a cluster"),
    "winners_curse": ("helpers.parts.curse", "what the best of many tries is worth"),
    "model_card": ("helpers.records.model_card", "what a network is worth, how it was chosen, where it fails"),
    "progress": ("helpers.memory.overview", "how far you have come: exercises, questions, predictions, what to repeat"),
    "LessonError": ("helpers.errors", "what all of these raise: what is wrong, where, and what to try"),
    "read_log": ("helpers.curves.log", "a log of your own training, from anywhere, as what curves and diagnose take"),
    "live_curves": ("helpers.parts.live_curves", "a callback: your own model.fit draws its curves while it trains"),
    "second_opinion": ("helpers.second_opinion", "what the log of your own training shows, and what to try first"),
}
__all__ = list(PUBLIC)
__doc__ += "\n" + "\n".join(f"    {name:<16}{what}" for name, (_, what) in PUBLIC.items()) + "\n"


def __getattr__(name):
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in PUBLIC:
        raise AttributeError(f"helpers has no {name!r}. It has: {', '.join(PUBLIC)}.")
    where, _ = PUBLIC[name]
    whole = importlib.import_module(f"helpers.{name}" if where == "helpers" else where)
    globals()[name] = whole if where == "helpers" else getattr(whole, name)
    return globals()[name]


def __dir__():
    return __all__


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# One thread trains these small networks about as fast as more of them, or faster (the digits in two thirds of the
# time), leaves the other cores alone, and gives the same digits on machines with different numbers of cores.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def _shell():
    """IPython's shell, where a notebook's kernel runs this, or None."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell if getattr(shell, "kernel", None) else None


def describe_pictures():
    """Give the pictures that a student draws with Matplotlib in a notebook their alt text."""
    if _shell():
        as_html = _shell().display_formatter.formatters["text/html"]
        # By its base class: what is said of Figure itself is forgotten when Matplotlib gets its place in the notebook.
        as_html.for_type_by_name(
            "matplotlib.figure",
            "FigureBase",
            lambda figure: importlib.import_module("helpers.curves.own_pictures").html_of(figure),
        )


def somebody_waits():
    """Whether a person sits at the front end of this kernel: not where a program runs a notebook, or outside of one.

    LAB_PLACE says it where a front end is misjudged (`helpers.live.cell`).
    """
    shell, said = _shell(), os.environ.get("LAB_PLACE")
    if shell and said:
        return said != "nobody"
    # A program that runs a notebook cannot be asked for input; Colab can, but says otherwise.
    return bool(shell) and (shell.kernel._allow_stdin or "google.colab" in sys.modules)


def tell_whoever_waits(words):
    """A line below the cell of a person at a front end, to be written over: a `DisplayHandle`, or None for nobody."""
    if somebody_waits():
        from IPython.display import display

        return display({"text/plain": words}, raw=True, display_id=True)


def _not_installed(error):
    """What to tell where the lessons are opened with a Python that has not got their packages."""
    from helpers.errors import LessonError

    return LessonError(
        f"The Python of this notebook ({sys.executable}) has not got what the lessons need: {error.name} is missing. "
        "Open the lesson with the JupyterLab that README's first command installs, or install it here: "
        "%pip install -r requirements.txt, in the folder that holds helpers; then restart the kernel."
    )


def import_tensorflow_quietly():
    """Some of TensorFlow's start-up messages heed no setting; they differ from machine to machine, and help nobody."""
    told = None if "tensorflow" in sys.modules else tell_whoever_waits("Loading TensorFlow: 5 to 20 seconds …")
    standard_error = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow

        # Its warnings about retracing are advice to authors of libraries; a lesson fits many networks on purpose.
        tensorflow.get_logger().setLevel("ERROR")
    except ModuleNotFoundError as error:
        raise _not_installed(error) from None
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
        os.close(nowhere)
    if told:
        told.update({"text/plain": f"TensorFlow {tensorflow.__version__} is loaded."}, raw=True)


describe_pictures()
# `python -m helpers.second_opinion` and `helpers.class_report` train nothing, and need not wait for TensorFlow. While
# Python looks for the module that -m names, argv[0] is "-m".
if not (sys.argv[:1] == ["-m"] and {"helpers.second_opinion", "helpers.class_report"} & set(sys.orig_argv)):
    import_tensorflow_quietly()
