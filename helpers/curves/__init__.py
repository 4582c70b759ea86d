"""What a history says, in words and in pictures.

Imports `errors`, `error_bars` and its own files. Trains nothing and has no widgets: what moves belongs in `parts`, what
trains in `engine`.
"""

from helpers.curves.history import CurveError, best_epoch, describe
from helpers.curves.still_picture import Picture, plot

__all__ = ["CurveError", "Picture", "best_epoch", "describe", "plot"]
