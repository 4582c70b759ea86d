"""What the lab book says: where a student stopped, what to repeat, how far they have come, and a class together.

Imports `curves`, `lab_book` and `errors`. Nobody here writes about what a student did: that is noted where it is done.
"""
