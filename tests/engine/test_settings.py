"""The keywords of a builder: those it never looks at, and those that belong to `model.fit`."""

import functools

import pytest

from helpers.engine.settings import OF_FIT, check_keywords, unused
from helpers.errors import LessonError


def uses_one(width=8, dropout=0.2):
    return width


def uses_one_late(width=8, *, dropout=0.2):
    if width:
        for _ in range(3):
            print(dropout)


def writes_over_one(width=8, dropout=0.2):
    dropout = 0.5
    return width, dropout


def writes_over_one_sometimes(width=8, dropout=0.2):
    if width > 3:
        dropout = 0.5
    return dropout


def changes_one(width=8, dropout=None):
    width = 2 * width
    dropout = dropout or 0.1
    return width, dropout


def inside(width=8, dropout=0.2):
    def block():
        return width

    return block, [dropout for _ in range(2)], lambda: dropout


def all_at_once(width=8, dropout=0.2):
    return dict(**locals())


def in_words(width=8, dropout=0.2):
    return eval("width + dropout")


def any_keyword(width=8, **others):
    return width, others


class Callable:
    def __call__(self, width=8, dropout=0.2):
        return width


@functools.wraps(uses_one)
def wrapped(*places, **named):
    return uses_one(*places, **named)


@pytest.mark.parametrize(
    "build, names",
    [
        (uses_one, ["dropout"]),
        (writes_over_one, ["dropout"]),
        (wrapped, ["dropout"]),
        (lambda width, dropout: None, ["width", "dropout"]),
        (uses_one_late, []),
        (writes_over_one_sometimes, []),
        (changes_one, []),
        (inside, []),
        (all_at_once, []),
        (in_words, []),
        (any_keyword, []),
        (Callable(), []),
        (functools.partial(uses_one, dropout=0.1), []),
        (dict, []),
    ],
)
def test_keywords_that_a_builder_never_looks_at_are_found(build, names):
    assert unused(build, {"epochs": 3, "width": 8, "dropout": 0.2}) == names


@pytest.mark.parametrize("keyword", OF_FIT)
def test_a_keyword_of_fit_is_answered_with_what_to_do_instead(keyword):
    with pytest.raises(LessonError, match=f"^{keyword}=… is for model.fit, and has no place here. [A-Z]"):
        check_keywords(uses_one, {keyword: 1}, "{} out", "{}")


def test_a_builder_may_have_a_keyword_that_fit_has():
    check_keywords(lambda shuffle=True: None, {"shuffle": False}, "{} out", "{}")
    check_keywords(any_keyword, {"verbose": 1}, "{} out", "{}")
