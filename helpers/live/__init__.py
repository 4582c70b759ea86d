"""What every live part is made of: its place in a cell, its Stop button, the one training thread, its controls.

Imports `engine` and `errors`. What one part alone draws or decides belongs in `parts`.
"""
