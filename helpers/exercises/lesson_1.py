"""The checks of lesson 1's exercises. Each judges what an answer does, not how it is written."""

import inspect

import keras
import numpy as np

from helpers import data, engine
from helpers.exercises.checks import NotYet, exercise


@exercise(
    hint="First find how many pictures are left for training: validation_split takes its part away before."
    " Then count the batches; what is left over at the end makes one more, smaller batch. That is one epoch.",
    solution="import math\n"
    "\n"
    "examples = math.floor(800 * (1 - 0.25))\n"
    "batches = math.ceil(examples / 64)\n"
    "my_updates = batches * 3",
)
def check_updates(answer):
    if isinstance(answer, bool) or not isinstance(answer, (int, float, np.number)):
        raise NotYet("The answer should be one number.")
    if answer == 30:
        return "600 training pictures make 10 batches (the last of 24), and three epochs go through them three times."
    if answer == 10:
        raise NotYet("That is the number of updates in one epoch; there are three.")
    if answer in (39, 13):
        raise NotYet("That counts the validation pictures too. The network never learns from them.")
    if answer in (27, 9):
        raise NotYet("The last batch counts, even if it is not full.")
    if answer == 29:
        raise NotYet(
            "Round up in each epoch, not once at the end: every epoch begins with full batches and ends with a"
            " smaller one."
        )
    if answer in (36, 37.5, 38, 12, 12.5):
        raise NotYet(
            "Take the validation pictures away first; then round up: the last batch counts, even if it is not full."
        )
    if answer in (28.125, 9.375):
        raise NotYet("There is no such thing as a part of an update: a batch that is not full still makes a whole one.")
    raise NotYet(f"It is not {answer}.")


@exercise(
    hint='model.add(…) or one more line in the list: keras.layers.Dense(64, activation="relu") before the last layer.',
    solution="def build_deeper():\n"
    "    model = keras.Sequential([\n"
    "        keras.Input((64,)),\n"
    '        keras.layers.Dense(64, activation="relu"),\n'
    '        keras.layers.Dense(64, activation="relu"),\n'
    '        keras.layers.Dense(10, activation="softmax"),\n'
    "    ])\n"
    '    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])\n'
    "    return model",
)
def check_deeper(answer):
    if isinstance(answer, keras.Model):
        raise NotYet(
            "You handed over a network. Hand over the function that makes one: build_deeper, without brackets."
        )
    if not callable(answer):
        raise NotYet("build_deeper should be a function that makes a network: begin with def build_deeper():")
    needs = [
        name for name, parameter in inspect.signature(answer).parameters.items() if parameter.default is parameter.empty
    ]
    if needs:
        raise NotYet(
            f"The check calls build_deeper() with nothing in the brackets, so {', '.join(needs)} must have a default"
            " value."
        )
    model = answer()
    if model is Ellipsis or model is None:
        raise NotYet("Your function returns nothing yet. Its last line should be: return model")
    if not isinstance(model, keras.Model):
        raise NotYet(f"Your function returns a {type(model).__name__}, not a Keras model.")
    if not model.compiled:
        raise NotYet("The model is not compiled: without a loss and an optimizer it cannot be trained.")
    digits = data.digits(one_hot=True)
    few = digits.x_train[:8]
    prediction = np.asarray(model(few))
    if prediction.shape != (8, 10):
        raise NotYet(
            "For 8 images the network should give 8 rows of 10 probabilities; it gives an array of shape"
            f" {prediction.shape}."
        )
    if not np.allclose(prediction.sum(axis=1), 1, atol=1e-3) or (prediction < 0).any():
        raise NotYet(
            "The ten outputs for an image should be probabilities that sum to 1: what activation does the last layer"
            " need?"
        )
    hidden = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][:-1]
    if len(hidden) < 2:
        raise NotYet(f"There is {len(hidden)} hidden Dense layer; deeper means at least two.")
    if any(layer.activation is keras.activations.linear for layer in hidden):
        raise NotYet("A hidden layer has no activation. Without one, two layers can do no more than one.")
    if getattr(model.loss, "name", model.loss) != "categorical_crossentropy":
        raise NotYet(
            "For one-hot targets and ten probabilities the loss is categorical_crossentropy; yours is another."
        )
    history = engine.fit(model, digits.x_train, digits.y_train, epochs=10)
    right = np.asarray(model(digits.x_val)).argmax(axis=1) == digits.y_val.argmax(axis=1)
    if right.mean() < 0.85:
        raise NotYet(
            "It is deeper, but after ten epochs it still gets many validation digits wrong."
            " Are the layers wide enough, and is the optimizer a good one (adam)?"
        )
    if "accuracy" not in history.history:
        raise NotYet('It learns. To see how well, ask for the accuracy when you compile: metrics=["accuracy"].')
    return "It learns, and it has more to adjust than the network you started from."


@exercise(
    hint='The list training.history["val_loss"] has one number per epoch. np.argmin(list), after import numpy as'
    " np, gives the position of the smallest,"
    " counted from 0; epochs are counted from 1.",
    solution='import numpy as np\n\ndef best_epoch(history):\n    return int(np.argmin(history["val_loss"])) + 1',
)
def check_best_epoch(answer):
    if not callable(answer):
        raise NotYet("best_epoch should be a function: begin with def best_epoch(history):")
    rising = {
        "loss": [0.9, 0.5, 0.3, 0.2, 0.1, 0.15],
        "val_loss": [0.6, 0.5, 0.4, 0.5, 0.7, 0.8],
        "accuracy": [0.5, 0.7, 0.8, 0.9, 0.96, 0.95],
        "val_accuracy": [0.5, 0.6, 0.7, 0.72, 0.71, 0.70],
    }
    first = {"loss": [0.5, 0.4], "val_loss": [0.6, 0.8], "accuracy": [0.7, 0.8], "val_accuracy": [0.6, 0.7]}
    try:
        found = answer(rising)
    except AttributeError as error:
        raise NotYet(
            'history is already the dictionary here: history["val_loss"], without .history in between.'
        ) from error
    if found is None or found is Ellipsis:
        raise NotYet("Your function returns nothing yet: end it with return.")
    if found == 0.4:
        raise NotYet("That is the lowest validation loss itself. Which epoch has it?")
    if found == 2:
        raise NotYet("You counted the epochs from 0, as Python counts. The first epoch is epoch 1.")
    if found == 5:
        raise NotYet("That is where the training loss is lowest. Which curve tells about new pictures?")
    if found == 6:
        raise NotYet("That is where the validation loss is highest.")
    if found == 4:
        raise NotYet(
            "That is where the validation accuracy is highest (or the training loss lowest, counted from 0). It is"
            " about the validation loss."
        )
    if found != 3 or answer(first) != 1:
        raise NotYet(
            f"For the validation losses {rising['val_loss']} it should be epoch 3, and for {first['val_loss']} epoch 1;"
            f" you get {found} and {answer(first)}."
        )
    return "This is the epoch one would like to keep; a later lesson shows how to."
