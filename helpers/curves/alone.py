"""A page that stands alone: one HTML file, readable offline, on a phone, in the dark and without scripts."""

from html import escape

from helpers.curves.theme import ALONE

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="{generator}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>{title}</title><style>{style}</style></head>
<body><main><h1>{title}</h1>
{body}
</main></body></html>
"""
STYLE = """
:root{color-scheme:light dark}
body{margin:0;background:var(--lab-paper);color:var(--lab-ink)}
body{font:17px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:56rem;margin:0 auto;padding:16px}
h1{font-size:1.4em;line-height:1.3}h2{font-size:1.2em;line-height:1.35;margin:1.6em 0 .4em}
"""


def page(title, body, generator, style=""):
    """The whole file, a string. body: HTML below the title; generator: who has made it; style: CSS of its own."""
    return PAGE.format(generator=generator, title=escape(title), style=ALONE + STYLE + style, body=body)
