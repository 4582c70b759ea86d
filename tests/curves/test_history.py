"""A loss in words, of any size."""

import numpy as np
import pytest

from helpers.curves.history import describe, figure, is_nothing


@pytest.mark.parametrize(
    "value, words",
    [
        (0.25, "0.25"), (0.01, "0.01"), (0.0149, "0.01"), (1, "1.00"), (999.0, "999.00"), (0, "0.00"), (-0.5, "-0.50"),
        (0.0003, "0.00030"), (0.00999, "0.0100"), (0.005, "0.0050"), (3.14e-6, "0.0000031"), (3.1e-9, "3.1e-09"),
        (1234.5, "1,234"), (-999999.4, "-999,999"), (1e6, "1 million"), (226836004864.0, "227 billion"),
        (1.5e12, "1.5 trillion"), (2.5e16, "2.50e+16"), (np.float32(0.0003), "0.00030"), (np.inf, "inf"),
        (np.nan, "nan"),
    ],
)  # fmt: skip
def test_a_loss_of_any_size_can_be_read(value, words):
    assert figure(value) == words


def test_every_loss_between_a_hundredth_and_a_thousand_keeps_two_decimals():
    for value in np.random.default_rng(0).uniform(0.01, 999.99, 500):
        assert figure(value) == f"{value:,.2f}"


@pytest.mark.parametrize(
    "value, beside, words",
    [(0.003, 0.5, "0.00"), (0.00002, 0.0003, "0.00002"), (0.3, 2000, "0.30"), (0.00031, 0.5, "0.00")],
)
def test_a_difference_has_the_decimals_of_what_differs(value, beside, words):
    assert figure(value, beside) == words and is_nothing(words) == (words == "0.00")


@pytest.mark.parametrize("size", [1e-8, 3e-4, 1.0, 5e3, 2e11])
def test_the_same_curves_in_another_unit_get_the_same_words(size):
    train, val = np.array([1.0, 0.5, 0.31]), np.array([1.1, 0.6, 0.45])
    words = describe({"loss": train * size, "val_loss": val * size})
    assert f"training loss {figure(0.31 * size)}, validation loss {figure(0.45 * size)}." in words
    assert f"At the end it is {figure(0.14 * size, 0.45 * size)} above training loss." in words
    assert "as large as" in describe({"loss": train * size, "val_loss": train * size})
