"""The fixture that tests on Colab's versions need, too, where conftest.py is not read: pytest -p tests.book."""

from conftest import book

__all__ = ["book"]
