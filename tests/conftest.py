"""What tests of several files share; the parts are in `fixtures`."""

from pathlib import Path

import pytest
from filelock import FileLock
from fixtures.kernels import StubKernel
from fixtures.shop import Shop

from crcm_lib.schema.tables import ROOT

pytest_plugins = ["fixtures.notebooks", "fixtures.store"]


@pytest.fixture
def real_shop(tmp_path) -> Shop:
    """A shop whose notebooks run in Jupyter's kernels, two seconds a run."""
    return Shop(tmp_path)


@pytest.fixture
def shop(real_shop, monkeypatch) -> Shop:
    """A shop whose notebooks run in stubs of kernels, for tests of the runner around them."""
    monkeypatch.setattr("crcm_lib.pipeline.run.Kernel", StubKernel)
    return real_shop


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory, worker_id) -> Path:
    """The synthetic company through the real notebooks, published once for all tests in all processes."""
    from crcm_lib.pipeline.plan import Settings
    from crcm_lib.pipeline.run import run

    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    with FileLock(base / "sample.lock"):
        latest = base / "sample" / "latest"
        if not latest.exists():
            run(Settings(source=str(ROOT / "data" / "sources" / "sample.yaml"), out=str(base / "sample")))
    return latest.resolve()
