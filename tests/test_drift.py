"""Drift of what is measured of customers between two runs: found where it is, and seldom where it is not."""

import numpy as np
import pandas as pd
import pytest

from crcm_lib.decisions.drift import measure_drift


def test_the_index_is_that_of_the_definition():
    """Two bins of half the customers each, of which a tenth moved to the upper one."""
    before = pd.DataFrame({"x": [0.0] * 500 + [1.0] * 500})
    now = pd.DataFrame({"x": [0.0] * 400 + [1.0] * 600})
    shares = [((500 + 0.5) / 1001, (500 + 0.5) / 1001), ((400 + 0.5) / 1001, (600 + 0.5) / 1001)]
    psi = sum((b - a) * np.log(b / a) for a, b in zip(*shares, strict=True))
    row = measure_drift(before, now).iloc[0]
    assert row["psi"] == pytest.approx(psi)
    assert row["by_chance"] == pytest.approx(
        (1 / 1000 + 1 / 1000) * 3.841459, rel=1e-6
    )  # 1 degree of freedom
    assert row["verdict"] == "drifted"


def test_where_nothing_drifts_a_drift_is_found_in_at_most_one_of_twenty_reports():
    random = np.random.default_rng(3)
    found = 0
    for _n in range(200):
        days = [pd.DataFrame(random.gamma(1.0, size=(600, 8)), columns=list("abcdefgh")) for _day in range(2)]
        found += (measure_drift(*days)["verdict"] == "drifted").any()
    assert found <= 18  # of 200 at 5 %: more has probability 0.01


def test_where_the_same_customers_hardly_changed_it_is_found_hardly_ever():
    random = np.random.default_rng(4)
    found = 0
    for _n in range(100):
        before = pd.DataFrame(random.gamma(1.0, size=(600, 8)), columns=list("abcdefgh"))
        found += (
            measure_drift(before, before * random.uniform(0.9, 1.1, (600, 8)))["verdict"] == "drifted"
        ).any()
    assert found <= 2


def test_a_third_more_spend_is_found():
    random = np.random.default_rng(5)
    found = 0
    for _n in range(50):
        days = [
            pd.DataFrame({"spend": random.gamma(2.0, size=1000) * scale, "same": random.normal(size=1000)})
            for scale in (1, 1.35)
        ]
        drift = measure_drift(*days).set_index("column")["verdict"]
        found += drift["spend"] == "drifted"
    assert found >= 40


def test_of_few_customers_or_one_value_nothing_is_told():
    few = pd.DataFrame({"x": np.arange(49.0), "word": "a"})
    assert measure_drift(few, few)["verdict"].to_list() == ["cannot_tell"]
    alike = pd.DataFrame({"x": [1.0] * 100})
    assert measure_drift(alike, alike)["verdict"].item() == "cannot_tell"
    assert measure_drift(few, pd.DataFrame({"y": [1.0]})).empty
