"""What was learned, as JSON: the same state gives the same text; no release misreads another's."""

import pytest

from crcm_lib.errors import DataError
from crcm_lib.models.churn import ChurnModel
from crcm_lib.models.lifecycle import Windows
from crcm_lib.models.rfm import RFMScorer
from crcm_lib.schema import learned_state
from crcm_lib.schema.tables import ROOT

MODELS = ROOT / "data" / "sample" / "golden" / "models"


def test_a_state_comes_back_and_its_order_does_not_matter():
    text = learned_state.to_json({"b": [1.5, None], "a": "贡献"}, 3)
    assert text == learned_state.to_json({"a": "贡献", "b": [1.5, None]}, 3)
    assert learned_state.from_json(text, 3, model="m", notebook="n") == {"a": "贡献", "b": [1.5, None]}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused(number):
    with pytest.raises(ValueError, match="JSON"):
        learned_state.to_json({"a": number}, 1)


@pytest.mark.parametrize("version", [0, 2, None])
def test_another_version_is_refused_with_what_to_do(version):
    text = "{}" if version is None else learned_state.to_json({}, version)
    with pytest.raises(
        DataError, match=f"RFM: schema_version is {version}, and .* reads 1. Run 03_rfm again"
    ):
        learned_state.from_json(text, 1, model="RFM", notebook="03_rfm")


@pytest.mark.parametrize(
    ("model", "name"), [(RFMScorer, "rfm"), (Windows, "lifecycle"), (ChurnModel, "churn")]
)
def test_the_models_write_what_they_read(model, name):
    text = (MODELS / f"{name}.json").read_text("utf-8")
    assert model.from_json(text).to_json() == text
    with pytest.raises(DataError, match="schema_version is 99"):
        model.from_json(text.replace('"schema_version": 1', '"schema_version": 99'))
