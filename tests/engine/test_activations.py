"""What is computed of dropout and batch normalisation is what Keras's own layers do, and the network looked at stays as
it is."""

import random

import keras
import numpy as np
import pytest
from keras import layers

from helpers.data import clothing
from helpers.engine import activations
from helpers.errors import LessonError

CLOTHES = clothing(("Dress", "Shirt"), n_train=150, n_validation=10, one_hot=True)
RANDOM = np.random.default_rng(0)


def network(*inner, shape=(28, 28, 1)):
    return keras.Sequential([keras.Input(shape), *inner, layers.Flatten(), layers.Dense(2, activation="softmax")])


def both_layers():
    model = network(
        layers.Conv2D(5, 3, activation="relu"),
        layers.BatchNormalization(momentum=0.9),
        layers.Dropout(0.25),
        layers.Conv2D(3, 3),
    )
    return model


def train(model):
    model.compile(optimizer="adam", loss="categorical_crossentropy", run_eagerly=True)
    model.fit(CLOTHES.x_train, CLOTHES.y_train, epochs=1, batch_size=75, verbose=0)


def values(*shape):
    return RANDOM.normal(0.5, 1.5, shape).astype(np.float32)


def some_norm(shape, **settings):
    """A layer whose weights are none of the usual zeros and ones."""
    layer = layers.BatchNormalization(**settings)
    layer.build((None, *shape))
    layer.set_weights([RANDOM.uniform(0.5, 2, weights.shape) for weights in layer.get_weights()])
    return layer


# The formulas


@pytest.mark.parametrize("rate", [0, 0.25, 0.5, 0.8])
def test_dropout_with_the_mask_of_keras_is_what_keras_returns(rate):
    x = np.abs(values(16, 9, 9, 5)) + 0.1
    returned = np.asarray(layers.Dropout(rate, seed=1)(x, training=True))
    assert np.allclose(activations.dropout(x, returned != 0, rate), returned, rtol=1e-6, atol=1e-6)
    assert np.array_equal(layers.Dropout(rate)(x, training=False), x)


def test_a_mask_drops_as_many_as_the_rate_says_and_a_higher_rate_drops_those_as_well():
    shape = (64, 26, 26, 5)
    low, high = activations.dropout_mask(shape, 0.25, 3), activations.dropout_mask(shape, 0.5, 3)
    assert low.shape == shape and abs(1 - low.mean() - 0.25) < 0.005 and abs(1 - high.mean() - 0.5) < 0.005
    assert not (high & ~low).any() and np.array_equal(low, activations.dropout_mask(shape, 0.25, 3))
    assert (low != activations.dropout_mask(shape, 0.25, 4)).mean() > 0.3
    assert activations.dropout_mask(shape, 0, 0).all()


def test_a_mask_has_the_noise_shape_of_keras():
    x = np.ones((8, 6, 6, 5), np.float32)
    returned = np.asarray(layers.Dropout(0.5, noise_shape=(None, 1, 1, None))(x, training=True))
    keep = activations.dropout_mask(x.shape, 0.5, 0, (None, 1, 1, None))
    assert keep.shape == (8, 1, 1, 5) and (returned == returned[:, :1, :1]).all()


@pytest.mark.parametrize("shape", [(6,), (7, 7, 5)])
@pytest.mark.parametrize("settings", [{}, {"epsilon": 0.1}])
def test_batch_norm_is_what_keras_returns(shape, settings):
    x, layer = values(32, *shape), some_norm(shape, **settings)
    gamma, beta, mean, variance = layer.get_weights()
    predicted = activations.batch_norm(x, mean, variance, gamma, beta, layer.epsilon)
    assert np.allclose(predicted, layer(x, training=False), rtol=1e-6, atol=1e-6)
    trained = activations.batch_norm(x, *activations.batch_statistics(x), gamma, beta, layer.epsilon)
    assert np.allclose(trained, layer(x, training=True), rtol=1e-5, atol=3e-6)
    assert np.allclose(trained.reshape(-1, shape[-1]).mean(0), beta, atol=1e-5)


@pytest.mark.parametrize("shape", [(6,), (5, 5, 4)])
@pytest.mark.parametrize("momentum", [0, 0.5, 0.99])
def test_moving_averages_are_those_of_the_keras_layer_after_the_same_batches(shape, momentum):
    x, size, steps = values(19, *shape), 8, 7  # the batches go round
    layer = layers.BatchNormalization(momentum=momentum)
    flat = x.reshape(len(x), -1, shape[-1])
    means, variances = activations.statistics_of_batches(flat.mean(1), flat.var(1), size, steps)
    moving = [activations.moving_averages(batches, momentum, start) for batches, start in ((means, 0), (variances, 1))]
    for step in range(steps):
        layer(x[(step * size + np.arange(size)) % len(x)], training=True)
        assert np.allclose(moving[0][step + 1], layer.moving_mean, atol=1e-5)
        assert np.allclose(moving[1][step + 1], layer.moving_variance, atol=1e-5)
    assert not moving[0][0].any() and (moving[1][0] == 1).all() and len(moving[0]) == steps + 1


def test_statistics_of_pictures_join_to_those_of_the_batch():
    x = values(9, 4, 4, 3) + np.arange(9).reshape(9, 1, 1, 1)
    flat = x.reshape(9, 16, 3).astype(float)
    assert np.allclose(activations.joined_statistics(flat.mean(1), flat.var(1)), activations.batch_statistics(x))


# Into the network


def by_hand(model, depth, pictures):
    """What the first `depth` layers of a network return."""
    x = pictures
    for layer in model.layers[:depth]:
        x = layer(x, training=False)
    return np.asarray(x)


@pytest.mark.parametrize("first", [0, 140])
def test_it_finds_the_values_that_reach_the_layers(first):
    model = both_layers()
    train(model)
    dropped, norm = activations.look_inside(model, CLOTHES.x_train, first)
    rows = (first + np.arange(150)) % 150
    assert (dropped.name, dropped.after, dropped.rate) == (model.layers[2].name, model.layers[1].name, 0.25)
    assert (norm.after, norm.momentum, norm.epsilon) == (model.layers[0].name, 0.9, 0.001)
    assert np.allclose(dropped.inputs, by_hand(model, 2, CLOTHES.x_train[rows[:64]]), atol=1e-5)
    reach = by_hand(model, 1, CLOTHES.x_train[rows])
    assert norm.inputs.shape == (64, 26, 26, 5) and np.allclose(norm.inputs, reach[:64], atol=1e-5)
    assert np.allclose(norm.means, reach.mean((1, 2)), atol=1e-5) and np.allclose(
        norm.variances, reach.var((1, 2)), atol=1e-5
    )
    assert np.array_equal(
        [norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance], model.layers[1].get_weights()
    )


def test_the_network_stays_as_it_is_bit_for_bit():
    keras.utils.set_random_seed(0)
    model = both_layers()
    train(model)

    def state():
        seeds = [np.asarray(layer.seed_generator.state) for layer in model.layers if hasattr(layer, "seed_generator")]
        return [*map(np.asarray, model.variables), *map(np.asarray, model.optimizer.variables), *seeds]

    before, config, names = state(), model.get_config(), keras.layers.Dense(1).name
    randoms = random.getstate(), np.random.get_state()[1].tolist()
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    activations.look_inside(model, CLOTHES.x_train)
    assert len(before) > 15 and all(np.array_equal(old, new) for old, new in zip(before, state(), strict=True))
    assert model.get_config() == config and [len(layer._inbound_nodes) for layer in model.layers] == nodes
    assert (random.getstate(), np.random.get_state()[1].tolist()) == randoms
    assert int(keras.layers.Dense(1).name.split("_")[-1]) == int(names.split("_")[-1] if "_" in names else 0) + 1


def test_it_looks_into_other_kinds_of_networks():
    inputs = keras.Input((28, 28, 1))
    x = layers.Flatten()(inputs)
    x = layers.BatchNormalization(scale=False, center=False)(layers.Dense(7)(x))
    functional = keras.Model(inputs, layers.Dense(2)(x))
    dropped, norm = activations.look_inside(functional, CLOTHES.x_train[..., 0])
    assert dropped is None and norm.inputs.shape == (64, 7) and (norm.gamma == 1).all() and (norm.beta == 0).all()
    late = keras.Sequential([layers.Dropout(0.4), layers.Flatten(), layers.Dense(2)])
    late(CLOTHES.x_train[:5])
    dropped, norm = activations.look_inside(late, CLOTHES.x_train)
    assert norm is None and np.array_equal(dropped.inputs, CLOTHES.x_train[:64])
    model = both_layers()
    keras.Sequential(model.layers[:2])  # these layers now belong to two networks
    assert activations.look_inside(model, CLOTHES.x_train)[0].rate == 0.25


class Own(keras.Model):
    def build(self, shape):
        self.built = True


class Stubborn(layers.Layer):
    def __init__(self, function):
        super().__init__()

    def call(self, x):
        return x


def frozen():
    model = both_layers()
    model.trainable = False
    return model


def exploded():
    model = both_layers()
    model.layers[0].set_weights([weights * np.nan for weights in model.layers[0].get_weights()])
    return model


def twice():
    inputs, layer = keras.Input((28, 28, 1)), layers.Dropout(0.5)
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layer(layer(inputs)))))


def two_inputs():
    inputs = [keras.Input((28, 28, 1)), keras.Input((28, 28, 1))]
    return keras.Model(inputs, layers.Dropout(0.5)(layers.Add()(inputs)))


def own():
    model = Own()
    model.built = True
    return model


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: both_layers, "not the function that makes it"),
        (lambda: "model", "needs the network itself, not str"),
        (lambda: keras.Sequential([layers.Dropout(0.5), layers.Dense(2)]), "has not been built"),
        (own, "not into a class of your own"),
        (two_inputs, "has 2 inputs"),
        (lambda: network(layers.Conv2D(2, 3)), "There is no Dropout and no BatchNormalization layer"),
        (
            lambda: network(layers.SpatialDropout2D(0.5)),
            "is a SpatialDropout2D, which works in another way than Dropout",
        ),
        (lambda: network(layers.GaussianDropout(0.5)), "is a GaussianDropout"),
        (
            lambda: network(keras.Sequential([keras.Input((28, 28, 1)), layers.Dropout(0.5)], name="inner")),
            "inside another model, 'inner'",
        ),
        (lambda: network(layers.BatchNormalization(axis=1)), "along axis 1; microscope supports only the last axis"),
        (lambda: network(layers.Dropout(1.0)), "drops everything"),
        (lambda: network(layers.Reshape((28, 28)), layers.Dropout(0.5)), r"gets values of shape \(28, 28\)"),
        (lambda: network(Stubborn(print), layers.Dropout(0.5)), "could not be copied"),
        (frozen, "is frozen"),
        (exploded, "weights have exploded"),
        (twice, "used more than once"),
    ],
)
def test_a_network_that_cannot_be_looked_into_is_told_in_words(make, told):
    with pytest.raises(LessonError, match=told):
        activations.look_inside(make(), CLOTHES.x_train)


@pytest.mark.parametrize(
    "pictures, told",
    [
        (CLOTHES, "not the whole data set"),
        (CLOTHES.x_train[:1], "only one picture"),
        (CLOTHES.x_train[:0], "no pictures"),
        (CLOTHES.x_train[0], r"shape \(28, 1\). For a single picture"),
        (CLOTHES.x_train[:, :14], r"takes pictures of shape \(28, 28, 1\), but these have shape \(14, 28, 1\)"),
        (CLOTHES.x_train.repeat(3, -1), r"these have shape \(28, 28, 3\)"),
        (CLOTHES.x_train * np.nan, "not finite"),
        ("shirts", "one array of numbers"),
        (None, "one array of numbers"),
        ([[1], [1, 2]], "one array of numbers"),
    ],
)
def test_pictures_that_do_not_fit_are_told_in_words(pictures, told):
    with pytest.raises(LessonError, match=told):
        activations.look_inside(both_layers(), pictures)


@pytest.mark.parametrize("first", [-1, 150, 1.0, True, "0"])
def test_a_row_that_does_not_exist_is_told_in_words(first):
    with pytest.raises(LessonError, match="a whole number from 0 to 149"):
        activations.look_inside(both_layers(), CLOTHES.x_train, first)
