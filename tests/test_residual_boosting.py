"""A correction learns what a purchase model misses of customers, and keeps scikit-learn's trees as JSON."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from crcm_lib.models.clv.residual_boosting import (
    NODE_FIELDS,
    Correction,
    TrainingWindow,
    learn_correction,
)


@pytest.fixture(scope="module")
def training() -> tuple[list[TrainingWindow], pd.DataFrame, np.ndarray]:
    """Customers of kind A spend twice, of kind B half of what was predicted."""
    random = np.random.default_rng(5)
    covariates = pd.DataFrame(
        {"kind": random.integers(0, 2, 6000).astype(float), "noise": random.random(6000), "blank": np.nan}
    )
    covariates.loc[::7, "noise"] = np.nan
    predicted = random.gamma(2, 40, 6000)
    actual = random.gamma(1.5, predicted * np.where(covariates["kind"] == 1, 2, 0.5) / 1.5)
    return [TrainingWindow(covariates, predicted, actual)], covariates, predicted


def test_a_correction_learns_by_which_factor_kinds_differ(training):
    windows, covariates, predicted = training
    found = learn_correction(windows, covariates, predicted)
    factor = 2 * found.factor(covariates) - 1  # before averaging with 1
    means = [factor[covariates["kind"] == kind].mean() for kind in (1, 0)]
    assert 3.2 < means[0] / means[1] < 4.1  # 4, shrunk towards 1


def test_a_correction_leaves_the_total_as_it_is(training):
    windows, covariates, predicted = training
    factor = learn_correction(windows, covariates, predicted).factor(covariates)
    assert predicted @ factor == pytest.approx(predicted.sum())


def test_scikit_learn_still_keeps_its_trees_where_they_are_read(training):
    """Guards the private structure: if this fails after an upgrade of scikit-learn, see `_tree_nodes`."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    _windows, covariates, predicted = training
    points = covariates[["kind", "noise"]].to_numpy()
    boosting = HistGradientBoostingRegressor(loss="poisson", max_iter=3).fit(points, predicted)
    assert len(boosting._predictors) == 3
    for (tree,) in boosting._predictors:
        assert set(NODE_FIELDS) <= set(tree.nodes.dtype.names)
        assert not tree.nodes["is_categorical"].any()
        inner = tree.nodes["is_leaf"] == 0
        assert (tree.nodes["left"][inner] > 0).all()
        assert (tree.nodes["right"][inner] < len(tree.nodes)).all()


def test_kept_trees_say_what_scikit_learns_say(training, monkeypatch):
    from sklearn.ensemble import HistGradientBoostingRegressor

    windows, covariates, predicted = training
    fitted = []
    original = HistGradientBoostingRegressor.fit

    def remember(self, *args, **kwargs):
        fitted.append(self)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(HistGradientBoostingRegressor, "fit", remember)
    found = learn_correction(windows, covariates, predicted)
    theirs = np.log(fitted[0].predict(covariates[list(found.names)].to_numpy()))
    ours = np.log(2 * found.factor(covariates) - 1)
    assert np.ptp(theirs - ours) < 1e-9  # The same but for the level.


def test_a_correction_scores_one_customer_alone_as_in_a_batch_and_survives_json(training):
    windows, covariates, predicted = training
    found = learn_correction(windows, covariates, predicted)
    kept = Correction.from_state(json.loads(json.dumps(asdict(found))))
    alone = [kept.factor(covariates.iloc[[place]])[0] for place in range(5)]
    assert alone == found.factor(covariates)[:5].tolist()


def test_one_spend_beyond_all_measure_is_not_learned(training):
    (window,), covariates, predicted = training
    wild = window.actual.copy()
    wild[0] = 1000 * wild.sum()
    usual = learn_correction([window], covariates, predicted).factor(covariates)
    upset = learn_correction(
        [TrainingWindow(covariates, window.predicted, wild)], covariates, predicted
    ).factor(covariates)
    assert np.isfinite(upset).all()
    assert upset.max() < 10 * usual.max()
