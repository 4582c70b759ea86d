"""`live_curves` in a real JupyterLab: curves grow in a training of model.fit, Stop ends it, and a picture stays."""

import nbformat
import pytest

from tests.browser.lab import ROOT, Notebook, wait_until

pytestmark = pytest.mark.slow

SETUP = f"""import sys; sys.path.insert(0, {str(ROOT)!r})
from helpers import data, live_curves, second_opinion
import keras, numpy as np, time
from keras import layers
d = data.digits(one_hot=True)
def build():
    model = keras.Sequential([keras.Input((64,)), layers.Dense(16, activation="relu"),
                              layers.Dense(10, activation="softmax")])
    model.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model
class Note(keras.callbacks.Callback):  # when the last batch ended, with which weights; the longest time to the next
    at, pause = None, 0
    def on_train_batch_begin(self, batch, logs=None):
        self.pause = max(self.pause, time.time() - self.at) if self.at else 0
    def on_train_batch_end(self, batch, logs=None):
        self.at, self.weights = time.time(), self.model.get_weights()
note, watch, model = Note(), live_curves(), build()
told = dict(validation_data=(d.x_val, d.y_val), verbose=0, callbacks=[watch, note])"""
LONG = "history = model.fit(d.x_train, d.y_train, epochs=5000, **told); ended = time.time()"


@pytest.fixture
def lab(server, browser, request):
    notebook = Notebook(server, browser, f"live_{request.node.originalname[5:25]}.ipynb", [SETUP, *request.param])
    yield notebook
    notebook.close()


def saved_outputs(lab, cell):
    lab.page.keyboard.press("Control+s")
    lab.page.wait_for_selector(".jp-mod-dirty", state="detached", timeout=20000)
    return nbformat.read(lab.server.folder / lab.name, 4).cells[cell].outputs


def prompt(lab, number):
    return lab.page.locator(".jp-CodeCell .jp-InputArea-prompt").nth(number).text_content().strip()


@pytest.mark.parametrize("lab", [[LONG, "after = len(watch.history['loss'])\nsecond_opinion(history)"]], indirect=True)
def test_curves_grow_stop_ends_the_training_and_the_picture_is_there_when_reopened(lab):
    lab.run_all()
    wait_until(lambda: lab.panel() and len(lab.curve("val_loss")) > 3, 120, "some points")
    assert prompt(lab, 1) == "[*]:" and lab.panel()["state"] == "training"
    lab.focus("Stop")
    pressed = lab.page.evaluate("Date.now() / 1000")
    lab.page.keyboard.press("Enter")
    lab.page.wait_for_selector('.jp-OutputArea img[alt*="best epoch"]', timeout=20000)
    wait_until(lambda: prompt(lab, 2) not in ("[*]:", "[ ]:"), 20, "the next cell to run")
    print(f"from key press to the end of the last batch: {lab.ask('note.at') - pressed:.2f} s")
    # After the batch that was under way comes the validation, as after each epoch.
    assert lab.ask("ended - note.at") < lab.ask("note.pause") + 0.5
    assert lab.ask("all(np.array_equal(*each) for each in zip(model.get_weights(), note.weights))")
    assert lab.ask("len(history.history['loss'])") == lab.ask("after") > 3
    assert lab.page.locator(".live-panel").count() == 0 and lab.tracebacks() == []

    opinion = lab.page.locator(".jp-OutputArea").last
    assert opinion.locator("[role=status]").count() == opinion.locator("img[alt]").count() == 1
    assert "Second opinion: " in opinion.inner_text()

    (output,) = saved_outputs(lab, 1)
    assert "application/vnd.jupyter.widget-view+json" not in output.data
    assert (
        output.data["text/plain"].startswith("Stopped in epoch ") and "The best epoch is" in output.data["text/plain"]
    )
    lab.menu("File", "Reload Notebook from Disk")
    lab.page.goto("about:blank")
    lab.open()
    pictures = lab.page.locator('.jp-OutputArea img[alt*="best epoch"]')  # of the training, and of the opinion on it
    assert pictures.evaluate_all("all => all.map(each => each.complete && each.naturalWidth > 100)") == [True, True]
    assert "model not found" not in lab.page.content()
