"""Alerts, tiers, totals and values at past days, each beside the naive rule that it has to beat.

Every row is one origin: everything is computed from what was known on that day, and compared with what the
same customers did until the end of the outcome. The histories are CDNOW, Complete Journey, categories of
Complete Journey as shops of their own, and the synthetic company.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import scorecard, tiers
from crcm_lib.decisions.tier_backtest import Origin, compare_picks, pick_as_many
from crcm_lib.features import decision_inputs, relationship_signs
from crcm_lib.features.customers import spend_between, summarise_customers
from crcm_lib.ingest.cleaning import clean
from crcm_lib.ingest.sources import read_source
from crcm_lib.models import churn, metrics
from crcm_lib.models.clv import gamma_gamma, predict_intervals, select_model
from crcm_lib.models.clv.purchase_models import BGNBD, PURCHASE_MODELS
from crcm_lib.models.histories import weighted_histories
from crcm_lib.schema.engine import open_engine
from crcm_lib.stats import LEVEL, holm

ORIGINS = {  # the day that is known, and the last day of the outcome
    "cdnow": [
        ("1997-09-30", "1997-12-29"),
        ("1997-12-31", "1998-03-31"),
        ("1998-02-28", "1998-05-29"),
        ("1998-03-31", "1998-06-29"),
    ],
    "complete_journey": [
        ("2017-06-30", "2017-09-28"),
        ("2017-07-31", "2017-10-29"),
        ("2017-08-31", "2017-11-29"),
        ("2017-09-30", "2017-12-29"),
    ],
    "sample": [
        ("2024-12-31", "2025-06-29"),
        ("2025-03-31", "2025-09-27"),
        ("2025-05-31", "2025-11-27"),
        ("2025-06-30", "2025-12-27"),
    ],
}
CATEGORIES = (
    *("SOFT DRINKS", "BEEF", "FLUID MILK PRODUCTS", "CHEESE"),
    *("BEERS/ALES", "FROZEN PIZZA", "CIGARETTES", "DELI MEATS"),
)
FIGURES = {  # a column of the measurements, and what its row of the printed table says
    "held": "the 80 % interval of the total held",
    "naive_held": "predicted total ± the last window's miss held",
    "score": "interval score of the total / total",
    "naive_score": "the same of ± the last miss",
    "total_error": "size of the total's error",
    "their_total_error": "the same of BG/NBD and Gamma-Gamma",
    "rmse": "RMSE against BG/NBD and Gamma-Gamma, relative",
    "gini": "Gini against BG/NBD and Gamma-Gamma, points",
    "auc_p": "AUC of P(no purchase), repeat buyers who bought no more",
    "auc_recency": "AUC of days since the last purchase",
    "auc_few": "AUC of few expected purchases",
    "auc_left": "AUC of 1 - P(alive)",
    "right_p": "of the tenth of highest P(no purchase), share who bought no more",
    "right_recency": "the same by days since the last purchase",
    "alerted": "share of repeat buyers away for unusually long",
    "raised": "alerts are raised",
    "strategic_share": "later spend caught by strategic, share",
    "strategic_by_spend": "by as many customers by last year's spend",
    "strategic_by_value": "by as many customers by predicted value",
    "margin_share": "later margin caught by strategic, share",
    "margin_by_spend": "by as many customers by last year's spend",
    "again_share": "of strategic, share who bought again",
    "again_by_spend": "of as many customers by last year's spend",
    "growth_vs_decile": "later spend of growth / of the same tenths of last year's spend",
}
COMPARED = (
    ("auc_p", "auc_recency"),
    ("auc_p", "auc_few"),
    ("auc_p", "auc_left"),
    ("right_p", "right_recency"),
    ("score", "naive_score"),
    ("total_error", "their_total_error"),
    ("strategic_share", "strategic_by_spend"),
    ("margin_share", "margin_by_spend"),
    ("again_share", "again_by_spend"),
)
CAUGHT = {"strategic": "spend", "margin": "margin", "again": "bought_again"}  # `<key>_share` and its outcome
DRAWS = 1000  # bootstrap samples of customers
ALONE = ("rmse", "gini", "growth_vs_decile")
ALPHA = 0.2  # of 80 % intervals


def interval_score(low, high, actual):
    """Gneiting & Raftery (2007, JASA 102, 359-378), eq. 43: the smaller, the better."""
    return (high - low) + 2 / ALPHA * max(low - actual, 0) + 2 / ALPHA * max(actual - high, 0)


def measure(engine, cut, until, policy) -> dict:
    """Everything of one origin; `picked` has what is needed to draw its customers anew."""
    days = (pd.Timestamp(until) - pd.Timestamp(cut)).days
    customers = summarise_customers(engine, as_of=cut)
    after = spend_between(engine, after=cut, until=until).reindex(customers.index).fillna(0)
    buyers, later = customers[customers["purchases"] > 0], after["spend"].astype(float)
    selection = select_model(engine, as_of=cut, horizon_days=days)
    model = selection.refit(customers)
    value = model.predict(customers, horizon_days=days)
    rhythm = churn.measure_rhythm(customers[customers["purchases"] > 0])
    more = decision_inputs.derive(engine, as_of=cut)
    raw = scorecard.gather_indicators(policy, customer_features=customers, value=value, churn=rhythm, **more)
    learned = scorecard.fit_scorecard(raw[customers["purchases"] > 0], policy, learned_on=cut)
    card = scorecard.score(raw, policy, learned)
    placed = tiers.assign_tiers(card, policy, learned)["tier_proposed"].reindex(buyers.index)
    came = {
        "spend": later[buyers.index],
        "bought_again": (after["purchases"] > 0)[buyers.index].astype(float),
    }
    if buyers.get("margin_total", pd.Series(dtype=float)).notna().any():
        by_then = summarise_customers(engine, as_of=until)["margin_total"]
        came["margin"] = (by_then - buyers["margin_total"])[buyers.index].fillna(0).astype(float)
    return (
        {"days": days, "customers": len(buyers), "champion": selection.champion}
        | judge_total(selection, model, customers, days, later[buyers.index].sum())
        | judge_value(value, buyers, days, later[buyers.index])
        | judge_churn(engine, customers, cut, value, after["purchases"] > 0)
        | judge_tiers(placed, value, buyers, pd.DataFrame(came))
    )


def judge_total(selection, model, customers, days, actual) -> dict:
    """The interval of the total beside the predicted total ± what it missed in the latest window."""
    error = selection.largest_error(days)
    intervals = predict_intervals(model, customers, horizon_days=days, total_error=error)
    expected, low, high = intervals.totals.iloc[-1][["spend_expected", "spend_low", "spend_high"]]
    if error is None:
        return {}
    row = {"held": low <= actual <= high, "score": interval_score(low, high, actual) / actual}
    said, seen = (selection.latest.spends[name].sum() for name in (selection.champion, "actual"))
    miss = abs(said - seen) / max(said, 1e-9)
    low, high = expected * (1 - miss), expected * (1 + miss)
    return row | {
        "naive_held": low <= actual <= high,
        "naive_score": interval_score(low, high, actual) / actual,
    }


def judge_value(value, buyers, days, later) -> dict:
    """Predicted spend beside the textbook's pipeline."""
    actual, theirs = later.to_numpy(), predict_by_bgnbd(buyers, days)
    ours = value["spend_expected"].reindex(buyers.index).fillna(0).to_numpy(float)
    one, other = metrics.measure(actual, ours), metrics.measure(actual, theirs)
    return {
        "total_error": abs(ours.sum() / actual.sum() - 1),
        "their_total_error": abs(theirs.sum() / actual.sum() - 1),
        "rmse": one["rmse"] / other["rmse"] - 1,
        "gini": 100 * (one["gini"] - other["gini"]),
    }


def judge_churn(engine, customers, cut, value, again) -> dict:
    """The order of P(no purchase) among repeat buyers beside single columns, for who bought no more.

    The model, its horizon and whether alerts are raised follow from what was known on the day.
    """
    buyers = customers[customers["purchases"] > 0]
    found = churn.backtest_churn(engine, customers, as_of=cut)
    more = relationship_signs.summarise_signs(engine, as_of=cut)
    said, repeat = found.model.predict(buyers, more), buyers.index[buyers["purchases"] > 1]
    gone, away = ~again[repeat].to_numpy(), buyers["days_since_last"]
    columns = {
        "p": said["p_no_purchase"],
        "recency": away,
        "few": -value["expected_purchases"].reindex(buyers.index).fillna(0),
        "left": 1 - value["p_alive"].reindex(buyers.index).fillna(1),
    }
    row = {f"auc_{name}": roc_auc_score(gone, column[repeat]) for name, column in columns.items()}
    for name in ("p", "recency"):
        top = columns[name][repeat].sort_values(ascending=False, kind="stable").index[: len(repeat) // 10]
        row[f"right_{name}"] = (~again[top]).mean()
    unusual = churn.find_unusual(said, away, found.model.horizon_days, churn.FALSE_ALERTS)
    return row | {"alerted": unusual[repeat].mean(), "raised": found.model.alerts_hold}


def judge_tiers(placed, value, buyers, came) -> dict:
    """What strategic brought later beside as many customers by one column; growth beside its like."""
    spend, later = buyers["spend_365d"].astype(float), came["spend"]
    chosen = (placed == "strategic").to_numpy(float)
    by_spend = pick_as_many(spend, chosen.sum())
    by_value = pick_as_many(value["value"].reindex(buyers.index).fillna(0), chosen.sum())
    origin = Origin(pd.NaT, pd.NaT, came, came)
    test = compare_picks([origin], "spend", [chosen], [by_spend])
    row = {"strategic_p": test["p"] if test["difference"] < 0 else 1.0}
    row["strategic_by_value"] = compare_picks([origin], "spend", [chosen], [by_value])["theirs"]
    for name, outcome in CAUGHT.items():
        if outcome in came:
            test = compare_picks([origin], outcome, [chosen], [by_spend])
            row |= {f"{name}_share": test["ours"], f"{name}_by_spend": test["theirs"]}
    tenths = pd.qcut(spend.rank(method="first"), min(10, len(spend)), labels=False)
    like, growth = later.groupby(tenths).transform("mean"), placed == "growth"
    means = later.groupby(placed).mean()
    row |= {"growth_mean": means.get("growth"), "regular_mean": means.get("regular")}
    if growth.any():
        row["growth_vs_decile"] = later[growth].sum() / max(like[growth].sum(), 1e-9)
    return row | {"picked": came.assign(chosen=chosen, by_spend=by_spend)}


def predict_by_bgnbd(buyers, days):
    """BG/NBD and Gamma-Gamma at their maximum likelihood, uncorrected: the textbook's pipeline."""
    n = buyers["purchases"].to_numpy(float) - 1
    t_x, age = buyers["days_first_to_last"].to_numpy(float), buyers["days_observed"].to_numpy(float)
    params = PURCHASE_MODELS[BGNBD].fit(weighted_histories(n, t_x, age)).params
    purchases = PURCHASE_MODELS[BGNBD].expected_purchases(params, n, t_x, age, float(days))
    alive = PURCHASE_MODELS[BGNBD].p_alive(params, n, t_x, age)
    mean = buyers["spend_mean_repeat"].fillna(0).to_numpy(float)
    again = (n > 0) & (mean > 0)
    fitted = gamma_gamma.fit_gamma_gamma(weighted_histories(n[again], mean[again])).params
    prior = {
        "population_mean": fitted["p"] * fitted["v"] / (fitted["q"] - 1),
        "slope": 0.0,
        "prior_weight": 1.0,
    }
    known = np.where(again, mean, np.nan)
    spend = gamma_gamma.expected_spend(gamma_gamma.GAMMA_GAMMA, fitted | prior, n, known)
    return np.nan_to_num(purchases * np.nan_to_num(alive, nan=1.0) * spend)


def compare_over_sets(differences: pd.Series) -> tuple[float, float, float]:
    """Mean difference over data sets and its 95 % interval: 2,000 bootstrap samples of the sets."""
    drawn = np.random.default_rng(0).choice(differences, (2000, len(differences))).mean(axis=1)
    return differences.mean(), *np.quantile(drawn, [0.025, 0.975])


def redraw_differences(table: pd.DataFrame, outcome: str) -> tuple[float, float]:
    """95 % interval of the mean difference over data sets: sets are drawn anew, and in each its customers.

    A customer is drawn with all days of a set on which it was a buyer.
    """
    rng, sets = np.random.default_rng(0), []
    for _name, origins in table.groupby("data"):
        picks = [picked for picked in origins["picked"] if outcome in picked]
        if not picks:
            continue
        ids = pd.Index(np.unique(np.concatenate([picked.index for picked in picks])))
        times = rng.poisson(1, (DRAWS, len(ids))).astype(float)
        days = []
        for picked in picks:
            drawn, came = times[:, ids.get_indexer(picked.index)], picked[outcome].to_numpy()
            sides = picked[["chosen", "by_spend"]].to_numpy()
            caught = drawn @ (came[:, None] * sides)
            whole = drawn @ sides if outcome == "bought_again" else (drawn @ came)[:, None]
            shares = caught / whole
            days.append(shares[:, 0] - shares[:, 1])
        sets.append(np.mean(days, axis=0))
    drawn = np.array(sets)[rng.integers(len(sets), size=(DRAWS, len(sets))), np.arange(DRAWS)[:, None]]
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return low, high


def list_histories(folder: Path):
    """Yield the name of each history, its engine, the day that is known, and the last day of the outcome."""
    for name, origins in ORIGINS.items():
        (folder / name).mkdir()
        clean(read_source(f"data/sources/{name}.yaml"), folder / name)
        engine = open_engine(folder / name)
        for cut, until in origins:
            yield name, engine, cut, until
    for category in CATEGORIES:
        engine = open_engine(folder / "complete_journey")
        engine.execute("create table kept as select * from transactions where category = ?", [category])
        engine.execute("drop view transactions; create view transactions as select * from kept")
        for cut, until in ORIGINS["complete_journey"][::3]:
            yield f"category {category.lower()}", engine, cut, until


def main() -> None:
    policy, rows = read_policy("policy.yaml"), []
    with tempfile.TemporaryDirectory() as scratch:
        for name, engine, cut, until in list_histories(Path(scratch)):
            rows.append({"data": name, "cut": cut} | measure(engine, cut, until, policy))
    table = pd.DataFrame(rows)
    kind = table["data"].str.replace("category .*", "categories", regex=True)
    means = table[[*FIGURES]].astype(float).groupby(kind).mean()
    means.loc["all origins"] = table[[*FIGURES]].astype(float).mean()
    print(f"| {len(table)} origins, means | " + " | ".join(means.index) + " |")
    print("|---" * (len(means) + 1) + "|")
    for name, words in FIGURES.items():
        print(f"| {words} | " + " | ".join(f"{mean:.3f}" for mean in means[name]) + " |")
    for one, other in COMPARED:
        means_of_sets = (table[one] - table[other]).astype(float).groupby(table["data"]).mean().dropna()
        mean, low, high = compare_over_sets(means_of_sets)
        print(f"{one} - {other}: {mean:+.3f} ({low:+.3f} to {high:+.3f}, bootstrap over data sets)")
    for name, outcome in CAUGHT.items():
        low, high = redraw_differences(table, outcome)
        print(f"{name}_share: {low:+.3f} to {high:+.3f}, bootstrap over data sets and their customers")
    for name in ALONE:
        mean, low, high = compare_over_sets(table[name].astype(float).groupby(table["data"]).mean())
        print(f"{name}: {mean:+.3f} ({low:+.3f} to {high:+.3f}, bootstrap over data sets)")
    for name in ("held", "naive_held"):
        held = table[name].dropna().astype(bool)
        limits = binomtest(int(held.sum()), len(held)).proportion_ci()
        print(
            f"{name}: {held.sum()} of {len(held)} (exact 95 % interval {limits.low:.2f} to {limits.high:.2f})"
        )
    print(f"strategic worse beyond chance on {(holm(table['strategic_p'].to_numpy()) <= LEVEL).sum()} (Holm)")
    worse = (table["strategic_share"] < table["strategic_by_spend"]).sum()
    below = (table["growth_mean"] < table["regular_mean"]).sum()
    print(
        f"\nstrategic caught less than by last spend on {worse}; growth spent less than regular on {below}."
    )


if __name__ == "__main__":
    main()
