"""Tables and pages: the same rows for a notebook, a file to hand in and a terminal."""

from html import escape

from helpers.curves import alone
from helpers.curves.opinion import printable
from helpers.curves.theme import colour

MOST = 200  # rows of a table
SHORT = 12  # letters; so few stay on one line
GENERATOR = "Learning Curves Lab, lab book"
STYLE = """
h2,h3{margin-top:1.7em}h3{font-size:1.05em}
thead th{background:var(--lab-head)}
summary{cursor:pointer;padding:4px 0}pre{white-space:pre-wrap;font-size:.75em}
@media print{h2,h3,caption{break-after:avoid}tr{break-inside:avoid}}
"""
_CELL = f"border:1px solid {colour('grid')};padding:4px 10px;text-align:left;vertical-align:top"


class Table:
    """Rows under heads. caption: what it shows; heads: a word for each column; rows: lists of the same length, whose
    first cell names the row."""

    def __init__(self, caption, heads, rows):
        self.caption, self.heads = caption, [str(head) for head in heads]
        self.rows = [[printable(cell) for cell in row] for row in rows]
        self.more = max(0, len(self.rows) - MOST)
        self.rows = self.rows[:MOST]

    def html(self):
        """As HTML, with cells that screen readers know as heads; empty without rows."""
        if not self.rows:
            return ""
        heads = "".join(_cell("th", head, "col") for head in self.heads)
        rows = "".join(
            f"<tr>{_cell('th', first, 'row')}{''.join(_cell('td', cell) for cell in rest)}</tr>"
            for first, *rest in self.rows
        )
        more = f"<p>And {self.more} more.</p>" if self.more else ""
        return (
            '<div style="overflow-x:auto"><table style="border-collapse:collapse;margin:8px 0">'
            f'<caption style="text-align:left;font-weight:bold;padding:4px 0">{escape(self.caption)}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{more}"
        )

    def text(self):
        """As plain text, a column below the other."""
        if not self.rows:
            return ""
        wide = [max(map(len, column)) for column in zip(self.heads, *self.rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip()
            for row in [self.heads, *self.rows]
        ]
        return "\n".join(
            [self.caption, *(f"  {line}" for line in lines), *([f"  … {self.more} more"] * bool(self.more))]
        )

    def markdown(self):
        """As Markdown."""
        if not self.rows:
            return ""
        rows = [self.heads, ["-"] * len(self.heads), *self.rows]
        lines = [f"| {' | '.join(map(in_markdown, row))} |" for row in rows]
        more = [f"\nAnd {self.more} more."] * bool(self.more)
        return "\n".join([f"**{in_markdown(self.caption)}**\n", *lines, *more])


def page(title, body):
    """A whole file, readable offline, in the dark and on paper. title: text; body: HTML."""
    return alone.page(title, body, GENERATOR, STYLE)


def bars(counts):
    """{what was said: how often} as HTML: a bar for each, whose length the number beside it says, too."""
    most = max(counts.values(), default=1)
    rows = "".join(
        f"<tr>{_cell('th', said, 'row', 'max-width:22rem;')}"
        f'<td style="{_CELL};text-align:right">{count}</td>'
        f'<td style="{_CELL};width:20rem" aria-hidden="true"><div style="height:1.1em;width:{100 * count / most:.0f}%;'
        f'background:{colour("right")};print-color-adjust:exact"></div></td></tr>'
        for said, count in counts.items()
    )
    above_bars = f'<td style="{_CELL};background:var(--lab-head)" aria-hidden="true"></td>'
    heads = _cell("th", "You said", "col") + _cell("th", "Hands", "col") + above_bars
    return (
        '<table style="border-collapse:collapse;margin:8px 0;width:100%">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _cell(tag, words, scope="", style=""):
    scope = f' scope="{scope}"' if scope else ""
    style += "white-space:nowrap;" if len(words) <= SHORT else ""
    return f'<{tag}{scope} style="{style}{_CELL}">{escape(words)}</{tag}>'


def in_markdown(words):
    """`words` as text in a cell of a table, whatever they hold."""
    for letter in "\\`*_[]<>|#~":
        words = words.replace(letter, f"\\{letter}")
    return words
