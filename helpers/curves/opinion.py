"""What `second_opinion` returns: the curves, what was found in them and what to do about it, for a notebook or a page.

Nothing of a stranger's log is believed: whatever goes into HTML is escaped, and no other character than a printable one
goes anywhere.
"""

import base64
from html import escape

from helpers.curves.diagnosis import OTHERS, PATTERNS
from helpers.curves.history import describe
from helpers.curves.log import Log
from helpers.curves.sheets import WIDTH
from helpers.curves.still_picture import plot

SEEN = {**PATTERNS, **OTHERS}
HEADINGS = {
    "evidence": "What speaks for it",
    "try_first": "Try first",
    "also": "It could also be",
    "would_settle": "What would settle it",
}
CAUTION = "Rules have judged these figures, not a person, and nobody has seen the data: take it as a second opinion."


class Opinion:
    """`log`: the figures that were judged, a `Log`; `diagnosis`: a `Diagnosis` with its findings; `name`: of the log.

    As the last line of a cell, it is shown; `str` gives the same in words.
    """

    def __init__(self, log, diagnosis, name=""):
        named = {printable(metric): values for metric, values in log.items()}
        self.log = Log(named, getattr(log, "note", ""))
        self.diagnosis, self.name = diagnosis, printable(name)

    @property
    def status(self):
        """The main finding in a sentence."""
        found = self.diagnosis
        seen, sure = SEEN.get(found.pattern, ""), "" if found.pattern == "not clear" else f" ({found.sure})"
        return f"{found.pattern.capitalize()}{sure}. {seen}".strip()

    @property
    def alt(self):
        """What the curves show, for who does not see them."""
        return printable(describe(self.log))

    @property
    def title(self):
        epochs = len(self.log["loss"])
        return f"Second opinion{f' on {self.name}' if self.name else ''}: {epochs} epoch{'s' * (epochs != 1)}"

    def parts(self):
        """What was found, the main thing first: a list of (heading, [(what it is, [sentences])])."""
        found = []
        for number, finding in enumerate(self.diagnosis.findings):
            heading = self.status if number == 0 else f"Also: {finding.pattern} ({finding.sure})."
            said = {name: getattr(finding, name) for name in HEADINGS}
            said = {name: [words] if isinstance(words, str) else list(words) for name, words in said.items() if words}
            found.append((heading, [(HEADINGS[name], list(map(printable, words))) for name, words in said.items()]))
        return found

    def notes(self):
        """What was decided while the log was read, and how far to trust all this: a list of sentences."""
        return [printable(words) for words in (self.log.note, CAUTION) if words]

    def __str__(self):
        lines = [self.title]
        for heading, said in self.parts():
            lines += ["", heading]
            lines += [f"  {what}: {' '.join(words)}" for what, words in said]
        return "\n".join([*lines, "", f"The curves: {self.alt}", *self.notes()])

    __repr__ = __str__

    def html(self, level=4):
        """What was found, without the curves. level: of the headings."""
        parts = []
        for number, (heading, said) in enumerate(self.parts()):
            words = f'<span role="status">{escape(heading)}</span>' if number == 0 else escape(heading)
            parts.append(f"<h{level}>{words}</h{level}><dl>")
            for what, words in said:
                items = "".join(f"<dd>{escape(sentence)}</dd>" for sentence in words)
                parts.append(f"<dt><b>{escape(what)}</b></dt>{items}")
            parts.append("</dl>")
        return "".join(parts)

    def _repr_mimebundle_(self, include=None, exclude=None):
        png = base64.b64encode(plot(self.log).png).decode()
        img = f'<img width="{WIDTH}" alt="{escape(self.alt)}" src="data:image/png;base64,{png}">'
        notes = "".join(f"<p><small>{escape(words)}</small></p>" for words in self.notes())
        page = f"<div><p><b>{escape(self.title)}</b></p>{img}<p>{escape(self.alt)}</p>{self.html()}{notes}</div>"
        data = {"text/html": page, "image/png": png, "text/plain": str(self)}
        return data, {"image/png": {"alt": self.alt, "width": WIDTH}}


def printable(words):
    """`words` without what a terminal, or a page, would obey instead of showing it."""
    return "".join(letter if letter.isprintable() else " " for letter in str(words))
