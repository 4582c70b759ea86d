"""The quizzes measure what they should: who has not read the lesson gets no more right than by chance.

Guessers are let loose on the questions: one takes the same letter every time, one the longest answer, one the answer
without strong words, one the answer that commits itself least. Each may get as many right as pure chance gives on
average, and one standard deviation of the binomial more: over a whole series of 40 questions with three answers that is
16 instead of 13.
"""

import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from tests import notebooks

LESSONS = [pytest.param(path, id=path.stem) for path in notebooks.lessons()]
OPTION = re.compile(r"<details><summary>([A-D])\. (.+?)</summary>\s*(.*?)\s*</details>", re.DOTALL)
STRONG = re.compile(
    r"\b(?:always|never|only|certainly|all|every|nothing|none|no|cannot|must|whatever)\b", re.IGNORECASE
)
SOFT = re.compile(r"\b(?:about|most(?:ly)?|often|usually|likely|perhaps|may|might|some|roughly)\b", re.IGNORECASE)
# What withholds a judgement, or makes it small: doubt, too little evidence, "it depends", and words of degree.
HEDGING = re.compile(
    r"""\b(?:may|might|could|can|perhaps|possibly|probably|likely|seems?|suggests?|as\ a\ rule|so\ far
    |not\ (?:yet|enough|known|clear|certain|sure|tell)|cannot\ (?:tell|say|know|be\ (?:told|said|known))|no\ one\ can
    |nothing\ yet|none\ of\ them\ yet|unknown|unclear|uncertain|undecided|doubt\w*|open|depends?|unless|either|neither
    |hard\ to\ (?:tell|say)|too\ (?:few|little|small|early|soon)|hardly|barely|scarcely|(?:very\ )?little|few|some
    |a\ (?:bit|draw)|about|roughly|nearly|almost|mostly|often|usually|sometimes|more\ or\ less|careful\w*|only|no\ more
    |less\ than|at\ (?:most|best|least))\b""",
    re.IGNORECASE | re.VERBOSE,
)
CURVE = re.compile(r"curves?\.plot\(|\bplot\(")


def quiz(path):
    """The questions of a lesson: the words, what stands between it and the question before, and the answers."""
    questions, between = [], []
    for cell in notebooks.read(path).cells:
        parts = re.split(r"^(?=\*\*Question \d+\.\*\*)", cell.source, flags=re.MULTILINE)
        for part in parts:
            if cell.cell_type == "markdown" and part.startswith("**Question"):
                questions.append(
                    SimpleNamespace(
                        words=part.partition("<details")[0],
                        before="\n".join(between),
                        options=[re.sub("</?code>", "", text) for _, text, _ in OPTION.findall(part)],
                        right=[feedback.startswith("Right.") for _, _, feedback in OPTION.findall(part)].index(True),
                        letters="".join(letter for letter, _, _ in OPTION.findall(part)),
                    )
                )
                between = []
            elif "## Quiz" in part:
                between = []
            else:
                between.append(part)
    return questions


QUIZZES = {path.stem: quiz(path) for path in notebooks.lessons()}


def choose(measure):
    """A guesser that takes the answer for which `measure(text)` is largest; of several such, one by lot."""

    def chance(question):
        values = np.array([measure(text) for text in question.options])
        return (values == values.max())[question.right] / (values == values.max()).sum()

    return chance


def length(text):
    return len(re.sub("<[^>]+>", "", text))


def share(words):
    return lambda text: bool(words.search(text))


def hedges(text):
    """How many hedging words an answer has."""
    return len(HEDGING.findall(text))


GUESSERS = {
    **{f"letter {letter}": lambda question, i=i: question.right == i for i, letter in enumerate("ABCD")},
    "the longest": choose(length),
    "the shortest": choose(lambda text: -length(text)),
    "one with a strong word": choose(share(STRONG)),
    "one without a strong word": choose(lambda text: not STRONG.search(text)),
    "one with a soft word": choose(share(SOFT)),
    "one without a soft word": choose(lambda text: not SOFT.search(text)),
    "the one that hedges most": choose(hedges),
    "the one that hedges least": choose(lambda text: -hedges(text)),
}


def most_by_chance(questions):
    """How many right answers a guesser may have: the mean of the binomial, and one standard deviation."""
    chances = np.array([1 / len(question.options) for question in questions])
    return chances.sum() + np.sqrt((chances * (1 - chances)).sum())


@pytest.mark.parametrize("name", QUIZZES)
def test_a_lesson_asks_enough_and_before_the_key_points(name):
    assert 5 <= len(QUIZZES[name]) <= 6
    assert all(question.letters in ("ABC", "ABCD") for question in QUIZZES[name])
    text = "\n".join(cell.source for cell in notebooks.read(notebooks.ROOT / "notebooks" / f"{name}.ipynb").cells)
    assert text.rindex("**Question ") < text.index("**Key points**")


@pytest.mark.parametrize("name", QUIZZES)
def test_two_questions_or_more_are_about_a_curve(name):
    """One that is drawn above the question, or told in it by at least three figures of a loss or an accuracy."""
    told = [
        CURVE.search(question.before)
        or (re.search("loss|accurac", question.words) and len(re.findall(r"\b\d\.\d+", question.words)) >= 3)
        for question in QUIZZES[name]
    ]
    assert sum(map(bool, told)) >= 2


@pytest.mark.parametrize("guesser", GUESSERS)
@pytest.mark.parametrize("name", QUIZZES)
def test_in_no_lesson_does_a_guesser_do_better_than_chance(name, guesser):
    right = sum(map(GUESSERS[guesser], QUIZZES[name]))
    assert right <= most_by_chance(QUIZZES[name]), f"{right:.1f} of {len(QUIZZES[name])}"


@pytest.mark.parametrize("guesser", GUESSERS)
def test_over_the_series_no_guesser_does_better_than_chance(guesser):
    questions = [question for quiz in QUIZZES.values() for question in quiz]
    right = sum(map(GUESSERS[guesser], questions))
    assert right <= most_by_chance(questions), f"{right:.1f} of {len(questions)}"


def test_over_the_series_the_number_of_a_question_does_not_tell_its_letter():
    """Who knows the most frequent letter for each number has too much luck in it to be judged by the binomial: he is
    compared with the same guesser on answers in random places."""
    numbers = [[quiz[i].right for quiz in QUIZZES.values() if len(quiz) > i] for i in range(6)]

    def most_frequent(places):
        return sum(max(Counter(letters).values()) for letters in places if len(letters))

    random = np.random.default_rng(0)
    answers = [[len(quiz[i].options) for quiz in QUIZZES.values() if len(quiz) > i] for i in range(6)]
    by_chance = [most_frequent([random.integers(0, counts) for counts in answers]) for _ in range(2000)]
    assert most_frequent(numbers) <= np.mean(by_chance) + np.std(by_chance)


def test_a_quiz_that_gives_itself_away_is_found():
    easy = [SimpleNamespace(options=["It is.", "About halved, most often.", "It never is."], right=1)] * 6
    assert sum(map(GUESSERS["letter B"], easy)) == sum(map(GUESSERS["the longest"], easy)) == 6 > most_by_chance(easy)
    assert sum(map(GUESSERS["one with a soft word"], easy)) == 6
    assert sum(map(GUESSERS["one without a strong word"], easy)) == pytest.approx(3)
    assert sum(map(GUESSERS["the shortest"], easy)) == 0
    modest = [SimpleNamespace(options=["It is better.", "It is worse.", "Nothing yet: it depends."], right=2)] * 6
    assert sum(map(GUESSERS["the one that hedges most"], modest)) == 6 > most_by_chance(modest)
    assert sum(map(GUESSERS["the one that hedges least"], modest)) == 0
    assert most_by_chance(easy) == pytest.approx(2 + np.sqrt(4 / 3))
