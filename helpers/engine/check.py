"""What can be told of a network and its data before training: what cannot be, and what is legal but strange."""

from helpers.engine import wrong_labels, wrong_network
from helpers.engine.known import Known, loss_of, shape_by_call, shape_of
from helpers.engine.remarks import REMARKS, trained_before
from helpers.errors import LessonError, at, line_of_call


def check(model, x, y, validation=None, build=None, callbacks=(), fresh=True):
    """Raise a `LessonError` when `model` cannot learn y from x; returns what is strange, a list of sentences.

    x, y, validation: as in `fit`, or x a `tf.data.Dataset` and y None. build: the function that made `model`, whose
    line is then named; None: `model` was made elsewhere, and may have been trained before. callbacks: of the training;
    with any of them it is not said that the network cannot learn as it is, because they may change it. fresh: whether
    `build` alone can have trained it.
    """
    about = model, loss_of(model), shape_of(getattr(model, "output_shape", None)) or shape_by_call(model, x)
    pair = validation[:2] if isinstance(validation, tuple) and len(validation) >= 2 else (validation, None)
    training = Known(*about, x, y, "labels", "examples", bool(callbacks))
    for known in (training, Known(*about, *pair, "validation labels", "validation examples", bool(callbacks))):
        for losses, find, calls in (*wrong_network.WRONG, *wrong_labels.WRONG):
            wrong = find(known) if losses is None or known.loss in losses else ""
            if wrong:
                raise LessonError(wrong + at(build and line_of_call(build, *calls)))
    found = [find(training) for losses, find in REMARKS if losses is None or training.loss in losses]
    return [words for words in [trained_before(model, build) if build and fresh else "", *found] if words]
