"""What is kept in files: weights, checkpoints, the record of a sealed test set, a model card.

Imports `curves`, `error_bars`, `lab_book` and `errors`. What is kept of a sweep stands beside it, in `sweeps`.
"""
