"""What is asked in a cell: shown once, kept as a sentence, and shown again where a later cell ends with it."""

import ipywidgets as widgets
import pytest

from helpers.live import asked as asked_module
from helpers.live import cell as cell_module
from helpers.live import part as part_module
from helpers.live.asked import Asked
from helpers.live.keepsake import REVIVE, Keepsake


class Colour(Asked):
    """Asks for a colour."""

    answer = "nothing"

    def __init__(self):
        super().__init__()
        self._assemble(widgets.Text())

    def say(self, answer):
        self.answer = answer
        self._say(f"<b>{answer}</b>")

    def _in_short(self):
        return f"You said <{self.answer}>."

    def _still_words(self):
        return "Which colour?"


@pytest.fixture
def cell(monkeypatch):
    """The cell that is running, behind a front end: its number, what it displays, and what stays in the file."""
    now = type("Cell", (), {"number": 1, "shown": [], "kept": [], "place": "background"})()
    monkeypatch.setattr(cell_module, "place", lambda: now.place)
    monkeypatch.setattr(cell_module, "execution", lambda: now.number)
    monkeypatch.setattr(asked_module, "display", lambda data, raw: now.shown.append(data))
    monkeypatch.setattr(Keepsake, "show", lambda self: setattr(self, "is_shown", True))
    monkeypatch.setattr(Keepsake, "keep", lambda self, make: now.kept.append(make()[0]))
    return now


def test_it_is_shown_with_a_line_for_who_has_no_widgets(cell):
    made = Colour().show()
    view, page = cell.shown
    assert view["text/plain"] == "Which colour?" and view[part_module.VIEW]["model_id"] == made._box.model_id
    assert "<script>" in page["text/html"]


def test_a_later_cell_that_ends_with_it_shows_it_again(cell):
    made = Colour().show()
    made._ipython_display_()
    assert len(cell.shown) == 2
    cell.number = 2
    made._ipython_display_()
    assert len(cell.shown) == 4


def test_how_far_one_has_come_stays_as_a_sentence(cell):
    made = Colour()
    made.say("red")
    assert cell.kept == []  # it is not shown yet
    made.show()
    made.say("blue")
    assert [kept["text/plain"] for kept in cell.kept] == [f"You said <red>. {REVIVE}", f"You said <blue>. {REVIVE}"]
    assert cell.kept[-1]["text/html"].startswith("<p>You said &lt;blue&gt;.")
    assert "<b>blue</b>" in made._words.value and 'role="status"' in made._words.value


@pytest.mark.parametrize("place, shown, printed", [("inline", 2, ""), ("nobody watches", 0, "Which colour?\n")])
def test_elsewhere_nothing_stays_that_could_not_be_brought_up_to_date(cell, capsys, place, shown, printed):
    cell.place = place
    made = Colour().show()
    made.say("red")
    assert len(cell.shown) == shown and cell.kept == [] and capsys.readouterr().out == printed
    cell.number = 2
    made._ipython_display_()
    assert len(cell.shown) == 2 * shown


def test_closed_it_is_gone(cell):
    made = Colour().show()
    everything = part_module._all_in(made._box)
    assert len(everything) == 4 and not any(widget.comm is None for widget in everything)
    made.close()
    assert all(widget.comm is None for widget in everything)
