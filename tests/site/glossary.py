"""The glossary as a page of its own: an anchor for each word, and a link to it from where lessons first set it bold."""

import re

ROW = re.compile(r"^\| \*\*(.+?)\*\* \| (.+?) \| (\[lesson \d\]\(.+?\)) \|$", re.MULTILINE)
BOLD = re.compile(r"\*\*([A-Za-z0-9`][^*\n]*?)\*\*(?!\w)")


def rows(source):
    """The glossary of the study aids: triples (word, meaning, link to its lesson)."""
    return ROW.findall(source)


def page(source):
    """The glossary as a page in Markdown."""
    entries = "\n\n".join(f"{word}\n  {meaning} ({link})" for word, meaning, link in rows(source))
    return (
        f"# Glossary\n\nThe link leads to the lesson where a word is met first, or explained best.\n\n"
        f"```{{glossary}}\n{entries}\n```\n"
    )


def terms(source):
    """{a word in small letters: as the glossary has it}; "L1 and L2" is found under each of its names."""
    return {form.lower(): word for word, _, _ in rows(source) for form in word.split(" and ")}


def linked(source, terms):
    """(a text of a lesson with links from words in bold, the terms that are not linked yet)."""
    left = dict(terms)

    def link(found):
        words = found[1].strip("`")
        key = next((form for form in (words.lower(), words.lower().removesuffix("s")) if form in left), None)
        if key is None or found.string[: found.start()].rpartition("\n")[2].startswith("|"):  # a table stays as it is
            return found[0]
        return f"**{{term}}`{words} <{left.pop(key)}>`**"

    return BOLD.sub(link, source), left
