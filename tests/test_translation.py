"""Words are made for people and for nothing else: in another language the notebooks write the same tables."""

import subprocess
import sys

import pytest

from crcm_lib.pipeline.plan import list_notebooks
from crcm_lib.schema.tables import ROOT

NAMES = [path.stem for path in list_notebooks(ROOT / "notebooks")]
PROGRAM = """if True:
    import gettext, sys

    class Foreign:
        gettext = staticmethod(lambda words: f"⟦{words}⟧")

    theirs = gettext.translation  # of other libraries, like the names of holidays, which are data

    def translate(domain, *arguments, **options):
        return Foreign if domain == "crcm" else theirs(domain, *arguments, **options)

    gettext.translation = translate
    sys.path.insert(0, sys.argv[1])
    import pandas as pd
    from test_by_hand import GOLDEN, execute
    from crcm_lib.schema import tables
    from crcm_lib.schema.results import RESULTS

    for name in sys.argv[3:]:
        folder = f"{sys.argv[2]}/{name}"
        names = execute(name, folder)
        for table in (table for table, schema in RESULTS.items() if schema.written_by == name):
            ours, golden = (tables.read(place, table) for place in (folder, GOLDEN))
            pd.testing.assert_frame_equal(ours, golden, rtol=1e-6, atol=1e-9, obj=table)
        assert "⟦" in str(names["ws"]), "the words were not foreign"
"""


@pytest.mark.slow
def test_with_every_sentence_translated_the_notebooks_write_the_same_tables(tmp_path):
    """So a translated word is never a key, a column, a category or the id of a model."""
    arguments = [sys.executable, "-c", PROGRAM, str(ROOT / "tests"), str(tmp_path), *NAMES]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
