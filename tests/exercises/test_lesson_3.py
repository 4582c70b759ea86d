"""Lesson 3's checks: each solution passes, wrong answers fail with words that help, the stub runs.

More wrong answers stand in lesson_3.toml; test_tables.py tries them.
"""

import itertools

import keras
import numpy as np
import pytest
from keras import layers

from helpers import data
from helpers.exercises import lesson_3

NAMES = {
    "my_build": lesson_3.check_reach,
    "my_explanation": lesson_3.check_explained,
    "train_well": lesson_3.check_mended,
}


def builder(
    filters=5,
    dropout=0.0,
    l2=0.0,
    learning_rate=0.001,
    dense=0,
    last="softmax",
    outputs=3,
    loss="categorical_crossentropy",
    flatten=True,
):
    """The lesson's network, with the remedies, or with something wrong."""

    def my_build():
        penalty = keras.regularizers.L2(l2)
        model = keras.Sequential([keras.Input((28, 28, 1))])
        model.add(layers.Conv2D(filters, 3, activation="relu", kernel_regularizer=penalty))
        model.add(layers.Conv2D(3 * filters, 3, activation="relu", kernel_regularizer=penalty))
        if flatten:
            model.add(layers.Flatten())
        if dense:
            model.add(layers.Dense(dense, activation="relu"))
        model.add(layers.Dropout(dropout))
        model.add(layers.Dense(outputs, activation=last, kernel_regularizer=penalty))
        model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss=loss, metrics=["accuracy"])
        return model

    return my_build


def trained():
    clothes = data.clothing(["T-shirt/top", "Dress", "Shirt"], n_train=150, n_validation=300, one_hot=True)
    model = builder()()
    model.fit(clothes.x_val, clothes.y_val, epochs=8, verbose=0)
    return model


WRONG_NETWORKS = [
    ((lambda size: None, 20), "size must have a default"),
    ((lambda: 3, 20), "returns a int"),
    ((lambda: 1 / 0, 20), "ZeroDivisionError"),
    ((builder(), 61), "At most 60 epochs"),
    ((builder(), 10), "Train for 40 epochs or more"),
    ((builder(flatten=False), 20), "array of shape (8, 24, 24, 3)"),
    ((builder(outputs=10), 20), "8 rows of 3"),
    ((builder(last="sigmoid"), 20), "sum to 1"),
    ((builder(dense=64), 20), "553,"),
    ((builder(loss="binary_crossentropy"), 20), "loss is categorical_crossentropy"),
    ((builder(loss=keras.losses.SparseCategoricalCrossentropy()), 20), "loss is categorical_crossentropy"),
]
TOO_HIGH = [
    (builder(), 40, "overfits. Make learning by heart harder"),
    (builder(), 2, "still falling"),
    (builder(filters=1, learning_rate=0.00001), 20, "levelled off too high"),
    (builder(learning_rate=10.0), 10, "no better than guessing"),
    (builder(learning_rate=1e30), 5, "stops being a number"),
    (trained, 10, "fresh, untrained one"),
]
REMEDIES = {
    "much dropout": (builder(dropout=0.8), 40),
    "penalty": (builder(l2=0.03), 40),
    "fewer filters": (builder(filters=1), 40),
}

# Words of many people, so to say: all four things are in each of them.
GOOD_WORDS = [
    "The training loss keeps falling until the end. The validation loss goes down first but turns around epoch 13 and"
    " goes up again. The network memorises the 150 pictures it was given. I would stop training earlier.",
    "Blue goes down and down, nearly to zero, whereas orange reaches its minimum early and then climbs. That's"
    " overfitting. Dropout or more images would help.",
    "While the loss on the training pictures continues to drop, the loss on the validation pictures starts rising"
    " after about a third of the run. The model has too many parameters for so few images, so it just learns them by"
    " heart. One could use a smaller network.",
    "Both losses fall at first; then they part. Validation loss increases from epoch 12 on, training loss approaches"
    " zero. The model remembers its training examples instead of finding what shirts have in common. Data"
    " augmentation would help.",
    "At the beginning both curves decrease. Later the val_loss increases while the loss of the training data is still"
    " decreasing. The network overfits the training data. Regularisation, e.g. dropout, might help.",
    "The network gets better and better on the training pictures but worse on new ones, because it learns the few"
    " pictures by heart. Add weight decay or train with fewer epochs.",
    "Training loss: falls all the way to 0. Validation loss: falls, then grows. Reason: the network is too large and"
    " memorizes. Cure: early stopping with the best weights restored.",
    "The validation curve turns after ten epochs and its loss gets worse and worse. Meanwhile the training curve just"
    " sinks. It has overfitted. I'd take more pictures.",
    "With falling training loss and rising validation loss, this run is a case of overfitting: it knows its own"
    " pictures by heart. We should stop at the lowest validation loss.",
    "The loss for pictures the network has not seen rises again after a while, but training loss shrinks to nearly"
    " nothing and keeps decreasing. So it is memorising. A penalty on large weights would hold it back.",
    "The validation loss first falls together with the training loss and then rises, while the training loss declines"
    " further. The network overfits, so I would stop it after epoch 13.",
    "Training loss drops steadily. Validation loss is different. It drops at first and then goes up again. It is"
    " overfitting, I would flip some of the pictures to get more variety.",
    "The training error diminishes right to the end, yet the validation error bottoms out and then deteriorates. The"
    " model fits the noise in 150 photos. Use L2 or stop sooner.",
    "After roughly 12 epochs the two lines separate. The training line moves further downwards, the validation line"
    " upwards. The model no longer generalises. Train it for a shorter time.",
    "TRAINING LOSS GOES DOWN TO ZERO AND VALIDATION LOSS GOES UP AFTER EPOCH TEN BECAUSE IT LEARNS BY HEART. USE"
    " FEWER FILTERS.",
    "Up to epoch 10 validation loss improves, then it worsens; training loss improves all the time. It's memorization"
    " of a tiny data set, and the remedy would be to collect more photos.",
    "The gap between the curves widens: validation loss rises above the training loss, which keeps falling towards"
    " zero. The network over-fits. Increase dropout.",
    "The network's training loss falls and falls. Its validation loss fell until epoch 15 and rose afterwards. It"
    " learnt the training pictures by heart. I would keep the weights of the best epoch.",
    "The training loss gets smaller and smaller over the 40 epochs. The validation loss has its lowest point at about"
    " epoch 13, after that it gets bigger. The network starts to memorise pictures. You could stop training at epoch"
    " 13.",
    "You can see overfitting: loss on the training set tends to zero, loss on the validation set has a minimum and"
    " then goes up. To avoid it, use dropout.",
    "Training loss decreases constantly, validation loss only until epoch 10, then it increases. The network learns"
    " details of single pictures, it overfits. Solution: more data.",
    "The curve of the training loss is always going down. The curve of the validation loss makes a U: it goes down,"
    " and then up. The network learns its examples by heart. I suggest a smaller model.",
    "Our network learned the training images by heart: the training loss is almost zero at the end, but the"
    " validation loss is much higher than its minimum. We could use early stopping.",
    "In the first ten epochs both losses go down. After that only the training loss keeps going down, while the"
    " validation loss is going up. It's overfitting because there are only 150 pictures. Get more pictures or use"
    " dropout.",
    "The model is overfitting. Training loss continues to fall, validation loss starts to rise around epoch 12."
    " Remedy: L2 penalty.",
    "First it learns what clothes look like, and both losses fall. Later it memorizes the training pictures, so the"
    " training loss falls on and the validation loss rises. I would train with dropout.",
    "Validation loss is lowest in epoch 12. From there it climbs from 0.45 to 0.7. Training loss sinks to 0.02. The"
    " network has memorised its pictures and is too sure of itself on new pictures. Stop training there.",
    "The training loss went down the whole time but the validation loss went back up after a while, which means the"
    " model overfitted. I'd use fewer parameters.",
    "Loss on seen pictures drops to nothing. Loss on unseen pictures drops, then rises. It has remembered rather than"
    " understood. Fewer epochs would be enough.",
    "The longer it trains, the lower the training loss. The validation loss however is getting worse after epoch 15."
    " The network adapts too much to its training pictures (overfitting), so end training at epoch 15.",
    "Training accuracy reaches 1 and training loss nearly 0, so all pictures are known by heart. Validation loss, on"
    " the other hand, increases again from epoch 14. Augmentation or dropout could help.",
    "The blue curve falls until the end and the orange one rises after epoch 12, so the network has begun to learn by"
    " heart. One should stop early.",
    "training loss always falls, validation loss falls and then it gets higher because of overfitting, i would add a"
    " dropout layer",
    "On the pictures it was trained on the network gets better and better, its loss goes to zero. On new pictures it"
    " first improves and then becomes worse. It has learned by heart. I would stop the training after epoch 13.",
    "Training keeps improving until the last epoch. Validation gets worse from about the twelfth epoch on. This"
    " happens because the network has far too many weights for 150 pictures. I would try dropout.",
    "The training loss is falling during the whole run, but the validation loss only falls in the beginning. After"
    " that it rises slowly. The cause is overfitting and I could fix it by adding dropout.",
    "The longer we train, the smaller the training loss becomes, whereas the validation loss reaches a low point and"
    " afterwards increases. The model has memorised its training set. More training data would help.",
    "Here we see that the two curves go apart: one (training) falls, the other (validation) rises. The network is"
    " overfitting. To prevent this one can stop early or use a smaller network.",
    "It's clear the network overfits. The val loss turns upward after around 10 epochs and the train loss just goes"
    " lower and lower. A fix is to regularize the weights.",
    "Validation loss falls until epoch 13 and then rises until the end. Training loss, in contrast, falls until the"
    " end. It memorised the training pictures. We need augmentation.",
    "The training loss approaches zero because the network can memorise 150 pictures easily. That does not help for"
    " other pictures: validation loss goes up again after its minimum. Stop at the minimum.",
    "As training goes on, validation loss rises more and more although training loss is still falling. Reason: with"
    " 26,000 numbers it can learn 150 pictures by heart. I would take fewer filters.",
    "Training: the loss falls steadily. Validation: the loss falls, turns and rises. The network learns the few"
    " pictures by heart and we should give it more of them, or stop earlier.",
    "Loss goes down on training pictures all the time, but on validation pictures it goes up again. The network"
    " overfits, so use early stopping with restore_best_weights.",
    "Towards the end, training loss is nearly 0 while the validation loss has doubled. So the network only knows its"
    " own pictures. Add dropout so that it can't learn them by heart.",
]
FALLS, TURNS, WHY, REMEDY = (
    "Not found: that training loss goes on",
    "that validation loss turns",
    "why they part (what",
    "what one could do about it (what",
)
# Each with the parts that are not there.
LACKING = [
    (
        "The validation loss falls at first and then rises, because the network overfits the training pictures. I"
        " would stop the training earlier.",
        [FALLS],
    ),
    (
        "Validation loss falls, turns at epoch 13 and rises, since the network learns its few training pictures by"
        " heart. A smaller network would be better.",
        [FALLS],
    ),
    (
        "After epoch 13 the validation loss goes up. The network is overfitting its training data, as it has too many"
        " parameters. It is better to stop there and to lower the number of filters.",
        [FALLS],
    ),
    (
        "Training loss goes down to zero up to the last epoch. The validation loss does not. The network overfits its"
        " few pictures. Increase the dropout rate or stop earlier.",
        [TURNS],
    ),
    (
        "The training loss keeps falling, and the validation loss falls too at first. The network memorises the"
        " pictures. I would use dropout and more training pictures.",
        [TURNS],
    ),
    (
        "The training loss falls all the time, while the validation loss falls and then rises again. I would stop the"
        " training at epoch 13 or use dropout.",
        [WHY],
    ),
    (
        "Training loss keeps falling to the end. Validation loss turns early and rises. The network has learned the"
        " few training pictures by heart; this is overfitting.",
        [REMEDY],
    ),
    (
        "Training loss never stops falling. Validation loss stops falling after a while and rises. The network has"
        " too many weights and overfits the pictures it knows.",
        [REMEDY],
    ),
    (
        "Training loss rises all the way to the end, while validation loss falls at first and goes on falling. The"
        " network has overfitted, we should stop earlier.",
        [FALLS, TURNS, "two curves swapped"],
    ),
    ("overfitting " * 20, [FALLS, TURNS, REMEDY]),
    (
        "dropout and shirts and dresses and epochs and curves and pictures and filters and layers and numbers and so"
        " on and on",
        [FALLS, TURNS, WHY],
    ),
    (
        "This picture shows two curves, a blue one and an orange one, over sixty epochs of a network that tells"
        " clothes apart.",
        [FALLS, TURNS, WHY, REMEDY],
    ),
]


def mending(
    monitor="val_loss",
    validate=True,
    restore=True,
    patience=3,
    mode="auto",
    epochs=60,
    hand_over=lambda model, training: (model, training),
):
    """The script of the exercise, mended as the arguments say."""

    def train_well(build, x_train, y_train, x_val, y_val):
        model = build()
        stop = keras.callbacks.EarlyStopping(
            monitor=monitor, patience=patience, restore_best_weights=restore, mode=mode
        )
        training = model.fit(
            x_train,
            y_train,
            epochs=epochs,
            validation_data=(x_val, y_val) if validate else (x_train, y_train),
            callbacks=[stop],
            verbose=0,
        )
        return hand_over(model, training)

    return train_well


VALIDATION, STOPPING, RESTORING = (
    "look at what validation_data is given",
    "which curve should it watch",
    "restore the weights of the best epoch",
)
NOT_MENDED = {
    "none of the three": (mending("loss", False, False), VALIDATION),
    "only the monitor": (mending("val_loss", False, False), VALIDATION),
    "only the restoring": (mending("loss", False, True), VALIDATION),
    "not the validation": (mending(validate=False), VALIDATION),
    "only the validation": (mending("loss", True, False), STOPPING),
    "not the restoring, patience 1": (mending(restore=False, patience=1), RESTORING),
    "mode max": (mending(mode="max"), "smallest value"),
    "patience 60": (mending(patience=60), STOPPING),
}
NOT_HANDED_OVER = [(lambda build: None, "TypeError"), (lambda *_: eval("modle"), "NameError")]


def solved(name):
    names = {"keras": keras}
    exec(NAMES[name].solution, names)
    return NAMES[name]((names["my_build"], names["my_epochs"]) if name == "my_build" else names[name])


@pytest.mark.parametrize(
    "name",
    [
        "my_explanation",
        pytest.param("my_build", marks=pytest.mark.slow),
        pytest.param("train_well", marks=pytest.mark.slow),
    ],
)
def test_the_solution_passes(name):
    feedback = solved(name)
    assert feedback.passed, feedback.message


@pytest.mark.parametrize("name", NAMES)
def test_the_untouched_stub_runs_and_says_what_to_do(name):
    assert "three dots" in NAMES[name](...).message
    stub = {
        "my_build": (lambda: None, 40),
        "my_explanation": ...,
        "train_well": lambda build, x_train, y_train, x_val, y_val: None,
    }[name]
    feedback = NAMES[name](stub)
    assert not feedback.passed and ("returns nothing yet" in feedback.message or "three dots" in feedback.message)


def test_the_hint_gives_the_solution_not_away():
    for check in NAMES.values():
        assert check.solution.strip().splitlines()[-1].strip() not in check.hint


@pytest.mark.parametrize("answer, words", WRONG_NETWORKS)
def test_what_is_no_network_for_these_clothes_is_told_before_any_training(answer, words):
    feedback = lesson_3.check_reach(answer)
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize("build, epochs, words", TOO_HIGH)
def test_a_validation_loss_that_ends_too_high_is_told_why(build, epochs, words, monkeypatch):
    monkeypatch.setattr(lesson_3, "FEWEST_EPOCHS", 1)
    feedback = lesson_3.check_reach((build, epochs))
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize("name", REMEDIES)
def test_an_honest_remedy_reaches_the_target(name):
    feedback = lesson_3.check_reach(REMEDIES[name])
    assert feedback.passed, feedback.message


@pytest.mark.slow
def test_the_plain_network_misses_the_target_clearly_whatever_the_seeds(monkeypatch):
    monkeypatch.setattr(lesson_3, "SEEDS", range(8))
    clothes = data.clothing(["T-shirt/top", "Dress", "Shirt"], n_train=150, n_validation=300, one_hot=True)
    plain = [np.mean(three) for three in itertools.combinations(lesson_3._train(builder(), 40, clothes)[0], 3)]
    print(f"plain: {min(plain):.3f} to {max(plain):.3f}")
    assert min(plain) > lesson_3.TARGET + 0.06


@pytest.mark.slow
def test_a_network_that_trains_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(lesson_3, "MOST_SECONDS", 0)
    assert "too long for a check" in lesson_3.check_reach((builder(filters=1), 60)).message


@pytest.mark.parametrize("words", GOOD_WORDS)
def test_a_good_explanation_passes_however_it_is_worded(words):
    feedback = lesson_3.check_explained(words)
    assert feedback.passed and "only looks for words" in feedback.message, feedback.message


@pytest.mark.parametrize("words, lacks", LACKING)
def test_an_explanation_that_lacks_something_is_told_what(words, lacks):
    feedback = lesson_3.check_explained(words)
    assert not feedback.passed and "only looks for words" in feedback.message
    for part in (FALLS, TURNS, WHY, REMEDY, "two curves swapped"):
        missing = feedback.message[feedback.message.index("Not found") :]
        assert (part in missing) == (part in lacks), feedback.message


def test_the_words_of_a_short_explanation_are_counted():
    assert "there are 0" in lesson_3.check_explained("").message


@pytest.mark.slow
@pytest.mark.parametrize("name", NOT_MENDED)
def test_each_mistake_that_is_left_is_told_by_itself(name):
    answer, words = NOT_MENDED[name]
    feedback = lesson_3.check_mended(answer)
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.parametrize("answer, words", NOT_HANDED_OVER)
def test_what_is_not_handed_over_is_told(answer, words):
    feedback = lesson_3.check_mended(answer)
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 1},
        {"patience": 20},
        {"mode": "min", "epochs": 100, "patience": 2},
        {"hand_over": lambda model, training: [model, training.history]},
    ],
)
def test_other_ways_to_mend_it_pass(settings):
    feedback = lesson_3.check_mended(mending(**settings))
    assert feedback.passed, feedback.message
