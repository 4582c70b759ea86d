"""What stays of a live part in the notebook's file: the picture and the words of its last run.

A page whose kernel is gone cannot show widgets ("Error displaying widget: model not found"). So a cell with a live part
has a second output. While the part lives it is hidden; in a notebook that was closed and opened again it stands where
the part stood, and the error does not.
"""

import os
import threading
import uuid

from IPython.display import display, update_display

SOON = 1.0  # seconds without another picture, after which the last one is kept: quick moves do not pay for it
STYLE = """<style>
.jp-OutputArea-child:has(.live-panel,.live-asked) + .jp-OutputArea-child:has(.live-kept),
.jp-OutputArea-child:not(:has(.live-panel,.live-asked)):has(+ .jp-OutputArea-child .live-kept p){display:none}
.live-kept img{max-width:100%;height:auto}
.live-kept .lab-figures :is(th,td){text-align:right;padding:1px 8px}
</style>"""
REVIVE = "Kept from the last time. Run the cell to bring it back to life."


class Keepsake:
    """The second output of a cell. `is_shown`: whether there is one."""

    def __init__(self):
        self._name, self._timer, self.is_shown = uuid.uuid4().hex, None, False

    def show(self):
        """Make the output; there is nothing in it yet."""
        self.is_shown = True
        display({"text/html": f'{STYLE}<div class="live-kept"></div>', "text/plain": ""}, raw=True, **self._id())

    def keep(self, make):
        """Keep what `make()` returns, (data, metadata) as for `display`, unless this is called again soon."""
        self.let_go()
        self._timer = threading.Timer(SOON, self._put, [make])
        self._timer.daemon = True
        self._timer.start()

    def let_go(self):
        """What was to be kept soon is out of date."""
        if self._timer is not None:
            self._timer.cancel()

    def _put(self, make):
        data, metadata = make()
        html = data["text/html"]
        if "VSCODE_PID" in os.environ:  # where the rules above find nothing to hide
            html = f"<details><summary>The last run, as it is kept in the file</summary>{html}</details>"
        data = {**data, "text/html": f'{STYLE}<div class="live-kept">{html}</div>'}
        update_display(data, metadata=metadata, raw=True, **self._id())

    def _id(self):
        return {"display_id": self._name}
