"""The checks of the exercises, one file a lesson, and how a check answers.

Imports `engine`, `curves`, `error_bars`, `data`, `lab_book` and `errors`: an answer is judged by what it does, never by
what is on the screen.
"""
