"""A process is killed at a random moment while it writes a file of a sweep, a model card, the record of openings: what
it said to be finished is there, and whole. (Checkpoints: tests/records/test_saved.py; the lab book: test_lab_book.py.)
"""

import multiprocessing
import random
import time

import pytest

from helpers.records import model_card, sealed
from helpers.sweeps import files
from tests.notebooks import ROOT

LONG = 10_000  # characters or values: long enough for a kill to come in the midst of writing


def of_a_sweep(folder, number):
    history = {"loss": [float(number)] * LONG, "val_loss": [float(number)] * LONG}
    record = {"history": history, "path": [], "note": "", "stopped": False, "error": "", "remarks": []}
    files.write_run(folder / "run.json", record)


def in_a_sweep(folder):
    run = files.read_run(folder / "run.json", LONG)
    return int(run["history"]["loss"][-1])


def of_a_card(folder, number):
    model_card._write({folder / "card.md": f"{number} ".encode() * LONG, folder / "card.png": b"%d " % number * LONG})


def in_a_card(folder):
    """Two files, each of them whole; the text is the first to be put into its place."""
    text, picture = ((folder / name).read_text("ascii").split() for name in ("card.md", "card.png"))
    assert len(text) == len(picture) == LONG and len({*text}) == len({*picture}) == 1
    assert int(text[0]) - int(picture[0]) in (0, 1)
    return int(picture[0])


def of_openings(folder, number):
    sealed._append(folder / "openings.md", f"| {number} | {'x' * LONG} |\n")


def in_openings(folder):
    """Every line but the last is whole, whether or not the kill has cut that one."""
    record = (folder / "openings.md").read_text("utf-8")
    assert record.startswith(sealed.HEADING)
    lines = record.removeprefix(sealed.HEADING).split("\n")
    whole = [line for line in lines if line.endswith(f"{'x' * LONG} |")]
    numbers = [int(line.split("|")[1]) for line in whole]
    assert numbers == list(range(1, len(numbers) + 1))
    return numbers[-1]


KINDS = {"sweep": (of_a_sweep, in_a_sweep), "card": (of_a_card, in_a_card), "openings": (of_openings, in_openings)}


def over_and_over(write, folder, finished):
    number = 0
    while True:
        number += 1
        write(folder, number)
        finished.value = number


def straight(folder, number):
    """The control: written as anybody would."""
    (folder / "run.txt").write_text(f"{number % 10}" * 300 * LONG)


@pytest.fixture(scope="module")
def processes():
    """Children of a process that has imported what they need, so that each is there at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # for that process
        yield context


def killed(processes, write, folder, moment):
    """Write in a process of its own until it is killed; returns the last number that it had finished."""
    finished = processes.Value("i", 0)
    process = processes.Process(target=over_and_over, args=(write, folder, finished), daemon=True)
    process.start()
    deadline = time.monotonic() + 120
    while not finished.value:
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(moment)
    process.kill()
    process.join(30)
    return finished.value


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_a_random_moment_what_was_finished_is_there_and_whole(processes, tmp_path, kind, pytestconfig):
    write, read = KINDS[kind]
    moments = random.Random(20261130)
    for number in range(pytestconfig.getoption("--kills", 10)):
        folder = tmp_path / str(number)
        folder.mkdir()
        said = killed(processes, write, folder, moments.uniform(0, 0.2))
        assert read(folder) in (said, said + 1), number


@pytest.mark.slow
def test_written_straight_over_the_old_file_a_kill_leaves_half_of_it(processes, tmp_path):
    moments = random.Random(20261130)
    for _ in range(40):
        killed(processes, straight, tmp_path, moments.uniform(0, 0.2))
        if len((tmp_path / "run.txt").read_text()) != 300 * LONG:
            return
    raise AssertionError("40 kills, and no file was damaged: the test above proves nothing")
