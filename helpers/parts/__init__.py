"""What a student moves: each file is one live part, or what one part alone needs.

Imports every room but `exercises`. What two parts have in common belongs in `live`, what can be drawn without a widget
in `curves`.
"""
