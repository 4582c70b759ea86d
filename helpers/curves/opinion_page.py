"""An `Opinion` as one HTML file."""

from html import escape

from helpers.curves import alone
from helpers.curves.live_chart import draw
from helpers.curves.sheets import sheets_of

GENERATOR = "Learning Curves Lab, second_opinion"
STYLE = """
h2{padding-top:.8em;border-top:1px solid GrayText}
dl{margin:0}dt{margin-top:.7em}dd{margin:0 0 0 1.2em}
footer{margin-top:2em;font-size:.88em;border-top:1px solid GrayText}
"""


def page(opinion):
    """The whole file, a string."""
    sheets, epochs = sheets_of(opinion.log), len(opinion.log["loss"])
    names = [line.look for line in sheets[0].lines]
    chart = draw(sheets, epochs, opinion.alt, names, uid="opinion")
    notes = "".join(f"<p>{escape(words)}</p>" for words in opinion.notes())
    body = f"{chart}<p>{escape(opinion.alt)}</p>\n{opinion.html(level=2)}\n<footer>{notes}</footer>"
    return alone.page(opinion.title, body, GENERATOR, STYLE)
