"""What to repeat: questions of earlier lessons that were missed, then those that have not been seen for longest.

Answering from memory keeps what was learned better than reading it again, and the more so with days in between
(Roediger and Karpicke, Psychological Science 17, 2006; Cepeda and others, Psychological Bulletin 132, 2006). The order
is that of Leitner's boxes of cards (1972): a right answer moves a card on by one box, a wrong one back to the first.
"""

import random
from collections import Counter


def to_repeat(entries, lesson, n, known=None, seed=0):
    """At most `n` questions of the lessons before `lesson`, as a list of names ("2.3": lesson 2, question 3).

    entries: as `lab_book.entries()` gives them. known: the names of all questions there are; without it, those that
    have been answered. First come those with the fewest right answers since they were last missed, where the answers of
    one day count once; of these the missed ones before those never asked, and then what has not been seen for longest.
    What is still equal is ordered by lot; the same entries and the same seed give the same questions.
    """
    boxes, seen = boxes_of(entry for entry in entries if entry["kind"] == "quiz" and lesson_of(entry["name"]))
    names = [name for name in (boxes if known is None else known) if 0 < lesson_of(name) < lesson]
    return _in_order(names, boxes, seen, seed)[:n]


def next_cards(entries, names, n, seed=0):
    """At most `n` of the flashcards with these `names`, in the order of `to_repeat`."""
    boxes, seen = boxes_of(entry for entry in entries if entry["kind"] == "card")
    return _in_order(names, boxes, seen, seed)[:n]


def _in_order(names, boxes, seen, seed):
    def place(name):
        return boxes.get(name, 0), name not in seen, seen.get(name, ""), random.Random(f"{seed} {name!a}").random()

    return sorted(dict.fromkeys(names), key=place)


def boxes_of(answers):
    """({name: its box, from 0 for a miss}, {name: the time of its last answer}) from entries with "right"."""
    boxes, seen = {}, {}
    for entry in answers:
        name, time = entry["name"], entry["time"]
        if entry.get("right") is not True:
            boxes[name] = 0
        elif seen.get(name, "")[:10] != time[:10] or not boxes[name]:  # on another day, or mended
            boxes[name] = boxes.get(name, 0) + 1
        seen[name] = time
    return boxes, seen


def confusions(entries):
    """{pattern: how often it was taken for another, or another for it} from the entries of the clinic, a Counter."""
    wrong = [entry for entry in entries if entry["kind"] == "diagnosis" and entry.get("right") is False]
    return Counter(str(entry.get(part)) for entry in wrong for part in ("case", "said"))


def lots(patterns, confused):
    """How many lots each of `patterns` gets in a draw: one, and one more for each confusion, up to four.

    confused: as `confusions` gives it.
    """
    return [1 + min(confused.get(pattern, 0), 4) for pattern in patterns]


def lesson_of(name):
    """The lesson of a question by its name, 2 for "2.3"; 0 where it is none."""
    lesson = str(name).partition(".")[0]
    return int(lesson) if lesson.isdecimal() and len(lesson) < 3 else 0
