"""The checks of lesson 1's exercises. Each judges what an answer does, not how it is written."""

import keras
import numpy as np

from helpers import data, engine
from helpers.checks import NotYet, exercise


@exercise(
    hint="First find how many examples are left for training: validation_split takes its part away before."
    " Then count the batches; what is left over at the end makes one more, smaller batch. That is one epoch.",
    solution="import math\n\ntraining = math.floor(800 * (1 - 0.25))\nbatches = math.ceil(training / 64)\nmy_updates = batches * 3",
)
def check_updates(answer):
    if isinstance(answer, bool) or not isinstance(answer, (int, float, np.number)):
        raise NotYet("The answer should be one number.")
    if answer == 30:
        return "600 training examples make 10 batches (the last of 24), and three epochs go through them three times."
    if answer == 10:
        raise NotYet("That is the number of updates in one epoch; there are three.")
    if answer in (39, 13):
        raise NotYet("That counts the validation examples too. The network never learns from them.")
    if answer in (27, 9):
        raise NotYet("The last batch counts, even if it is not full.")
    if answer in (28.125, 9.375):
        raise NotYet("There is no such thing as a part of an update: a batch that is not full still makes a whole one.")
    raise NotYet(f"It is not {answer}.")


@exercise(
    hint="model.add(…) or one more line in the list: keras.layers.Dense(64, activation=\"relu\") before the last layer.",
    solution='def build_deeper():\n    model = keras.Sequential([\n        keras.Input((64,)),\n        keras.layers.Dense(64, activation="relu"),\n'
    '        keras.layers.Dense(64, activation="relu"),\n        keras.layers.Dense(10, activation="softmax"),\n    ])\n'
    '    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])\n    return model',
)
def check_deeper(answer):
    if not callable(answer):
        raise NotYet("Hand over the function itself, build_deeper, without brackets.")
    model = answer()
    if model is None:
        raise NotYet("Your function returns nothing. Its last line should be: return model")
    if not isinstance(model, keras.Model):
        raise NotYet(f"Your function returns a {type(model).__name__}, not a Keras model.")
    if not model.compiled:
        raise NotYet("The model is not compiled: without a loss and an optimizer it cannot be trained.")
    digits = data.digits(one_hot=True)
    few = digits.x_train[:8]
    prediction = np.asarray(model(few))
    if prediction.shape != (8, 10):
        raise NotYet(f"For 8 images the network should give 8 rows of 10 probabilities; it gives an array of shape {prediction.shape}.")
    if not np.allclose(prediction.sum(axis=1), 1, atol=1e-3) or (prediction < 0).any():
        raise NotYet("The ten outputs for an image should be probabilities that sum to 1: what activation does the last layer need?")
    hidden = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][:-1]
    if len(hidden) < 2:
        raise NotYet(f"There is {len(hidden)} hidden Dense layer; deeper means at least two.")
    if any(layer.activation is keras.activations.linear for layer in hidden):
        raise NotYet("A hidden layer has no activation. Without one, two layers can do no more than one.")
    history = engine.fit(model, digits.x_train, digits.y_train, (digits.x_val, digits.y_val), epochs=10)
    reached = history.history.get("val_accuracy", [0])[-1]
    if reached < 0.85:
        raise NotYet("It is deeper, but after ten epochs it still gets many validation digits wrong. Are the layers wide enough?")
    return "It learns, and it has more to adjust than the network you started from."


@exercise(
    hint='The list training.history["val_loss"] has one number per epoch. np.argmin(list) gives the position of the smallest,'
    " counted from 0; epochs are counted from 1.",
    solution='import numpy as np\n\ndef best_epoch(history):\n    return int(np.argmin(history["val_loss"])) + 1',
)
def check_best_epoch(answer):
    if not callable(answer):
        raise NotYet("Hand over the function itself, best_epoch, without brackets.")
    falling = {"loss": [0.9, 0.5, 0.3, 0.2, 0.1], "val_loss": [0.9, 0.6, 0.4, 0.5, 0.7],
               "accuracy": [0.5, 0.7, 0.8, 0.9, 0.95], "val_accuracy": [0.5, 0.6, 0.7, 0.72, 0.71]}
    first = {"loss": [0.5, 0.4], "val_loss": [0.6, 0.8], "accuracy": [0.7, 0.8], "val_accuracy": [0.6, 0.7]}
    found = answer(falling)
    if found is None:
        raise NotYet("Your function returns nothing: end it with return.")
    if found == 2:
        raise NotYet("You counted the epochs from 0, as Python counts. The first epoch is epoch 1.")
    if found == 5:
        raise NotYet("That is where the training loss is lowest (or the validation loss highest). Which curve tells about new images?")
    if found == 4:
        raise NotYet("That is where the validation accuracy is highest. Look at the validation loss here.")
    if found != 3 or answer(first) != 1:
        raise NotYet(f"For the validation losses {falling['val_loss']} it should be epoch 3, and for {first['val_loss']} epoch 1;"
                     f" you get {found} and {answer(first)}.")
    return "This is the epoch one would like to keep; a later lesson shows how to."
