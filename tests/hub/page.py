"""What a page knows of the live panels of a kernel, and how it moves their sliders: widgets, as messages."""

import re
import time

PATIENCE = 60  # seconds for a run that takes a second
STATE = re.compile(r'data-state="(\w+)"'), re.compile(r'data-run="(\d+)"')


class Page:
    """What a page knows of a kernel's live panels: the controls by their names, and each panel's state."""

    def __init__(self, kernel):
        self.kernel, self.controls, self.panels = kernel, {}, {}

    def hear(self, message):
        """Take note of what a message says of a widget; returns the panel whose run it says is done, as (comm, run)."""
        if not message["header"]["msg_type"].startswith("comm_"):
            return None
        comm, data = message["content"]["comm_id"], message["content"].get("data", {})
        state = data.get("state", {})
        if "Slider" in state.get("_model_name", ""):
            self.controls.setdefault(state.get("description"), comm)  # the first panel's
        found = [part.search(str(state.get("value", ""))) for part in STATE]
        if all(found):
            self.panels[comm] = int(found[1][1])
            if found[0][1] == "done":
                return comm, int(found[1][1])
        return None

    def move(self, name, value):
        """Move a slider; returns how many seconds it took until a new run was done."""
        before, began = dict(self.panels), time.monotonic()
        update = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        self.kernel.send("comm_msg", {"comm_id": self.controls[name], "data": update})
        while True:
            done = self.hear(self.kernel.receive(began + PATIENCE - time.monotonic()))
            if done and done[1] > before.get(done[0], 0):
                return time.monotonic() - began


def moves():
    """Steps of the first panel's sliders, one at a time, to settings that it has not seen yet."""
    dropout = [step / 10 for step in range(9)]
    for seed in range(1, 10):
        yield from (("dropout", value) for value in dropout[1:])
        yield "seed", seed
        dropout.reverse()
