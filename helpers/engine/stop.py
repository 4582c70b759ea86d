"""How a training is cancelled: whoever wants it ended tells its `Stop`, which the loop looks at before each batch.

In a live part that is the Stop button, an interrupt, or a control that has moved on (`helpers.live.part`); the run then
goes back to the end of its last whole epoch (`helpers.engine.training`).
"""

import contextlib
import threading


class Stop:
    """Ends a run from any thread: `stop.set()`. A run looks at it before each batch."""

    def __init__(self):
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._flag = None

    def set(self):
        with self._lock:
            self._event.set()
            if self._flag is not None:
                self._flag.assign(True)

    def is_set(self):
        return self._event.is_set()

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
