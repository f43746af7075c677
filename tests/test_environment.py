"""One list of dependencies: what pip, uv and conda install is the same."""

import re
import subprocess
import sys
import tomllib
from itertools import chain

import pytest
from ruamel.yaml import YAML

from crcm_lib.schema.tables import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
LOCKED = re.findall(r"^([a-z0-9][^\\\n]*==[^\\\n]*?) *\\?$", LOCK, re.M)


@pytest.fixture(scope="module")
def pip_section() -> list[str]:
    return YAML().load(ROOT / "environment.yml")["dependencies"][-1]["pip"]


def test_the_conda_file_lists_exactly_the_lock(pip_section):
    assert [*LOCKED, "-e ."] == list(pip_section)


def test_every_pin_has_a_hash():
    pins = re.split(r"\n(?=[a-z0-9])", LOCK.strip())
    assert len(pins) == len(LOCKED)
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_every_declared_dependency_is_locked_and_has_an_upper_bound():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    apart = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements-postgres.lock").read_text(), re.M)
    locked = {pin.split("==")[0] for pin in LOCKED} | {*apart}
    for requirement in declared:
        assert re.match(r"[a-z0-9-]+", requirement)[0] in locked, requirement
        assert "<" in requirement, f"{requirement} has no upper bound"


def test_no_file_names_an_index():
    for name in (
        "requirements.lock",
        "requirements-postgres.lock",
        "environment.yml",
        "pyproject.toml",
        "Makefile",
    ):
        assert not re.search(r"index-url[ =]h|https?://", (ROOT / name).read_text()), name


@pytest.mark.slow
def test_the_pip_section_installs_in_a_plain_environment(pip_section, tmp_path):
    """As conda would do it after its own solve, which needs conda and is not tried here."""
    (tmp_path / "pip.txt").write_text("\n".join(line for line in pip_section if line != "-e ."))
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, tmp_path / "plain"], check=True)
    python = tmp_path / "plain" / "bin" / "python"
    install = [*uv, "pip", "install", "-q", "--python", python]
    subprocess.run([*install, "--no-deps", "-r", tmp_path / "pip.txt"], check=True)
    subprocess.run([*install, "--no-deps", "--no-build-isolation", ROOT], check=True)
    subprocess.run([*uv, "pip", "check", "-q", "--python", python], check=True)
    subprocess.run([python, "-c", "import crcm_lib.cli, duckdb, papermill, lifetimes"], check=True)
