import helpers  # noqa: F401  (before anything imports TensorFlow: it decides about threads and messages)
