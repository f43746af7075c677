"""How Sphinx builds the documentation: each page from the file that holds its text, nothing fetched or run.

The source folder is the project's root, so that a relative link is right on a page and in the file alike.
"""

import json
import shutil

from crcm_lib import __version__

project = "CRCM"
release = __version__
root_doc = "README"
include_patterns = [
    *("README.md", "docs/*.md"),
    *("CHANGELOG.md", "CONTRIBUTING.md", "GLOSSARY.md"),
    *("benchmarks/README.md", "data/README.md", "reports/README.md"),
    *("notebooks/*.ipynb", "notebooks/explore/*.ipynb"),
]
exclude_patterns = [".*", "**/.*", "docs/_build"]

extensions = ["myst_nb"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks as they are stored
nb_ipywidgets_js = {}  # its default loads two scripts from elsewhere

html_theme = "furo"
html_title = f"CRCM {release}"
html_static_path = ["static"]
html_css_files = ["crcm.css"]
html_copy_source = False
html_show_copyright = False
html_use_index = False


CONTENTS = """

```{toctree}
:hidden:
:caption: Use it

docs/first_run
docs/own_data
docs/policy
docs/reading
docs/by_hand
docs/lists
docs/scheduling
reports/README
docs/guarantees
docs/coverage
```

```{toctree}
:hidden:
:caption: Look things up

data/README
GLOSSARY
CHANGELOG
```

```{toctree}
:hidden:
:glob:
:caption: The notebooks

notebooks/*
notebooks/explore/*
```

```{toctree}
:hidden:
:caption: Work on it

docs/layout
CONTRIBUTING
benchmarks/README
```
"""


def setup(app) -> dict[str, bool]:
    """Called by Sphinx when it begins."""
    app.connect("source-read", add_contents)
    app.connect("source-read", describe_pictures)
    app.connect("build-finished", copy_first_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add_contents(app, page: str, source: list[str]) -> None:
    """Put the table of contents below the README, which other readers of that file need not see."""
    if page == root_doc:
        source[0] += CONTENTS


def describe_pictures(app, page: str, source: list[str]) -> None:
    """Give the stored pictures' alt text to MyST-NB, which looks for it in the cell, not in the output."""
    if not page.startswith("notebooks/"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
                cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
    source[0] = json.dumps(notebook)


def copy_first_page(app, error: Exception | None) -> None:
    """A folder of pages begins with index.html."""
    if error is None and app.builder.format == "html":
        shutil.copy(app.outdir / f"{root_doc}.html", app.outdir / "index.html")
