"""Who trains what on this machine: this process at once, and others beside it as soon as they are ready.

All of them train the same bits; which of them takes which run, and in which order they finish, is left to chance.
"""

import contextlib
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool

import joblib
from joblib.parallel import LokyBackend

from helpers.errors import LessonError
from helpers.sweeps import machine, processes, tasks
from helpers.sweeps.grid import settings_in_words

TICK = 0.05  # seconds between two looks at what nobody tells
DIED = "most likely because memory ran out"


def trained(pool, job, data, runs, structures, tell):
    """Train `runs` where joblib is told to; yields `(number of the setting, seed, record)` in the order they finish.

    `pool` ends what is under way when it is closed; `tell(sentence)` is told what became of the workers.
    """
    backend, n_jobs = joblib.parallel.get_active_backend()
    n_jobs = -1 if n_jobs is None else n_jobs
    if not isinstance(backend, LokyBackend):
        return tasks.trained_by_joblib(pool, job, data, runs, structures, n_jobs)
    at_a_time = joblib.effective_n_jobs(n_jobs)
    if n_jobs < 0:  # as many as there are cores
        at_a_time = min(at_a_time, machine.cores())
    if min(at_a_time, len(runs)) == 1:
        return tasks.trained_by_joblib(pool, job, data, runs, structures, 1)
    crew = Crew(job, data, runs, structures, at_a_time, tell)
    pool.callback(crew.close)
    return crew


class Crew:
    """Trains `runs` with up to `n_jobs` at a time; yields `(number of the setting, seed, record)` as they finish.

    One of them is trained in a thread of this process, which has imported TensorFlow: a small sweep is over before
    another process could begin. The others are trained in processes, of which there are as many as memory allows: what
    one needs is what this process has needed for its first epoch. `tell(sentence)` is told when that is fewer than
    `n_jobs`, and when a process dies. What it was doing is done again at the end, in a process that has the memory
    for itself; if that dies as well, a `LessonError` says so.
    """

    def __init__(self, job, data, runs, structures, n_jobs, tell):
        self._job, self._data, self._structures, self._tell = job, data, structures, tell
        self._most, self._work = min(n_jobs, len(runs)), Work(runs, structures)
        self._aside = []  # runs whose process has died
        self._finished, self._closed, self._lock = deque(), False, threading.Lock()
        self._first_epoch, self._largest, self._reckoned = threading.Event(), 0, False
        self._file = tasks.write_job(job, data)
        self._here, self._alone, self._processes = Here(), None, []
        self._idle, self._busy = [self._here], {}  # worker -> (run, its `Future`); run is None while it starts
        for process in processes.borrow(self._most - 1):
            self._welcome(process)

    def __iter__(self):
        return self

    def __next__(self):  # no generator: an interrupt would end that, and lose what has finished
        while not self._finished:
            self._share_out()
            if self._is_over():
                self.close()
                raise StopIteration
            done, _ = wait([future for _, future in self._busy.values()], TICK, FIRST_COMPLETED)
            for worker in [worker for worker, (_, future) in self._busy.items() if future in done]:
                self._settle(worker)
            self._start_processes()
        self._share_out()  # before the caller looks at what has finished
        return self._finished.popleft()

    def close(self):
        """End it, from whatever thread: processes without work stay for the next sweep, others are given up."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            at_work = [worker for worker, (run, _) in self._busy.items() if run is not None]
            for process in self._processes:
                process.end() if process in at_work else processes.give_back(process)
            if self._here in at_work:
                tasks.give_up_this_process()
        tasks.forget(self._job)
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)

    def _is_over(self):
        at_work = any(run is not None or worker is self._alone for worker, (run, _) in self._busy.items())
        return self._closed or not at_work

    def _welcome(self, process):
        self._processes.append(process)
        self._busy[process] = None, process.ready

    def _share_out(self):
        """Give each worker without work a run."""
        with self._lock:
            if self._closed or self._job.flag.exists():
                return
            if not self._work and self._aside and self._is_over():
                self._try_alone()
            for worker in list(self._idle):
                run = self._work.take(worker)
                if run is not None:
                    self._idle.remove(worker)
                    self._busy[worker] = run, self._begin(worker, run)

    def _begin(self, worker, run):
        if worker is self._here:
            return worker.submit(tasks.train, self._job, [run], self._data, self._first_epoch.set)
        try:
            return worker.submit(tasks.train_from, self._file, run)
        except BrokenProcessPool as error:  # it has died while it had nothing to do
            future = Future()
            future.set_exception(error)
            return future

    def _settle(self, worker):
        """`worker` has become ready, or has done with a run, or has died."""
        with self._lock:
            if self._closed:
                return
            run, future = self._busy[worker]
            error = future.exception()
            if error is None:
                self._finished.extend(future.result() if run is not None else ())
                self._idle.append(worker)
            elif isinstance(error, BrokenProcessPool):
                self._processes.remove(worker)
                self._aside += [run] if run is not None else []
            del self._busy[worker]
        if error is None or self._job.flag.exists():
            return
        if not isinstance(error, BrokenProcessPool):
            raise tasks.lost(error) from error
        if worker is self._alone:
            raise self._died_again() from error
        self._tell(
            f"A process that trained has died, {DIED}. The sweep went on with fewer at a time, and trained again what"
            " that process had begun."
        )

    def _start_processes(self):
        """Once this process has trained an epoch, start others beside it: as many as there is memory for."""
        if self._reckoned or self._closed:
            return
        self._largest = max(self._largest, machine.resident_memory())
        if not self._first_epoch.is_set():
            return
        self._reckoned = True
        wanted = min(self._most - 1 - len(self._processes), len(self._work))
        if wanted <= 0:
            return
        once_more = self._largest - machine.resident_memory()  # what it needed for a moment, and may need again
        need, free = machine.own_memory() + once_more, machine.free_memory() - once_more
        possible = max(0, free // need)
        with self._lock:
            for _ in range(0 if self._closed else min(wanted, possible)):
                self._welcome(processes.Process(need))
        if possible < wanted:
            at_a_time = 1 + len(self._processes)
            self._tell(
                f"{at_a_time} of these trainings ran at a time, not {at_a_time + wanted - possible}: each takes about"
                f" {need / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB were free."
            )

    def _try_alone(self):
        """Do what dying processes had begun in one that has the memory for itself; never here, where it may kill us."""
        for process in self._processes:
            process.end()
        self._work, self._aside = Work(self._aside, self._structures), []
        self._idle, self._busy, self._processes = [], {}, []  # nor is one waited for that was only starting
        self._alone = processes.Process(machine.own_memory())
        self._welcome(self._alone)

    def _died_again(self):
        left = [*self._aside, *self._work]
        settings = settings_in_words(self._job.settings[left[0][0]])
        return LessonError(
            f"The sweep could not go on: a process that trained {settings} has died, {DIED}, and so has another one"
            " that had the memory for itself. Try fewer examples, a smaller batch_size or a smaller network, or shut"
            " down other notebooks. " + tasks.KEPT
        )


class Here:
    """This process as a worker: each run in a thread, so that the one that waits for it hears of an interrupt."""

    def submit(self, function, *arguments):
        future = Future()

        def work():
            try:
                future.set_result(function(*arguments))
            except BaseException as error:  # handed to the thread that waits
                future.set_exception(error)

        threading.Thread(target=work, daemon=True, name="a run of a sweep").start()
        return future


class Work:
    """Runs that are still to be given out, (number of the setting, seed), so that each worker compiles little."""

    def __init__(self, runs, structures):
        self._groups, self._begun, self._last = {}, set(), {}  # structure -> runs; who has had which structure last
        for number, seed in runs:
            self._groups.setdefault(structures[number] or (number, seed), deque()).append((number, seed))

    def __len__(self):
        return sum(map(len, self._groups.values()))

    def __iter__(self):
        return (run for group in self._groups.values() for run in group)

    def take(self, worker):
        """The next run for `worker`, or None: of the structure it has compiled, else of one that nobody has begun."""
        if not self:
            return None
        structure = self._last.get(worker)
        if not self._groups.get(structure):
            new = [key for key, group in self._groups.items() if key not in self._begun]
            structure = new[0] if new else max(self._groups, key=lambda key: len(self._groups[key]))
        self._last[worker] = structure
        self._begun.add(structure)
        return self._groups[structure].popleft()
