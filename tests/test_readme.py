"""What the README and the documentation say is there, is there."""

import re

import pytest

from crcm_lib.errors import CrcmError
from crcm_lib.schema.tables import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
OWN_DATA = (ROOT / "docs/own_data.md").read_text(encoding="utf-8")
SCHEDULING = (ROOT / "docs/scheduling.md").read_text(encoding="utf-8")
TEXTS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *(ROOT / f"{name}/README.md" for name in ("data", "reports", "benchmarks")),
    ]
)


def test_it_fits_on_a_screen_and_a_half():
    assert len(README.splitlines()) <= 90


def test_the_worked_example_is_the_source_description_itself():
    example = re.search(r"```yaml\n(.*?)```", OWN_DATA, re.S)[1]
    assert (ROOT / "data/sources/online_retail.yaml").read_text(encoding="utf-8").endswith(example)


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(text):
    for target in re.findall(r"\]\(([^)#]+)\)", text.read_text(encoding="utf-8")):
        assert (text.parent / target).exists(), target


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_named_exists(text):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", text.read_text(encoding="utf-8"), re.M))
    assert {a or b for a, b in named} <= targets


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_of_ours_that_is_named_exists(text):
    """Paths in code font, like `crcm_lib/schema/inputs.py`; a pattern or a placeholder is none."""
    if text.name == "CHANGELOG.md":
        pytest.skip("names what there was")
    paths = re.findall(
        r"`((?:crcm_lib|tests|notebooks|docs|benchmarks)/[\w./-]+)`", text.read_text(encoding="utf-8")
    )
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    "folder", ["crcm_lib", "notebooks", "data", "reports", "docs", "tests", "benchmarks"]
)
def test_every_room_of_the_layout_exists(folder):
    assert f"\n{folder}/" in README
    assert (ROOT / folder).is_dir()


def test_the_layout_names_every_room_of_the_library():
    layout = (ROOT / "docs/layout.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (ROOT / "crcm_lib").iterdir() if (path / "__init__.py").exists()}
    assert set(re.findall(r"^  (\w+)/ ", layout, re.M)) == rooms


def test_the_exit_codes_are_those_of_the_errors():
    import crcm_lib.errors as errors

    said = {int(code) for code in re.findall(r"(?:codes: |· )(\d)", SCHEDULING)}
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert said == {0} | {error.exit_code for error in classes if issubclass(error, CrcmError)}


def test_the_number_of_notebooks_is_said_as_it_is():
    from crcm_lib.pipeline.plan import list_notebooks

    assert len(list_notebooks(ROOT / "notebooks")) == 20
    for text in (README, (ROOT / "Makefile").read_text(encoding="utf-8")):
        assert "twenty notebooks" in text
        assert "ten notebooks" not in text


def test_the_glossary_names_what_there_is():
    glossary = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    terms = re.findall(r"^- \*\*.+?\*\*.*?: .+\.$", glossary, re.M)
    assert len(terms) == glossary.count("\n- ") >= 50
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "crcm_lib").rglob("*.py"))
    known = code + (ROOT / "policy.yaml").read_text(encoding="utf-8")
    names = set(re.findall(r"`(\w+)`", glossary))
    assert {name for name in names if not re.search(rf"\b{name}\b", known) and not _is_module(name)} == set()


def _is_module(name: str) -> bool:
    return any((ROOT / "crcm_lib").rglob(f"{name}.py"))
