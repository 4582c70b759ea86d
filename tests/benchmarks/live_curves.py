"""What `live_curves` costs a training: the same fit with and without it, in turn, in a kernel whose page listens.

    python -m tests.benchmarks.live_curves

The time of the clock is what a student waits; that of the processor, of all threads of the kernel, is disturbed less by
whatever else the machine does. Each pair gives a ratio; the row has the median of the pairs.
"""

import json
import os
import statistics

from jupyter_client.manager import start_new_kernel

from tests.notebooks import ROOT

PAIRS = 9
WANTED = 1.02
SCRIPT = """
import json, time
from helpers import live_curves
from tests.networks import DIGITS as d, digits_network
model = digits_network()
def seconds(callbacks):
    clock, processor = time.perf_counter(), time.process_time()
    model.fit(d.x_train, d.y_train, validation_data=(d.x_val, d.y_val), epochs=20, verbose=0, callbacks=callbacks)
    return time.perf_counter() - clock, time.process_time() - processor
seconds([live_curves()])  # whatever is done once
pairs = []
for number in range({pairs}):
    order = [[], [live_curves()]] if number % 2 else [[live_curves()], []]
    times = [seconds(callbacks) for callbacks in order]
    pairs.append(times if number % 2 else times[::-1])
print("TIMES", json.dumps(pairs))
"""


def measure():
    """Pairs of a fit without and with it, each (seconds of the clock, of the processor)."""
    manager, client = start_new_kernel(cwd=str(ROOT), env={**os.environ, "LAB_PLACE": "background"})
    printed = []

    def hear(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    try:
        client.execute_interactive(SCRIPT.replace("{pairs}", str(PAIRS)), output_hook=hear, timeout=1200)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return json.loads("".join(printed).partition("TIMES")[2])


def report(row):
    """row: prints one of the table."""
    pairs = measure()
    for number, what in enumerate(("clock", "processor")):
        ratio = statistics.median(with_it[number] / without[number] for without, with_it in pairs)
        row(f"live_curves: fit with it, in fits without it, by the {what}", f"{ratio:.3f} x", f"<= {WANTED} x",
            ratio <= WANTED)  # fmt: skip


if __name__ == "__main__":
    report(print)
