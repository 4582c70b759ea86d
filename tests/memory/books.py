"""Lab books for the tests: of students who have done something of everything, drawn by lot."""

import base64
import json
import random
from xml.etree import ElementTree

ASKED = {  # prediction: (lesson, scale, what can be said, what happened)
    "accuracy after 5 epochs": (1, "number", [0.1, 0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99, 1.0], 0.84),
    "which loss rises": (2, "choice", ["training", "validation", "both", "none"], "validation"),
    "fastest to slowest": (
        5,
        "order",
        [["none", "norm", "dropout"], ["norm", "none", "dropout"]],
        "norm, none, dropout",
    ),
    "the validation loss": (2, "curve", [[0.9, 0.5, 0.4], [0.9, 0.6, 0.7]], [0.9, 0.5, 0.6]),
}
EXERCISES = ("updates", "deeper", "best_epoch", "next_step")
PATTERNS = ("overfitting", "noisy", "leak")
HOSTILE = ["</pre><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"onload='alert(1)'", "\x1b]0;mine\x07"]


def entry(kind, lesson=None, name=None, day=1, hour=12, **facts):
    head = {"time": f"2026-11-{day:02}T{hour:02}:00:00Z", "format": 1, "kind": kind, "lesson": lesson, "name": name}
    return {**head, **facts}


def book(seed):
    """The entries of one student, oldest first."""
    lot = random.Random(seed)
    found = [entry("visit", 1)]
    for name, (lesson, scale, can_be_said, happened) in ASKED.items():
        said, sure = lot.choice(can_be_said), lot.randrange(3)
        locked = {"said": said, "sure": sure, "scale": scale}
        found.append(entry("prediction", lesson, name, **locked, happened=None, right=None))
        right = None if scale == "curve" else str(said) == str(happened)
        found.append(entry("prediction", lesson, name, **locked, happened=happened, right=right))
    for number, name in enumerate(EXERCISES, 1):
        for _ in range(lot.randrange(3)):
            wrong = lot.choice(["36", "29"])
            facts = {"number": number, "of": 4, "right": False, "wrong": wrong, "said": f"That is {wrong}: not <yet>."}
            found.append(entry("check", 1, name, 2, **facts))
        if lot.random() < 0.8:
            found.append(entry("check", 1, name, 2, number=number, of=4, right=True, wrong=None, said="Well done."))
    for number in range(1, 7):
        chosen = lot.choice("ABC")
        found.append(entry("quiz", 2, f"2.{number}", 3, chosen=chosen, right=chosen == "B"))
    for _ in range(6):
        case, said = lot.choice(PATTERNS), lot.choice(PATTERNS)
        found.append(entry("diagnosis", 3, None, 4, case=case, said=said, right=case == said))
    return found


def pictures_are_ours(page):
    """Whether each picture of a page, as `tests.test_second_opinion.Page` reads it, is a drawing of ours that stands in
    the page and loads and runs nothing."""
    begin = "data:image/svg+xml;base64,"
    places = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    drawings = [base64.b64decode(place.removeprefix(begin)).decode() for place in places if place.startswith(begin)]
    tags = {
        element.tag.rpartition("}")[2] for drawing in drawings for element in ElementTree.fromstring(drawing).iter()
    }
    return len(drawings) == page.tags.count("img") and not tags & {"script", "image", "a", "foreignObject"}


def hostile(words):
    """Entries in whose every fact stand `words`, or no sensible value at all; and a curve under such a name."""
    drawn = {"said": {"epochs": [1, 2], "values": [1.0, 0.5]}, "happened": [1.0, 0.4], "scale": "curve", "sure": 1}
    yield entry("prediction", 1, words, **drawn, right=True)
    deep = {"a": [words, {"b": words}]}
    for odd in (words, deep, [words], [[]], {}, True, -1, 10**400, 1e308, None):
        facts = dict.fromkeys(
            ("said", "happened", "sure", "right", "scale", "chosen", "number", "of", "wrong", "case", "seconds"), odd
        )
        for kind in ("prediction", "quiz", "check", "diagnosis", "pin", "student", "visit", "ran", words):
            for lesson in (None, 1, 0, -5, 10**9):
                yield entry(kind, lesson, words, **facts)
                yield entry(kind, lesson, f"2.{words}", **facts)


def write(path, entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in entries), encoding="utf-8")
    return path
