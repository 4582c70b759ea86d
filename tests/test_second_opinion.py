"""`second_opinion` as a stranger uses it: on a file in a terminal, in a cell, and on files that mean no good."""

import html.parser
import importlib
import io
import json
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import helpers
from helpers import LessonError
from helpers.curves.diagnosis import Diagnosis, Finding, diagnose
from helpers.curves.log import Log
from helpers.curves.opinion import Opinion
from helpers.curves.opinion_page import page
from helpers.second_opinion import main, second_opinion
from tests.curves.logs import LOGS

ROOT = Path(__file__).resolve().parent.parent
HOSTILE = [
    "</title><script>alert(1)</script>",
    "\"onload='alert(1)'",
    "<img src=x onerror=alert(1)>",
    "\x1b]0;mine\x07",
]


def overfitted(epochs=30, val="val_loss"):
    train = [2 * math.exp(-epoch / 6) for epoch in range(epochs)]
    return {"loss": train, val: [0.5 + 1.5 * math.exp(-epoch / 4) + 0.03 * epoch for epoch in range(epochs)]}


class Page(html.parser.HTMLParser):
    """What a browser would make of a page: its elements, with what they ask for, and its words."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]

    def handle_data(self, data):
        self.words += data

    def check_harmless(self):
        assert not {"script", "iframe", "object", "embed", "link", "form", "base"} & set(self.tags)
        for _, name, value in self.attributes:
            assert not name.startswith("on")
            assert name not in ("src", "href", "data", "action") or value.startswith(("data:image/", "#"))
        for letter in self.words:
            assert letter.isprintable() or letter == "\n", repr(letter)


def shown(opinion):
    """The page of an opinion and what a notebook shows of it, both read as a browser would."""
    data, metadata = opinion._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == opinion.alt and data["text/plain"] == str(opinion)
    return Page(page(opinion)), Page(data["text/html"])


@pytest.mark.parametrize("name", sorted(LOGS)[::4])
def test_a_log_of_any_tool_is_judged(name):
    opinion = second_opinion(LOGS[name][0])
    for seen in shown(opinion):
        seen.check_harmless()
        assert opinion.alt in " ".join(seen.words.split())


def test_everything_that_was_found_is_shown_with_one_status():
    findings = [
        Finding(
            "overfitting", 0.9, ["It rises <much>.", "It & that."], "Stop earlier.", ["Too little data."], "Seeds."
        ),
        Finding("noisy", 0.7, ["It wavers."], "Larger batches."),
    ]
    log = Log(overfitted(), "One column was left out.")
    opinion = Opinion(log, Diagnosis(findings, {}), "mine.csv")
    for seen in shown(opinion):
        seen.check_harmless()
        assert [value for _, name, value in seen.attributes if (name, value) == ("role", "status")] == ["status"]
        said = " ".join(seen.words.split())
        main = ["It rises <much>.", "It & that.", "Stop earlier.", "Too little data.", "Seeds."]
        besides = ["Also: noisy (likely).", "It wavers.", "Larger batches.", "One column was left out."]
        for words in (opinion.status, *main, *besides):
            assert words in said and words in " ".join(str(opinion).split())
    assert opinion.status.startswith("Overfitting (clear). Training loss falls on while")


def test_alt_text_and_picture_are_there():
    opinion = second_opinion(overfitted())
    whole, cell = shown(opinion)
    assert ("img", "alt", opinion.alt) in cell.attributes
    assert ("svg", "aria-label", opinion.alt) in whole.attributes or (
        "div",
        "aria-label",
        opinion.alt,
    ) in whole.attributes
    assert {"html", "main", "h1", "h2", "svg"} <= set(whole.tags)


@pytest.mark.parametrize("source", [overfitted(), SimpleNamespace(history=overfitted()), json.dumps(overfitted())])
def test_it_takes_what_read_log_takes_and_says_what_diagnose_says(source):
    opinion = second_opinion(source)
    assert str(opinion.diagnosis) == str(diagnose(overfitted())) and opinion.diagnosis.pattern in str(opinion)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_would_be_obeyed_are_only_shown(name, tmp_path):
    log = {**overfitted(), name: [0.5] * 30, f"val_{name}": [0.4] * 30}
    for seen in shown(Opinion(Log(log, name), diagnose(log), name)):
        seen.check_harmless()
    file = tmp_path / "log.csv"
    rows = [f'{epoch},"{name.replace(chr(34), chr(34) * 2)}",0.{epoch}' for epoch in range(1, 9)]
    file.write_text("\n".join(["epoch,note,loss", *rows]), encoding="utf-8")
    for seen in shown(second_opinion(file)):
        seen.check_harmless()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_a_pickle_is_not_opened(here, capsys):
    (here / "log.csv").write_bytes(pickle.dumps(Bomb()))
    assert main(["log.csv"]) == 1 and "a pickle, which could run a program" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["log.csv"]


def test_a_file_of_half_a_gigabyte_is_refused_without_reading_it(here, capsys):
    with (here / "log.csv").open("wb") as file:
        file.write(b"epoch,loss\n1,0.9\n2,0.8\n3,0.7\n")
        file.truncate(500_000_000)  # a hole takes no room on the disk
    assert main(["log.csv"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("log.csv has 500 MB") and "Keep the lines with the losses" in told
    with pytest.raises(LessonError, match="500 MB"):
        second_opinion([Path("log.csv"), overfitted()])


@pytest.mark.parametrize(
    "words, told",
    [
        (["nowhere.csv"], "There is no file nowhere.csv"),
        (["empty.csv"], "No figures of a training were found"),
        (["log.csv", "-o", "mine.html"], "mine.html is there already, and not from here"),
        (["log.csv", "-o", "log.csv"], "log.csv is there already, and not from here"),
        (["log.csv", "-o", "no_such_folder/page.html"], "No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_told_in_words_and_nothing_is_written(here, capsys, words, told):
    (here / "empty.csv").touch()
    (here / "mine.html").write_text("<p>mine</p>")
    (here / "log.csv").write_text("epoch,loss\n" + "".join(f"{epoch},0.{9 - epoch}\n" for epoch in range(9)))
    before = {path: path.read_bytes() for path in here.iterdir()}
    assert main(words) == 1 and told in capsys.readouterr().err
    assert {path: path.read_bytes() for path in here.iterdir()} == before


@pytest.mark.slow
def test_a_stranger_in_a_terminal_gets_one_file_and_the_findings_without_tensorflow(here):
    rows = zip(*overfitted().values(), strict=True)
    (here / "my run.csv").write_text(
        "epoch,loss,val_loss\n" + "".join(f"{n},{a},{b}\n" for n, (a, b) in enumerate(rows))
    )
    watched = (
        "import sys; sys.addaudithook(lambda name, given: name == 'import' and given[0] == 'tensorflow' and 1 / 0)"
    )
    (here / "sitecustomize.py").write_text(watched)
    told = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(ROOT)])}
    command = [sys.executable, "-m", "helpers.second_opinion", "my run.csv"]
    done = subprocess.run(command, cwd=here, env=told, capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "Overfitting (clear)." in done.stdout and "my run_second_opinion.html" in done.stdout.splitlines()[-1]
    written = (here / "my run_second_opinion.html").read_text(encoding="utf-8")
    Page(written).check_harmless()
    assert sorted(path.name for path in here.glob("*.html")) == ["my run_second_opinion.html"]
    loads = subprocess.run(
        [sys.executable, "-c", "import helpers"], cwd=here, env=told, capture_output=True, timeout=120
    )
    assert b"ZeroDivisionError" in loads.stderr  # whoever trains does load it: the watch is awake
    again = subprocess.run(command, cwd=here, env=told, capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert again.returncode == 0 and again.stdout == done.stdout


def test_a_log_can_be_piped_in(here, monkeypatch, capsys):
    told = [f"epoch {epoch} loss: {2 / (epoch + 1):.3f} val_loss: {2.1 / (epoch + 1):.3f}" for epoch in range(9)]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(told)))
    assert main(["-"]) == 0 and "9 epochs" in capsys.readouterr().out
    assert os.listdir() == ["log_second_opinion.html"]


@pytest.mark.parametrize(
    "first",
    [
        "from helpers import second_opinion",
        "import helpers.second_opinion; from helpers import second_opinion",
        "from helpers.second_opinion import second_opinion",
        "import helpers; second_opinion = helpers.second_opinion",
        "import helpers, helpers.second_opinion; second_opinion = helpers.second_opinion",
    ],
)
def test_the_name_can_be_called_whoever_came_first(first):
    kept = vars(helpers).pop("second_opinion", None), sys.modules.pop("helpers.second_opinion", None)
    names = {}
    try:
        exec(first, names)
        assert "overfitting" in str(names["second_opinion"](overfitted()))
        assert importlib.import_module("helpers.second_opinion")(overfitted(), classes=3)
    finally:
        vars(helpers)["second_opinion"], sys.modules["helpers.second_opinion"] = kept
