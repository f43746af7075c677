"""Clean tables from few lines; fake notebooks, to try in seconds what can go wrong; one real run for all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import nbformat
import pandas as pd
import pytest

from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.tables import ROOT

SOURCE = """\
name: corner_shop
title: A corner shop
synthetic: true
currency: EUR
time_zone: Europe/Berlin
tables:
  transactions:
    path: {path}
    delimiter: ","
    decimal: "."
    time_format: "%Y-%m-%d"
    columns: {{customer_id: customer, time: day, amount: paid}}
"""
LINES = "customer,day,paid\n" + "\n".join(
    f"K{number:04d},2024-{month:02d}-{1 + number % 28:02d},{10 + number}.50"
    for month in (1, 2, 3)
    for number in range(1, 13)
)
DEFAULTS = 'input_dir = "data/sample/golden"\noutput_dir = "data/scratch"'
ABOUT = """\
import json
from pathlib import Path
about = {"source": "corner_shop", "title": "A corner shop", "first_day": "2024-01-01", "currency": "EUR"}
about |= {"as_of": as_of or "2024-03-31", "synthetic": True}
Path(output_dir, "about.json").write_text(json.dumps(about))
Path(output_dir, "clean").mkdir()
Path(output_dir, "clean", "seed.json").write_text(json.dumps([Path(source).name, seed]))"""
COPY = """\
from pathlib import Path
seen = Path(input_dir, "clean", "seed.json").read_text()
Path(output_dir, "tables").mkdir()
Path(output_dir, "tables", "copy.json").write_text(seen)"""
TAKEAWAY = 'print(f"{len(seen)} letters")'


SQL_TYPES = {"money": "decimal(18, 4)", "day": "date", "time": "timestamp"}


def engine_of(lines: pd.DataFrame, **others: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """An engine with these clean tables; a line that does not say is a sale of 10, bought on its own day."""
    unsaid = {"amount": 10, "kind": "sale", "purchase_day": lines["day"]}
    lines = lines.assign(**{name: told for name, told in unsaid.items() if name not in lines})
    engine = duckdb.connect()
    for table, frame in {"transactions": lines, **others}.items():
        engine.register("given", frame)
        engine.execute(f"create table {table} as from given")
        engine.unregister("given")
        for name, column in INPUTS[table].columns.items():
            if name in frame and column.kind in SQL_TYPES:
                engine.execute(f'alter table {table} alter "{name}" type {SQL_TYPES[column.kind]}')
    return engine


def write_notebook(path: Path, title: str, parameters: str, *cells: str) -> None:
    """Write a notebook with a parameters cell, like the real ones."""
    code = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    code += [nbformat.v4.new_code_cell(cell) for cell in cells]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"# {title}"), *code])
    notebook.metadata.language_info = {"name": "python"}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    nbformat.write(notebook, path)


class Shop:
    """A tiny source, its notebooks and its reports, all in one temporary folder."""

    def __init__(self, folder: Path):
        self.folder, self.out, self.notebooks = folder, folder / "reports", folder / "notebooks"
        self.notebooks.mkdir()
        self.source, self.policy = folder / "shop.yaml", folder / "policy.yaml"
        (folder / "shop.csv").write_text(LINES)
        self.source.write_text(SOURCE.format(path="shop.csv"))
        self.policy.write_text((ROOT / "policy.yaml").read_text("utf-8"), "utf-8")
        self.first, self.second = self.notebooks / "01_about.ipynb", self.notebooks / "02_copy.ipynb"
        write_notebook(self.first, "01 · About", f'source = ""\nas_of = ""\n{DEFAULTS}\nseed = 0', ABOUT)
        self.replace_second(COPY, TAKEAWAY)

    def replace_second(self, *cells: str) -> None:
        """Let the second notebook do something else."""
        write_notebook(self.second, "02 · Copy", f'{DEFAULTS}\npolicy = "policy.yaml"', *cells)

    def settings(self, **changes):
        """Settings of a run of this shop."""
        from crcm_lib.pipeline.plan import Settings

        given = {"source": str(self.source), "policy": str(self.policy), "out": str(self.out)}
        given |= {"notebooks": str(self.notebooks), "cell_timeout": 60}
        return Settings(**given | changes)

    def run(self, listener=lambda event: None, **changes) -> Path:
        """Run it in this process."""
        from crcm_lib.pipeline.run import run

        return run(self.settings(**changes), listener)

    def start(self, **changes) -> subprocess.Popen:
        """Run it in a process of its own, which may be killed."""
        program = """if True:
            import json, signal, sys
            signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs inherit an ignored one
            from crcm_lib.reporting import engine, plans, runs
            engine.AHEAD = ()
            settings = plans.Settings(**json.loads(sys.argv[1]))
            runs.run(settings, lambda event: print(json.dumps(event), flush=True))"""
        given = json.dumps(vars(self.settings(**changes)))
        return subprocess.Popen(
            [sys.executable, "-c", program, given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def contents(self, folder: Path | None = None) -> dict[str, bytes]:
        """Every published byte, by path, but not the run's own seconds."""
        folder = (folder or self.out / "latest").resolve()
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and ".stages" not in path.parts
        }

    def results(self) -> dict[str, bytes]:
        """What must be the same whenever and however often it runs: all but the pages that show seconds."""
        told = {"run.json", "index.html"}
        return {name: content for name, content in self.contents().items() if name not in told}


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Shop:
    monkeypatch.setattr("crcm_lib.pipeline.kernel.AHEAD", ())  # the fakes need no pandas; save its seconds
    return Shop(tmp_path)


def is_running(pid: int) -> bool:
    """Is this process still at work (and not merely unburied)?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def list_kernels(shop: Shop) -> set[int]:
    """Every kernel at work in this shop's notebooks; other runs on the machine are not ours."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            ours = os.readlink(place / "cwd") == str(shop.notebooks)
            kernel = b"ipykernel_launcher" in (place / "cmdline").read_bytes()
        except OSError:
            continue
        if ours and kernel and is_running(int(place.name)):
            found.add(int(place.name))
    return found


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory) -> Path:
    """The synthetic company through the real notebooks, published once for every test that looks at it."""
    from crcm_lib.pipeline.plan import Settings
    from crcm_lib.pipeline.run import run

    out = tmp_path_factory.mktemp("sample")
    return run(Settings(source=str(ROOT / "data" / "sources" / "sample.yaml"), out=str(out)))
