"""A slider and the field that holds its number: what is made, what is alike, what is left when they are closed."""

import ipywidgets as widgets
import pytest

from helpers.live.controls import controls
from helpers.live.fields import WithField, in_columns, look_useful
from helpers.live.pair import Pair
from tests.networks import digits_network


def made(**forms):
    return controls(digits_network, forms, 2000)[0]


@pytest.mark.parametrize(
    "form, kind, holds",
    [
        ((1, 40, 15), widgets.BoundedIntText, {"min": 1, "max": 40, "value": 15}),
        ((0.0, 0.8, 0.25), widgets.BoundedFloatText, {"min": 0.0, "max": 0.8, "value": 0.25, "step": 0.05}),
        ([16, 32, 64], widgets.Dropdown, {"options": (("16", 16), ("32", 32), ("64", 64)), "index": 0}),
    ],
)
def test_a_slider_gets_a_field_of_its_kind_with_its_name(form, kind, holds):
    slider = controls(lambda size=None: None, {"size": form}, None)[0]["size"]
    (shown,) = in_columns([slider]).children
    assert shown.children[0] is slider and type(shown.children[1]) is kind
    field = shown.children[1]
    assert field.description == slider.description == "size"
    assert {name: getattr(field, name) for name in holds} == holds


def test_what_is_no_slider_of_ours_stays_as_it_is():
    own = widgets.IntSlider(value=3, min=1, max=9)
    mixed = made(epochs=own, dropout=True, width={"few": 8})
    assert list(in_columns(mixed.values()).children) == list(mixed.values())
    assert own.readout and own.continuous_update


@pytest.mark.parametrize(
    "form, step", [((1, 60, 15), 1), ((0, 200, 0), 1), ((30, 1200, 600), 5), ((0, 60000, 1000), 200), ((1, 1000, 1), 1)]
)
def test_a_wide_range_has_round_steps_where_its_ends_allow_it(form, step):
    slider = controls(lambda size=None: None, {"size": form}, None)[0]["size"]
    assert slider.step == step and slider.value == form[2]
    field = in_columns([slider]).children[0].children[1]
    assert field.step == 1  # every number can be typed


def test_a_locked_slider_locks_its_field():
    shown = WithField(made(epochs=(1, 9, 3))["epochs"])
    slider, field = shown.children
    slider.disabled = True
    assert field.disabled
    slider.disabled = False
    assert not field.disabled


def test_a_field_is_closed_with_what_keeps_it_like_its_slider_and_the_slider_lives_on():
    slider = made(epochs=(1, 9, 3))["epochs"]
    shown = WithField(slider)
    field = shown.children[1]
    shown.close()
    assert shown.comm is None and field.comm is None and shown._alike.comm is None
    assert slider.comm is not None
    shown.close()  # as Python does once more when nobody holds it


def test_the_control_for_b_gets_a_field_as_that_for_a_does():
    pair = Pair(digits_network, {"dropout": 0.5}, 1, {"dropout": (0.0, 0.8, 0.25)}, 2000)
    _, row = pair.rows
    assert [shown.children[1].value for shown in row.children] == [0.25, 0.5]
    assert [shown.children[1].description for shown in row.children] == ["dropout (A)", "dropout (B)"]


def test_a_button_looks_useful_or_not_and_can_always_be_focused():
    button = widgets.Button()
    look_useful(button, False)
    assert "live-idle" in button._dom_classes and not button.disabled
    look_useful(button, True)
    assert "live-idle" not in button._dom_classes
