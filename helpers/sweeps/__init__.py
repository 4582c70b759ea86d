"""Many trainings: every combination of some settings, on all cores or a cluster.

Imports `engine`, `records` and `errors`. The table that a student looks through is a live part, in `parts`.
"""
