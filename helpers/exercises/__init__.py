"""The checks of the exercises, one file a lesson, and how a check answers.

Imports every room but `parts` and `live`: an answer is judged by what it does, never by what is on the screen.
"""
