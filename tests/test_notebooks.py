"""The house rules for notebooks, checked. nbval checks that they still say the same thing."""

import ast
import re

import nbformat
import papermill
import pytest

from crcm_lib.pipeline.plan import PARAMETERS, list_notebooks, read_notebooks
from crcm_lib.schema.results import RESULTS
from crcm_lib.schema.tables import ROOT

NAMES = (
    "01_data_cleaning",
    "02_customer_profile",
    "03_rfm",
    "04_clv",
    "05_churn_warning",
    "06_clustering",
    "07_satisfaction",
    "08_classification",
    "09_strategy",
    "10_monitoring",
    "11_profitability",
    "12_interaction",
    "13_loyalty_programme",
    "14_service_feedback",
    "15_needs",
    "16_newcomers",
    "17_risk",
    "18_markets",
    "19_engagement",
    "20_growth",
)
PATHS = list_notebooks(ROOT / "notebooks")
FORBIDDEN = (
    (
        r"(?<!charts)\.style\b|Styler|\bHTML\(|Markdown\(\s*f|%%html|IPython\.display",
        "a customer's name would script",
    ),
    (r"filterwarnings|simplefilter", "hides what goes wrong"),
    (r"set_option|display\.max", "the display formatter needs none"),
    (r"\binplace\b|\bdf\b", "style.md"),
    (r"\.now\(|\.today\(|time\.time|perf_counter", "only as_of defines now"),
    (r"^\s*[!%]", "shell lines and magics hide failures"),
    (r";\s*$", "a trailing ; does not hide an output from nbval; assign it"),
)


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def cells(path):
    return nbformat.read(path, as_version=4).cells


@pytest.fixture
def code(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def test_the_twelve_notebooks_are_there_and_no_others():
    assert tuple(path.stem for path in PATHS) == NAMES


def test_runs_top_to_bottom(code):
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


def test_is_valid(path):
    nbformat.validate(nbformat.read(path, as_version=4))


def test_cells_show_a_frame_or_a_picture(code):
    """All but the parameters, the imports, the takeaway and what is written."""
    first, rest = code[:2], code[2:-1]
    assert "parameters" in first[0].metadata.get("tags", [])
    assert "import" in first[1].source
    for cell in rest:
        if "headline" in cell.metadata.get("tags", []):
            continue
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        assert kinds & {"text/html", "image/png"}, cell.source


def test_logic_lives_in_the_library(code):
    banned = (
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.For,
        ast.While,
        ast.Try,
        ast.With,
        ast.Lambda,
    )
    for cell in code:
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, banned)], (
            cell.source
        )


def test_cells_fit_on_a_slide(code):
    assert {
        cell.id: len(cell.source.splitlines()) for cell in code if len(cell.source.splitlines()) > 12
    } == {}


def test_has_few_cells(cells, code):
    assert 3 < len(code) <= 21
    assert len(cells) <= 34


def test_parameters_come_first_and_are_all_known(path, code):
    assert code[0].metadata.get("tags") == ["parameters"]
    assert [cell.id for cell in code if "parameters" in cell.metadata.get("tags", [])] == [code[0].id]
    assert papermill.inspect_notebook(str(path)).keys() <= set(PARAMETERS)


def test_parameters_are_plain_lines_that_papermill_reads(path, code):
    lines = code[0].source.splitlines()
    assert len(papermill.inspect_notebook(str(path))) == len(lines)
    assert all(re.fullmatch(r'\w+ = ("[^"=]*"|\d+)(\s+#.*)?', line) for line in lines)


def test_the_title_says_what_it_reads_writes_and_who_decides(path, cells):
    number = path.stem[:2]
    assert cells[0].cell_type == "markdown"
    assert re.match(rf"# {number} · \S.* — .+\?\n", cells[0].source)
    for word in ("Reads", "Writes", "Decided by"):
        assert f"**{word}**" in cells[0].source


def test_no_code_stands_where_text_belongs(cells):
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    assert [text for text in texts if re.search(r"^[\w., ]+ = \S", text, flags=re.M)] == []


def test_every_question_is_answered_in_sight(cells):
    """A heading of the second level is followed by code that shows something before the next one."""
    heads = [n for n, cell in enumerate(cells) if cell.cell_type == "markdown" and "## " in cell.source]
    for here, following in zip(heads, [*heads[1:], len(cells)], strict=True):
        part = cells[here:following]
        assert any(cell.get("outputs") for cell in part), cells[here].source


def test_one_takeaway_is_computed_and_tagged(code):
    tagged = [cell for cell in code if "headline" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    words = tagged[0].outputs[0]["data"]
    assert words["text/markdown"].strip()
    assert words["text/plain"] == words["text/markdown"]  # a takeaway(…), not a typed Markdown("…")


def test_the_last_cell_writes_what_the_schema_says_this_notebook_writes(path, code):
    ours = {name for name, table in RESULTS.items() if table.written_by == path.stem}
    written = set(re.findall(r'(?:tables|ws)\.write\([\w.()]+, (?:output_dir, )?"(\w+)"\)', code[-1].source))
    by_the_library = path.stem == "01_data_cleaning"  # clean() writes as it reads, out of core
    assert written == ours or by_the_library
    assert not re.search(r"(tables|ws)\.write", "\n".join(cell.source for cell in code[:-1]))


def test_comes_after_the_notebooks_whose_tables_it_names(path, code):
    nodes = [node for cell in code for node in ast.walk(ast.parse(cell.source))]
    columns = [node.slice for node in nodes if isinstance(node, ast.Subscript)]  # frame["customers"]
    named = {node.value for node in nodes if isinstance(node, ast.Constant) and node not in columns}
    needed = {RESULTS[name].written_by for name in named & RESULTS.keys()}
    assert {name for name in needed if name < path.stem} <= read_notebooks(path.parent)[path.stem].ancestors


@pytest.mark.parametrize(("pattern", "why"), FORBIDDEN, ids=[why for _, why in FORBIDDEN])
def test_does_not_use(code, pattern, why):
    for cell in code:
        assert not re.search(pattern, cell.source, re.M), f"{why}:\n{cell.source}"


def test_stores_no_warnings_errors_or_addresses(code):
    for cell in code:
        for output in cell.outputs:
            assert output.output_type in ("execute_result", "display_data"), (cell.source, output)
            words = "\n".join(str(part) for kind, part in output.data.items() if kind != "image/png")
            assert str(ROOT) not in words
            assert not re.search(r"Warning|0x[0-9a-f]{6,}|/tmp/|/home/|/root/|[A-Z]:\\", words), cell.source


def test_every_picture_has_words(code):
    for cell in code:
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert len(output.metadata["image/png"]["alt"]) > 20, cell.source


def test_no_word_on_a_picture_lies_outside_its_axes(code):
    for cell in code:
        for output in cell.outputs:
            assert "outside" not in output.get("metadata", {}).get("image/png", {}), cell.source


def test_shows_one_thing_per_cell(code):
    assert [cell.source for cell in code if len(cell.outputs) > 1] == []


def test_ids_and_metadata_do_not_change_from_save_to_save(path, cells):
    assert [cell.id for cell in cells] == [f"{path.stem[:2]}-{n:02d}" for n in range(len(cells))]
    assert all(set(cell.metadata) <= {"tags"} for cell in cells)
    metadata = nbformat.read(path, as_version=4).metadata
    assert metadata.kernelspec.name == "python3"
    assert "papermill" not in metadata


def test_prose_has_no_numbers_that_a_parameter_could_prove_wrong(cells):
    """Numbers of notebooks, steps, limits of a scale are fine; amounts and counts are computed."""
    typed = r"(?<![\d.,])(?!(0|95|100)\s*%)\d[\d,.]*\s*%|\d{1,3}(,\d{3})+|\d\s*(customers|days)\b"
    for cell in cells[1:]:
        if cell.cell_type == "markdown":
            assert not re.search(typed, cell.source), cell.source


def test_is_small_enough_to_review(path):
    assert path.stat().st_size < 500_000  # in true colours; a palette of 64 took half of that


def test_nbval_compares_every_notebook_in_make_test_slow(request):
    """`make test` compares them too, as the end-to-end run executes them: test_end_to_end.py."""
    (command,) = re.findall(r"^test-slow:.*\n\t(.*)", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert command.endswith("-m slow --nbval")
    assert "notebooks" in request.config.getini("testpaths")
