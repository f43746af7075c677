"""A whole run against as many empty notebooks, executed by plain papermill and turned into HTML.

The ratio is what the work itself costs: reading, cleaning, modelling, figures, gates, report.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import papermill
from nbconvert import HTMLExporter

from crcm_lib.pipeline.plan import list_notebooks

ROOT = Path(__file__).parents[1]


def run_empty_notebooks(folder: Path) -> float:
    started = time.perf_counter()
    for number in range(len(list_notebooks(ROOT / "notebooks"))):
        empty = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("pass")])
        source, executed = folder / f"{number}.ipynb", folder / f"{number}.out.ipynb"
        nbformat.write(empty, source)
        papermill.execute_notebook(source, executed, kernel_name="python3", progress_bar=False)
        executed.with_suffix(".html").write_text(HTMLExporter().from_filename(executed)[0])
    return time.perf_counter() - started


def run_everything(out: Path, source: str) -> float:
    crcm = Path(sys.executable).with_name("crcm")
    started = time.perf_counter()
    subprocess.run(
        [crcm, "run", "--source", ROOT / "data" / "sources" / f"{source}.yaml", "--out", out],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def make_key(path: Path) -> Path:
    path.write_text("0123456789abcdef" * 4)  # of no use outside this benchmark
    path.chmod(0o600)
    return path


def size(folder: Path, pattern: str) -> float:
    return sum(file.stat().st_size for file in folder.glob(pattern)) / 1e6


if __name__ == "__main__":
    sources = sys.argv[1:] or ["complete_journey", "cdnow", "sample"]
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["CRCM_KEY_FILE"] = str(make_key(Path(scratch) / "key"))
        empty = run_empty_notebooks(Path(scratch))
        print("| run | seconds | ratio to as many empty notebooks | HTML, MB | folder, MB |")
        print("|---|---|---|---|---|")
        print(f"| as many empty notebooks | {empty:.1f} | 1.00 | {size(Path(scratch), '*.html'):.1f} | |")
        for source in sources:
            out = Path(scratch) / source
            seconds = run_everything(out, source)
            pages, whole = size(out / "latest", "*.html"), size(out / "latest", "**/*")
            print(
                f"| {source} | {seconds:.1f} | {seconds / empty:.2f} | {pages:.1f} | {whole:.1f} |",
                flush=True,
            )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        print(f"\nLargest process of all (a kernel or the runner): {peak:.2f} GB.")
