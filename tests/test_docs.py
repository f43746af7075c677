"""The documentation is whole, asks for nothing from elsewhere, and can be read on a phone."""

import re
import subprocess
import sys

import pytest

from crcm_lib.pipeline.plan import list_notebooks
from crcm_lib.schema.tables import ROOT

pytestmark = pytest.mark.slow
LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//[^>]*>")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages as `make docs` builds them; a warning, such as a link that leads nowhere, is an error."""
    folder = tmp_path_factory.mktemp("docs") / "html"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", ".", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_it_is_built_as_make_does():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "sphinx-build -q -W --keep-going -c docs . docs/_build/html\n" in makefile
    assert "docs/_build/\n" in (ROOT / ".gitignore").read_text("utf-8")


def test_every_notebook_has_a_page_with_its_outputs(site):
    for path in list_notebooks(ROOT / "notebooks"):
        page = (site / "notebooks" / f"{path.stem}.html").read_text("utf-8")
        assert '<table class="crcm">' in page
        assert "<img" in page


def test_every_picture_has_words(site):
    for path in site.rglob("notebooks/**/*.html"):
        for picture in re.findall(r"<img[^>]*_images/[^>]*>", path.read_text("utf-8")):
            assert len(re.search(r'alt="([^"]*)"', picture)[1]) > 20, (path.name, picture)
            assert "png" not in re.search(r'alt="([^"]*)"', picture)[1]


def test_no_page_loads_anything_from_elsewhere(site):
    for path in site.rglob("*.html"):
        assert LOADED.findall(path.read_text("utf-8")) == [], path
    for path in site.rglob("*.css"):
        assert not re.search(r"@import|url\(\s*[\"']?(?:https?:)?//", path.read_text("utf-8")), path


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_the_screen_and_ask_for_no_address(site, chromium, width):
    tab = chromium.new_page(viewport={"width": width, "height": 800})
    asked, said = [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    for path in sorted(site.rglob("*.html")):
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    tab.close()


def test_the_search_finds_a_term(site, chromium):
    tab = chromium.new_page()
    tab.goto(f"{(site / 'search.html').as_uri()}?q=pseudonym")
    tab.wait_for_selector("#search-results li a")
    assert tab.locator("#search-results li").count() >= 3
    tab.close()
