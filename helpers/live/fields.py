"""Sliders with their number in a field beside them, and the grid in which controls fill the width of the page.

ipywidgets writes a slider's number as text that has neither a name nor a role for a screen reader. Here it stands in a
field of the browser's own, with the slider's name as its label: it can be seen to be a field, typed over, and read out.
"""

import ipywidgets as widgets
from traitlets import dlink

OURS = "live-slider"  # the class of a slider that gets a field; one that a student made stays as it is


def make_slider(kind, **traits):
    """A slider of ipywidgets, class `kind`, that gets a field where `in_columns` shows it.

    It tells what it is set to when it is let go, and at each key. Live parts that follow it on its way as well are told
    by the page (page.js): a slider that did so itself would move every number that is typed to its own next step.
    """
    made = kind(continuous_update=False, **traits)
    made.add_class(OURS)
    return made


def in_columns(controls):
    """`controls` in columns as wide as the page allows, our sliders with their fields."""
    box = widgets.Box([WithField(control) if OURS in control._dom_classes else control for control in controls])
    box.add_class("live-controls")
    return box


class WithField(widgets.HBox):
    """A slider and, to its right, its number in a field; for a slider over a list, a drop-down.

    The page keeps the two alike, not the kernel: so the field follows at once while the kernel is busy, and no late
    answer takes back what has been pressed meanwhile. Whoever observes the slider hears of each change once.
    """

    def __init__(self, slider):
        self._field, trait = _field_for(slider)
        super().__init__([slider, self._field])
        self.add_class("live-control")
        self._alike = widgets.jslink((slider, trait), (self._field, trait))
        dlink((slider, "disabled"), (self._field, "disabled"))

    def close(self):
        """Take it off the page with its field; the slider is closed by who has made it."""
        self._alike.close()
        self._field.close()
        super().close()


def _field_for(slider):
    """(a field for what `slider` is set to, the name of the trait that both have)."""
    if isinstance(slider, widgets.SelectionSlider):
        return widgets.Dropdown(options=slider.options, index=slider.index, description=slider.description), "index"
    limits = {"min": slider.min, "max": slider.max, "value": slider.value, "description": slider.description}
    if isinstance(slider, widgets.IntSlider):
        return widgets.BoundedIntText(**limits), "value"
    return widgets.BoundedFloatText(**limits, step=slider.step), "value"


def look_useful(button, useful):
    """Show whether a press of `button` would do anything now.

    It is not disabled: it would lose the keyboard's focus, which it often has.
    """
    (button.remove_class if useful else button.add_class)("live-idle")
