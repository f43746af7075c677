"""What tests of several files share; the parts are in `fixtures`."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

pytest_plugins = ["fixtures.browser", "fixtures.notebooks", "fixtures.plan", "fixtures.store"]

# Before anything of the library is imported: what a user has set for the library is not for its tests.
for name in ("CRCM_DATA", "CRCM_KEY_FILE", "CRCM_LANGUAGE", "CRCM_PICTURES"):
    os.environ.pop(name, None)


# Files of few tests that take long: they begin first, so that no process is left alone with one at the end,
# and none waits for the run that the first of them makes for all.
LONG = ("end_to_end", "runs", "planted", "kernels", "model_selection", "by_hand", "previous", "faults")


def pytest_collection_modifyitems(items):
    order = {f"test_{name}.py": place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.name, len(LONG)))


@pytest.fixture
def real_shop(tmp_path):
    """A shop whose notebooks run in Jupyter's kernels, two or three seconds a run."""
    from fixtures.shop import Shop

    return Shop(tmp_path)


@pytest.fixture
def shop(real_shop, monkeypatch):
    """A shop whose notebooks run in stubs of kernels, for tests of the runner around them."""
    from fixtures.kernels import use_stubs

    use_stubs(monkeypatch.setattr)
    return real_shop


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory, worker_id) -> Path:
    """The synthetic company through the real notebooks, published once for all tests in all processes."""
    from crcm_lib.pipeline.run import run
    from crcm_lib.pipeline.settings import RunSettings
    from crcm_lib.schema.tables import ROOT

    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    with FileLock(base / "sample.lock"):
        latest = base / "sample" / "latest"
        if not latest.exists():
            run(RunSettings(source=str(ROOT / "data" / "sources" / "sample.yaml"), out=str(base / "sample")))
    return latest.resolve()
