"""From a student's builder to a `History`: builds the network, compiles it once, trains a whole epoch in one step.

Imports `errors` and its own files. Knows nothing of widgets, pictures or files: a part that trains hands in functions
to be called after each epoch. What is said about a finished history belongs in `curves`.
"""

from helpers.engine.training import fit

__all__ = ["fit"]
