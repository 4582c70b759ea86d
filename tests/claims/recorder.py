"""A plugin of pytest for `python -m tests.claims`: writes whether each claim held, and what its test measured."""

import json
import os

import pytest

from tests import claims


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    claims.FIGURES.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call":
        why = str(call.excinfo.value).splitlines()[:3] if call.excinfo else []
        report.user_properties.append(("claim", {"figures": dict(claims.FIGURES), "why": why}))
    return report


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # of several processes only the one that hears of all tests writes
        config.pluginmanager.register(_Writer())


class _Writer:
    @pytest.hookimpl
    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.failed:
            found = dict(report.user_properties).get("claim", {"figures": {}, "why": [str(report.longrepr)[-300:]]})
            row = {"test": report.nodeid, "held": report.passed, "seconds": round(report.duration, 1), **found}
            with open(os.environ["CLAIMS_OUT"], "a") as file:
                file.write(json.dumps(row) + "\n")
