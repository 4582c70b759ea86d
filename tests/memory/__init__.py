"""Tests of `helpers/memory`."""
