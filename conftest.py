"""How pytest runs the project: in which order, what counts as slow, and that nothing is skipped unnoticed."""

import os
import random
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
LAST = ("notebooks", "browser", "claims")  # in this order, after the unit tests

os.environ["LAB_BOOK"] = "off"  # for the kernels that tests start, too; a test of the lab book names a file of its own

# What a run of all tests takes a sample of: option, its size there, the size in full, what it counts.
SAMPLES = (
    ("--kills", 10, 50, "how often a process that saves is killed at a random moment"),
    ("--runs", 4, 200, "how many of the recorded runs that diagnose is judged on are trained again"),
    ("--builders", 40, 3000, "on how many builders drawn at random the engine is compared with fit"),
    ("--seeds", 8, 8, "over how many seeds each claim of a lesson is tested"),
    ("--claims", 8, 10_000, "how many claims of the lessons are tested, drawn by lot where there are more"),
    ("--pages", 4, 10_000, "how many lessons are driven in the browser, drawn by lot"),
    ("--moves", 40, 1000, "how many things are done in the long, rough use of the live parts"),
    ("--colab", 1, 10_000, "how many files of tests run on Colab's versions as well, drawn by lot"),
    ("--lessons", 1, 10_000, "how many lessons are run and moved as on Colab, drawn by lot"),
    ("--patience", 60, 10_000, "for how many seconds each of these goes on to another cell"),
)


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="long suites in full, not a sample of them")
    for option, sample, full, what in SAMPLES:
        parser.addoption(option, type=int, help=f"{what} ({sample}; with --full {full})")
    parser.addoption("--first-seed", type=int, default=0, help="the first of the seeds that claims are tested with")
    parser.addoption("--draw", type=int, default=0, help="deals the data of the claims anew (0: the lessons' own)")
    today = date.today().toordinal()  # other ones every day; the number says which
    parser.addoption("--lot", type=int, default=today, help="draws what is taken by lot (another one each day)")


def pytest_configure(config):
    for option, sample, full, _ in SAMPLES:
        name = option.removeprefix("--")
        if getattr(config.option, name) is None:
            setattr(config.option, name, full if config.option.full else sample)
    # tests/claims reads these when it is imported.
    os.environ["LESSON_SEEDS"], os.environ["LESSON_FIRST_SEED"] = map(
        str, (config.option.seeds, config.option.first_seed)
    )
    if config.option.draw:
        from tests.claims.deal import deal

        deal(config.option.draw)
    # Pictures inside HTML may differ from machine to machine, as nbval already allows for other pictures.
    if not config.option.nbval_sanitize_with:
        config.option.nbval_sanitize_with = str(ROOT / "tests" / "nbval.cfg")


def pytest_report_header(config):
    option = config.option
    drawn = f"claims of the lessons: {option.claims}, lessons in the browser: {option.pages}"
    on_colab = f"on Colab's versions: files {option.colab}, lessons {option.lessons}"
    return f"{drawn}, {on_colab}, drawn with --lot {option.lot}"


@pytest.fixture
def book(tmp_path, monkeypatch):
    """The path of a lab book of the test's own, which is not there yet."""
    path = tmp_path / "book" / "lab_book.jsonl"
    monkeypatch.setenv("LAB_BOOK", str(path))
    return path


def room(item):
    """Which of LAST a test belongs to, or None for a unit test."""
    if item.path.suffix == ".ipynb":
        return "notebooks"
    where = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else item.path.name
    return next((name for name in ("browser", "claims") if name in where), None)


def _by_lot(those, most, config):
    return those if len(those) <= most else random.Random(config.option.lot).sample(those, most)


@pytest.hookimpl(tryfirst=True)  # before pytest looks at -m
def pytest_collection_modifyitems(config, items):
    claims = [item for item in items if room(item) == "claims"]
    pages = list(dict.fromkeys(item.path for item in items if room(item) == "browser" and "lesson" in item.path.name))
    drawn = [*_by_lot(claims, config.option.claims, config), *_by_lot(pages, config.option.pages, config)]
    left_out = [item for item in items if (item in claims or item.path in pages) and not {item, item.path} & {*drawn}]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        if room(item) or "colab" in item.path.name:
            item.add_marker("slow")

    def place(item):
        return 2 + LAST.index(room(item)) if room(item) else int(item.get_closest_marker("slow") is not None)

    items.sort(key=place)


def _skipped_is_failed(report):
    """With CI set, as on a build server, a test that did not run has not passed."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason}\nNothing may be skipped where CI is set."
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _skipped_is_failed((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _skipped_is_failed((yield))
