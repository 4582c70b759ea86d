"""What a part says while its cell keeps the kernel from hearing the page, and how it is heard all the same."""

import threading

import ipywidgets as widgets
import pytest
from ipykernel.comm.comm import BaseComm

import helpers
from helpers.errors import LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.live.part import Live, hear_meanwhile
from helpers.parts.explore import explore
from tests.networks import digits_network, few_digits

X, Y, VALIDATION = few_digits()


def words_of_two_runs(monkeypatch, place, has_subshell):
    """What a panel says in its first run, within its cell, and in one that a control asks for: two lists."""
    monkeypatch.setattr(cell, "place", lambda: place)
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)
    monkeypatch.setattr(cell, "has_subshell", lambda: has_subshell)
    said = {1: [], 2: []}
    draw = Live._draw

    def note(self, *args):
        draw(self, *args)
        if self._run_number:
            said[self._run_number].append(self._words.value)

    monkeypatch.setattr(Live, "_draw", note)
    panel = explore(digits_network, (X, Y, *VALIDATION), epochs=(1, 9, 2))
    panel._controls["epochs"].value = 3
    panel.wait()
    return said[1], said[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "place, has_subshell, first, later",
    [("background", False, True, False), ("background", True, False, False), ("inline", False, True, True)],
)
def test_who_cannot_be_stopped_by_its_button_says_what_stops_it(monkeypatch, place, has_subshell, first, later):
    said = words_of_two_runs(monkeypatch, place, has_subshell)
    assert [any("interrupt the kernel (■)" in words for words in run) for run in said] == [first, later]
    assert not any("■" in run[-1] for run in said)  # nor when it has ended


def test_every_widget_of_a_part_is_heard_where_the_page_says():
    inner = widgets.IntSlider()
    box = widgets.VBox([widgets.HBox([inner]), widgets.Button()])
    every = [box, box.children[0], inner, box.children[1]]
    for widget in every:
        widget.comm = BaseComm(target_name="jupyter.widget")
        widget.comm._reply_subshell_id = "the shell that is busy"  # ipykernel notes which one has last sent something
    hear_meanwhile(box)

    def as_sent(_data, where):  # an ipykernel that makes no such note hands it to where it was sent anyway
        return where

    for widget in every:
        assert getattr(widget.comm, "_reply_subshell_for", as_sent)({}, "the sub-shell") == "the sub-shell"


@pytest.mark.slow
def test_a_control_that_moves_on_a_closed_part_trains_nothing(monkeypatch):
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)
    panel = explore(digits_network, (X, Y, *VALIDATION), epochs=(1, 9, 2))
    panel.close()
    mover = threading.Thread(target=panel._request)  # as in the sub-shell, where the move was under way
    mover.start()
    mover.join(10)
    assert panel.idle.wait(10) and panel._run_number == 1


class Page:
    """As much of a front end as a part looks at: what it says of the cell that runs, and whether a person is there."""

    def __init__(self, monkeypatch, person=True):
        self.user_ns, self.execution_count, self.kernel, self._allow_stdin = {"In": [""]}, 0, self, person
        monkeypatch.setattr(cell, "get_ipython", lambda: self)
        monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)

    def get_parent(self, _channel):
        return {"metadata": self.metadata}

    def run(self, code, **metadata):
        """Run a cell that shows a panel for each digit in its code; returns these."""
        self.user_ns["In"].append(code)
        self.execution_count, self.metadata = self.execution_count + 1, metadata
        return [explore(digits_network, (X, Y, *VALIDATION), epochs=int(digit)) for digit in code if digit.isdigit()]


FRONT_ENDS = {
    "JupyterLab": lambda cell: {"cellId": cell},
    "Colab": lambda cell: {"colab": {"cell_id": cell}},
    "one that does not say": lambda cell: {},
}


@pytest.mark.slow
@pytest.mark.parametrize("named", FRONT_ENDS.values(), ids=FRONT_ENDS)
def test_a_cell_that_is_run_again_replaces_its_parts_and_no_others(monkeypatch, named):
    page = Page(monkeypatch)
    other = page.run("explore 1", **named("above"))
    first = page.run("explore 1, 1", **named("below"))
    again = page.run("explore 1, 1", **named("below"))
    assert [part._closed for part in (*other, *first, *again)] == [False, True, True, False, False]
    for part in (*other, *again):
        part.close()


@pytest.mark.parametrize(
    "wanted, found", [("background", "background"), ("inline", "inline"), ("nobody", "nobody watches")]
)
@pytest.mark.parametrize("person", [True, False])
def test_where_parts_are_shown_can_be_said_and_so_whether_a_lab_book_is_kept(monkeypatch, wanted, found, person):
    page = Page(monkeypatch, person)
    monkeypatch.setattr(helpers, "_shell", lambda: page)
    assert cell.place() == ("background" if person else "nobody watches")
    assert helpers.somebody_waits() == person
    monkeypatch.setenv("LAB_PLACE", wanted)
    assert cell.place() == found
    assert helpers.somebody_waits() == (wanted != "nobody")


def test_a_place_that_does_not_exist_is_told(monkeypatch):
    monkeypatch.setenv("LAB_PLACE", "colab")
    with pytest.raises(LessonError, match="LAB_PLACE is 'colab'; it can be background, inline, nobody"):
        cell.place()


@pytest.mark.parametrize("place, wanted", [("inline", False), ("background", True)])
def test_where_nothing_overtakes_a_run_a_slider_waits_until_it_is_let_go(monkeypatch, place, wanted):
    Page(monkeypatch).metadata = {}
    monkeypatch.setenv("LAB_PLACE", place)
    of_student = widgets.IntSlider(value=3, min=1, max=9)
    panel = explore(digits_network, (X, Y, *VALIDATION), epochs=of_student, dropout=(0.0, 0.8, 0.2))
    assert not panel._controls["dropout"].continuous_update and of_student.continuous_update
    assert ("live-at-once" in panel._box._dom_classes) is wanted  # there the page tells of a slider on its way
    panel.close()
