"""Play and Pause, a step back and a step on: buttons for a part that goes through epochs.

The page beats the time, not the kernel: once a picture has been drawn there, and a moment later, it presses a button
that nobody sees (`metronome` in helpers/live/page.js). So no picture is asked for before the last one is on the page,
there is no thread that could be left over, and nothing plays on where no page is open.
"""

import ipywidgets as widgets

from helpers.live.fields import look_useful

BEAT = 400  # milliseconds from one picture to the next; the page takes longer for who wants little motion


class Player:
    """The buttons, in `buttons`. `plays`: whether it goes on by itself.

    part: a `Live` with `epoch` and `epochs`, the present and the last one, which draws itself again in `_draw(state)`.
    move: goes to an epoch. The part calls `went_to` wherever it goes, and `look` whenever it is drawn.
    """

    def __init__(self, part, move):
        self._part, self._move = part, move
        self.plays, self._led_to = False, None
        self._back = _button("Back", "One epoch back", lambda _button: self._step(-1))
        self._play = _button("Play", "Go on from epoch to epoch, or stay at this one", lambda _button: self._press())
        self._next = _button("Next", "One epoch on", lambda _button: self._step(1))
        self._beat = _button("the next picture", "", lambda _button: self._go_on(), display="none")
        self._beat.add_class("live-beat")
        self.buttons = [self._back, self._play, self._next, self._beat]

    beat = property(lambda self: BEAT if self.plays else 0, doc="As `data-plays` tells the page: milliseconds, or 0.")

    def pause(self):
        """Stay where it is."""
        self.plays = False

    def went_to(self, epoch):
        """The part goes to `epoch`: if somebody else has moved it there, this pauses."""
        self.plays = self.plays and epoch == self._led_to

    def look(self):
        """Let the buttons show what they would do now."""
        here, last = self._part.epoch, self._part.epochs
        self._play.description = "Pause" if self.plays else "Play"
        for button in self.buttons:
            button.disabled = not last
        look_useful(self._back, here > 1)
        look_useful(self._next, here < last)

    def _press(self):
        self.plays = not self.plays
        if self.plays and self._part.epoch == self._part.epochs:
            self._lead_to(1)
        else:
            self._part._draw(self._part.state)

    def _go_on(self):
        if self.plays:  # the page may not have heard yet that it has been paused
            following = self._part.epoch + 1
            self.plays = following < self._part.epochs
            self._lead_to(following)

    def _lead_to(self, epoch):
        self._led_to = epoch
        self._move(epoch)

    def _step(self, way):
        self.pause()
        self._move(min(max(self._part.epoch + way, 1), self._part.epochs))


def _button(words, tooltip, action, **layout):
    button = widgets.Button(description=words, tooltip=tooltip, layout={"width": "6em", **layout})
    button.on_click(action)
    return button
