"""How far a run has come, and how long the rest takes: a bar and words, the same in all live parts."""

STYLE = """
.live-progress{display:flex;align-items:center;gap:10px;height:28px;padding:0 6px;white-space:nowrap}
.live-progress [role=progressbar]{flex:1 1 60px;max-width:240px;height:12px;border:1px solid #767676}
.live-progress [role=progressbar]{border-radius:6px;overflow:hidden}
.live-progress [role=progressbar] div{height:100%;background:#0072B2;forced-color-adjust:none}
"""


class Pace:
    """How long the rest of a run takes. done: how many of the `wanted` were finished when it began, at the time `now`.

    `wave`: how many there have to be before the pace can be told. The first ones include the time that a loop takes to
    be compiled, or processes to start, so they count only until as many others have been finished.
    """

    def __init__(self, done, wanted, now, wave=2):
        self._begin = self._warm = now, done
        self._wanted, self._wave = wanted, wave

    def seconds_left(self, done, now):
        """About how many seconds, or None as long as that cannot be told. done: finished at the time `now`."""
        if done - self._begin[1] < self._wave:
            return None
        if self._warm is self._begin:
            self._warm = now, done
        since, before = self._warm if done - self._warm[1] >= self._wave else self._begin
        return (now - since) / (done - before) * (self._wanted - done)


def bar(done, wanted, counts, seconds=None, end=""):
    """A progress bar and its words, as HTML: "12 of 40 epochs, about 5 s left".

    counts: what is counted, one and several: ("epoch", "epochs"). seconds: about how many are left, None if that cannot
    be told. end: words in their place.
    """
    words = f"{done} of {_counted(wanted, *counts)}"
    left = end or (f", about {in_time(seconds)} left" if seconds is not None else "")
    return (
        f'<div class="live-progress"><div role="progressbar" aria-label="{counts[1]} finished" aria-valuemin="0" '
        f'aria-valuemax="{wanted}" aria-valuenow="{done}" aria-valuetext="{words}">'
        f'<div style="width:{100 * done / max(wanted, 1):.1f}%"></div></div>'
        f"<span>{words}{left if done < wanted else ''}</span></div>"
    )


def in_time(seconds):
    """A time of which only the size is known: "5 s", "40 s", "3 min", "2 h 10 min"."""
    if seconds < 10:
        return f"{max(round(seconds), 1)} s"
    if seconds < 55:
        return f"{round(seconds / 10) * 10} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(round(seconds / 600) * 10, 60)
    return f"{hours} h" + (f" {minutes} min" if minutes else "")


def _counted(number, one, several):
    return f"{number} {one if number == 1 else several}"
