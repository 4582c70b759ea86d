"""The one thread in which panels train behind a front end; a run that hangs is abandoned, and the next one begins."""

import contextlib
import threading
import time
import weakref
from collections import OrderedDict

from helpers.engine.stop import Abandoned, Stop, end
from helpers.errors import our_mistake

DEBOUNCE = 0.01  # seconds to wait for more, once one step of a control has overtaken another
# Seconds in which a run that was told to end should have done so. A healthy one looks before each batch; most networks
# are compiled in 2. One that is only slow may be abandoned, too: its work is lost, and nothing else.
PATIENCE = 5
GRACE = 2  # seconds for the thread itself to come back, once it was told to wait for nothing any more


class Worker:
    """The kernel's one training thread. It takes the latest request of each panel, in turn.

    A run that does not come to an end is abandoned: the thread leaves what it waits for or, where it hangs itself,
    another takes its place.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._requests = OrderedDict()
        self._running = self._stop = None  # the panel that is trained, and what ends this run
        self._thread = None

    def request(self, panel):
        """Train `panel` as soon as possible; what it is training now is out of date and ends."""
        with self._changed:
            self._requests[panel] = True
            panel.idle.clear()
            if self._running is panel:
                panel.overtake()
            elif self._running is not None:
                panel.say_it_waits(self._running)
            self._go_on()

    def forget(self, panel):
        """Do not train `panel`, if it still waits; returns whether it only waited and was not being trained."""
        with self._changed:
            waited = self._requests.pop(panel, False)
            if self._running is panel:
                return False
            panel.idle.set()
            return waited

    def has_request_of(self, panel):
        with self._changed:
            return panel in self._requests

    def is_training(self, panel):
        with self._changed:
            return self._running is panel

    def end_soon(self, panel):
        """Tell the run of `panel`, if one is under way, to end, and abandon it if it does not."""
        with self._changed:
            stop = self._stop if self._running is panel else None
            told_before = stop is not None and stop.is_set()
        if stop is None or told_before:
            return
        stop.set()
        trained = weakref.ref(panel)  # once it has ended, the timer keeps nothing of it in memory

        def abandon():
            if trained() is not None:
                self.abandon(trained(), stop)

        timer = threading.Timer(panel.patience, abandon)
        timer.daemon = True
        timer.start()

    def abandon(self, panel, stop=None):
        """Wait no longer for the run of `panel` that `stop` ends (None: that which is under way), if it goes on."""
        with self._changed:
            stop = stop or self._stop
            if self._running is not panel or self._stop is not stop:
                return
        stop.abandon()
        with self._changed:
            if self._changed.wait_for(lambda: self._stop is not stop, GRACE):
                return
            stop.left = True
            thread = self._thread
            self._thread = self._running = self._stop = None
        end(thread)
        try:
            panel.given_up(stop)
        finally:
            with self._changed:
                if panel not in self._requests and self._running is not panel:
                    panel.idle.set()
                self._go_on()

    def _go_on(self):
        """See to it that there is a thread for the requests. Whoever calls it holds the lock."""
        if self._requests and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._work, name="live panels", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _work(self):
        with contextlib.suppress(Abandoned):  # in a thread whose place another has taken
            overtaken = False
            while True:
                with self._changed:
                    while not self._requests:
                        self._changed.wait()
                if overtaken:
                    time.sleep(DEBOUNCE)
                overtaken = self._train_next()

    def _train_next(self):
        """Train the panel whose turn it is; returns whether it has been asked for again meanwhile."""
        with self._changed:
            if not self._requests:
                return False
            panel, _ = self._requests.popitem(last=False)
            self._running, self._stop = panel, (stop := Stop())
        try:
            panel.run(stop)
        except BaseException as error:  # the one thread must live on, whatever happens
            if not stop.left:
                panel.failed(our_mistake(error))
        with self._changed:
            if stop.left:
                raise Abandoned
            overtaken = panel in self._requests
            if not overtaken:
                panel.idle.set()
            self._running = self._stop = None
            self._changed.notify_all()
            return overtaken


WORKER = Worker()
