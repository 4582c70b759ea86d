"""The shared module of Learning Curves Lab: what the lessons import, and nothing they should hide."""

import os

# Must be set before TensorFlow is first imported: its start-up messages differ from
# machine to machine, and a lesson's output should not.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
