"""The processes that train beside this one: they start in the background, and stay for the next sweep while it is soon.

To import TensorFlow takes a process some seconds, longer than a small sweep takes altogether.
"""

import contextlib
import os
import signal
import threading

import psutil
from joblib.externals.loky import ProcessPoolExecutor, process_executor
from joblib.externals.loky.backend import get_context

IDLE = 300  # seconds without work after which a process ends and gives its memory back, as joblib's own do

_kept, _lock = [], threading.Lock()


class Process:
    """One process, which does one thing after the other. memory: bytes by which it may grow before it is renewed.

    Each has an executor of its own: so it is known what it was doing if it dies, and the others live on.
    """

    def __init__(self, memory):
        arguments = os.getpid(), memory
        self._executor = ProcessPoolExecutor(1, None, None, IDLE, get_context("loky"), _begin, arguments)
        self.ready = self.submit(os.getpid)  # a `Future`: the process's number, once it has imported TensorFlow

    def submit(self, function, *arguments):
        """The `Future` of what `function` returns there; it raises `BrokenProcessPool` if the process dies."""
        return self._executor.submit(function, *arguments)

    def is_there(self):
        """Whether it is starting or alive."""
        if not self.ready.done():
            return True
        with contextlib.suppress(Exception):  # it died, or there is no such process any more
            return psutil.Process(self.ready.result()).ppid() == os.getpid()
        return False

    def end(self):
        """End it at once, whatever it is doing."""
        self._executor.shutdown(kill_workers=True)


def borrow(most):
    """Up to `most` processes that an earlier sweep has left; nobody else gets them until they are given back."""
    with _lock:
        there = [process for process in _kept if process.is_there()]
        _kept[:] = there[most:]
        return there[:most]


def give_back(process):
    with _lock:
        _kept.append(process)


def end_idle():
    """End the processes that nobody has borrowed."""
    with _lock:
        ending, _kept[:] = list(_kept), []
    for process in ending:
        process.end()


def _begin(parent, memory):
    """The first thing in a new process; this file's package has imported TensorFlow by then."""
    # Jupyter interrupts a kernel's children, too; what is to become of the sweep is for the kernel to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as priority:
        priority.write("1000")  # where memory runs out, Linux is to end this process, not the student's kernel
    process_executor._MAX_MEMORY_LEAK_SIZE = memory  # loky's own limit does not know how large the data are
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent):
    """A kernel may be killed; then nobody is left to want the results."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(parent).wait()
    os._exit(1)


# loky waits, when Python ends, until all is done that was begun, and registers that here, too; the last comes first.
threading._register_atexit(end_idle)
