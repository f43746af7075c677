"""What the README says is there, is there."""

import re

import pytest

from crcm_lib.errors import CrcmError
from crcm_lib.schema.tables import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_worked_example_is_the_source_description_itself():
    example = re.search(r"```yaml\n(.*?)```", README, re.S)[1]
    assert (ROOT / "data/sources/online_retail.yaml").read_text(encoding="utf-8").endswith(example)


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"`make ([a-z]+)|^make ([a-z]+)", README, re.M))
    assert {a or b for a, b in named} <= targets


@pytest.mark.parametrize("folder", ["crcm_lib", "notebooks", "data", "reports", "tests", "benchmarks"])
def test_every_room_of_the_layout_exists(folder):
    assert f"\n{folder}/" in README
    assert (ROOT / folder).is_dir()


def test_the_exit_codes_are_those_of_the_errors():
    import crcm_lib.errors as errors

    said = {int(code) for code in re.findall(r"(?:codes: |· )(\d)", README)}
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert said == {0} | {error.exit_code for error in classes if issubclass(error, CrcmError)}
