"""The one thread in which panels train behind a front end."""

import threading
import time
from collections import OrderedDict

from helpers.errors import our_mistake

DEBOUNCE = 0.01  # seconds to wait for more, once one step of a control has overtaken another


class Worker:
    """The kernel's one training thread. It takes the latest request of each panel, in turn."""

    def __init__(self):
        self._changed = threading.Condition()
        self._requests = OrderedDict()
        self._running = None
        self._thread = None

    def request(self, panel):
        """Train `panel` as soon as possible; what it is training now is out of date and ends."""
        with self._changed:
            self._requests[panel] = True
            panel.idle.clear()
            if self._running is panel:
                panel.overtake()
            elif self._running is not None:
                panel.say_it_waits()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="live panels", daemon=True)
                self._thread.start()
            self._changed.notify()

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

    def _work(self):
        overtaken = False
        while True:
            with self._changed:
                while not self._requests:
                    self._changed.wait()
            if overtaken:
                time.sleep(DEBOUNCE)
            with self._changed:
                if not self._requests:
                    continue
                self._running, _ = self._requests.popitem(last=False)
            try:
                self._running.run()
            except BaseException as error:  # the one thread must live on, whatever happens
                self._running.failed(our_mistake(error))
            finally:
                with self._changed:
                    overtaken = self._running in self._requests
                    if not overtaken:
                        self._running.idle.set()
                    self._running = None


WORKER = Worker()
