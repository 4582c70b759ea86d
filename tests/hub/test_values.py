"""What can be looked at of the two hubs that are not started here: the keys of values.yaml, and what it refuses; the
settings for systemd; what the documents tell an instructor to write."""

import re
import shlex

import pytest
import yaml
from traitlets.config import Config

from tests.hub.place import ROOT

VALUES = yaml.safe_load((ROOT / "hub" / "values.yaml").read_text(encoding="utf-8"))
# What the chart knows of what we set, from its reference; {} where anything may stand.
CHART = {
    "hub": {"config": {}, "extraConfig": {}, "activeServerLimit": None},
    "singleuser": {
        "image": {"name": None, "tag": None, "pullPolicy": None},
        "defaultUrl": None,
        "startTimeout": None,
        "memory": {"guarantee": None, "limit": None},
        "cpu": {"guarantee": None, "limit": None},
        "storage": {"type": None, "capacity": None, "homeMountPath": None},
        "extraEnv": {},
        "lifecycleHooks": {},
    },
    "cull": {"enabled": None, "users": None, "timeout": None, "every": None, "maxAge": None, "concurrency": None},
    "prePuller": {"hook": {"enabled": None}, "continuous": {"enabled": None}},
}
CONFIG = (ROOT / "hub" / "jupyterhub_config.py").read_text(encoding="utf-8")
SETTING = re.compile(r"^c\.(\w+)\.(\w+) = (.*)$", re.MULTILINE)


def unknown(values, known, path="values"):
    """The keys of `values` that the chart does not know."""
    if not isinstance(values, dict):
        return [] if known is None else [path]
    if known is None:
        return [path]
    return [
        each
        for key, value in values.items()
        for each in ([] if not known else [f"{path}.{key}"] if key not in known else unknown(value, known[key], key))
    ]


def test_the_chart_knows_every_key_of_values_yaml():
    assert unknown(VALUES, CHART) == []
    assert unknown({"singleuser": {"memroy": {"limit": "2G"}}}, CHART) == ["singleuser.memroy"]


def test_its_limits_are_those_of_the_hub_on_one_machine():
    ours = {f"{kind}.{name}": value for kind, name, value in SETTING.findall(CONFIG)}
    memory, cpu = VALUES["singleuser"]["memory"], VALUES["singleuser"]["cpu"]
    assert memory["limit"] == ours["Spawner.mem_limit"].strip('"') and cpu["limit"] == int(ours["Spawner.cpu_limit"])
    guaranteed, idle = (re.search(rf"^{name} = ([\d_]+)", CONFIG, re.MULTILINE)[1] for name in ("MEMORY", "IDLE"))
    assert float(memory["guarantee"].removesuffix("G")) * 10**9 == int(guaranteed)
    assert VALUES["cull"]["timeout"] == int(idle)
    tljh = (ROOT / "hub" / "tljh.md").read_text(encoding="utf-8")
    assert f"limits.memory {memory['limit']}" in tljh and f"limits.cpu {cpu['limit']}" in tljh
    assert f"services.cull.timeout {idle}" in tljh


@pytest.mark.parametrize(
    "chosen, refused",
    [(None, True), ("dummy", True), ("dummyauthenticator.DummyAuthenticator", True), ("github", False)],
)
def test_a_chart_that_would_let_anybody_in_does_not_start(chosen, refused):
    c = Config()
    if chosen:
        c.JupyterHub.authenticator_class = chosen
    (snippet,) = VALUES["hub"]["extraConfig"].values()
    if refused:
        with pytest.raises(SystemExit, match="Choose who may come in"):
            exec(snippet, {"c": c})
    else:
        exec(snippet, {"c": c})


@pytest.mark.slow  # imports JupyterHub, which Windows does not have
def test_the_settings_for_systemd_are_known_to_its_spawner():
    from systemdspawner import SystemdSpawner

    wanted = {name for kind, name, _ in SETTING.findall(CONFIG) if kind in ("Spawner", "SystemdSpawner")}
    assert wanted <= set(SystemdSpawner.class_trait_names(config=True)) and {"mem_limit", "isolate_tmp"} <= wanted


def test_the_commands_in_the_documents_are_whole_lines_for_a_shell():
    for name in ("README.md", "tljh.md"):
        text = (ROOT / "hub" / name).read_text(encoding="utf-8")
        commands = [line for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
        assert len(commands) > 5 and all(len(shlex.split(command)) > 1 for command in commands)
