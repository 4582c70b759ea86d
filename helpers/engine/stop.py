"""How a training is cancelled: whoever wants it ended tells its `Stop`, which the loop looks at before each batch.

In a live part that is the Stop button, an interrupt, or a control that has moved on (`helpers.live.part`); the run then
goes back to the end of its last whole epoch (`helpers.engine.training`).

A run that hangs in a student's endless loop looks at nothing. It is abandoned: whoever waits for one of its threads
leaves it (`helpers.engine.builder.in_fresh_thread`), and whatever its threads still bring ends in `Abandoned`.
"""

import contextlib
import ctypes
import sys
import threading

LOOK = 0.1  # seconds between two looks at whether the run is still wanted, for a thread that waits for another


class Abandoned(BaseException):
    """Ends a run that nobody waits for any more, in its own threads. No student sees it."""


class Stop:
    """Ends a run from any thread: `stop.set()`. A run looks at it before each batch.

    `abandoned`: nobody waits for the run any more; `hung_in`: where its threads were then, for each, the innermost
    first, a list of (file, line, function), the innermost first; `left`: its own first thread did not come back, and
    another has taken its place.
    """

    def __init__(self):
        self._event = threading.Event()
        self._lock = threading.RLock()
        self._flag = None
        self._threads, self._undo = [], []  # idents of the run's threads, each waiting for the next; see `undone`
        self.abandoned, self.hung_in, self.left = False, [], False

    def set(self):
        with self._lock:
            self._event.set()
            if self._flag is not None:
                self._flag.assign(True)

    def is_set(self):
        return self._event.is_set()

    def abandon(self):
        """Wait no longer for the run: it is to end wherever it waits, and nothing it still brings is wanted."""
        with self._lock:
            if not self.abandoned:
                self.abandoned, self.hung_in = True, _stacks(self._threads)
                while self._undo:
                    self._undo.pop()()
        self.set()

    @contextlib.contextmanager
    def told_to(self, flag):
        """Within it, also say it to `flag`, a variable that a compiled loop reads."""
        with self._lock:
            self._flag = flag
            flag.assign(self.is_set())
        try:
            yield
        finally:
            with self._lock:
                self._flag = None


_of_thread = threading.local()


def current():
    """The `Stop` of the run that this thread works for, or None."""
    return getattr(_of_thread, "stop", None)


@contextlib.contextmanager
def working_for(stop):
    """Within it, this thread works for the run that `stop` ends (None: for none)."""
    before, _of_thread.stop, me = current(), stop, threading.get_ident()
    if stop is not None:
        stop._threads.append(me)
    try:
        yield
    finally:
        _of_thread.stop = before
        if stop is not None:
            stop._threads.remove(me)


def check_wanted():
    """Raise `Abandoned` in a thread of a run that nobody waits for any more."""
    if current() is not None and current().abandoned:
        raise Abandoned


@contextlib.contextmanager
def undone(undo):
    """At its end call `undo`; if the run of this thread is abandoned within it, then at once, and not late as well."""
    stop = current() or Stop()
    stop._undo.append(undo)
    try:
        yield
    finally:
        with stop._lock:
            if undo in stop._undo:
                stop._undo.remove(undo)
                undo()


def end(thread):
    """Raise `Abandoned` in `thread` as soon as it runs a line of Python.

    An endless loop would take half of the time of all other threads for ever, and ends within milliseconds. What sleeps
    costs nothing, and ends when it wakes up.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Abandoned))


def _stacks(idents):
    """What these threads are doing, the last first, and after them what TensorFlow's own threads do in Python."""
    frames = sys._current_frames()
    ours = {thread.ident for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}
    wanted = [*reversed(idents), *(ident for ident in frames if ident not in ours and ident not in idents)]
    return [_stack(frames[ident]) for ident in dict.fromkeys(wanted) if ident in frames]


def _stack(frame):
    lines = []
    while frame is not None:
        lines.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname))
        frame = frame.f_back
    return lines
