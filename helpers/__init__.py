"""The shared module of Learning Curves Lab: what the lessons import, and nothing they should hide."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# One thread trains these small networks about as fast as more of them, or faster (the digits in two thirds of the time),
# leaves the other cores alone, and gives the same digits on machines with different numbers of cores.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def _import_tensorflow_quietly():
    """Some of TensorFlow's start-up messages heed no setting; they differ from machine to machine, and help nobody."""
    standard_error = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow

        # Its warnings about retracing are advice to authors of libraries; a lesson fits many networks on purpose.
        tensorflow.get_logger().setLevel("ERROR")
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
        os.close(nowhere)


_import_tensorflow_quietly()
