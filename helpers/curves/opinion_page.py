"""An `Opinion` as one HTML file: readable offline, on a phone, in the dark and without scripts."""

from html import escape

from helpers.curves.live_chart import draw
from helpers.curves.sheets import sheets_of
from helpers.curves.theme import ALONE

GENERATOR = "Learning Curves Lab, second_opinion"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="{generator}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>{title}</title><style>{style}</style></head>
<body><main><h1>{title}</h1>
{chart}<p>{alt}</p>
{findings}
<footer>{notes}</footer></main></body></html>
"""
STYLE = """
:root{color-scheme:light dark}
body{margin:0;background:var(--lab-paper);color:var(--lab-ink)}
body{font:17px/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:880px;margin:0 auto;padding:16px}
h1{font-size:1.35em;line-height:1.3}
h2{font-size:1.15em;line-height:1.35;margin:1.6em 0 .4em;padding-top:.8em;border-top:1px solid GrayText}
dl{margin:0}dt{margin-top:.7em}dd{margin:0 0 0 1.2em}
footer{margin-top:2em;font-size:.88em;border-top:1px solid GrayText}
"""


def page(opinion):
    """The whole file, a string."""
    sheets, epochs = sheets_of(opinion.log), len(opinion.log["loss"])
    names = [line.look for line in sheets[0].lines]
    return PAGE.format(
        generator=GENERATOR,
        title=escape(opinion.title),
        style=ALONE + STYLE,
        chart=draw(sheets, epochs, opinion.alt, names, uid="opinion"),
        alt=escape(opinion.alt),
        findings=opinion.html(level=2),
        notes="".join(f"<p>{escape(words)}</p>" for words in opinion.notes()),
    )
