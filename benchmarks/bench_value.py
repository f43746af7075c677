"""BG/NBD's fit and 12-month value at 1 million customers, against lifetimes, in one run.

Both sides get the same arrays in memory; ours includes finding the different histories. Best of `--repeats`
for ours, one run for lifetimes (it takes long enough to be steady). `ValueModel.predict` stands beside: the
whole `value` table, checked, each purchase discounted from its own day instead of at the end of 30-day steps.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd

from crcm_lib.models.clv.purchase_models import BGNBD, PURCHASE_MODELS

CUSTOMERS = 1_000_000
TRUTH = {"r": 0.243, "alpha": 30.9, "a": 0.793, "b": 2.426}  # CDNOW, in days
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}
STEP, STEPS, MONTHLY = 30, 12, 0.01  # lifetimes' month is 30 days; its discount is per month


def simulate(customers: int, unit: float, seed: int = 0) -> pd.DataFrame:
    """Histories by BG/NBD, in whole units of `unit` days, and mean spends by Gamma-Gamma."""
    rng = np.random.default_rng(seed)
    pace = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], customers)
    lives = rng.geometric(np.maximum(rng.beta(TRUTH["a"], TRUTH["b"], customers), 1e-9))
    age = rng.integers(180, 546, customers).astype(float)
    x, t_x, now = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    active = np.arange(customers)
    while len(active):
        now[active] += rng.exponential(1 / np.maximum(pace[active], 1e-12))
        active = active[now[active] <= age[active]]
        x[active] += 1
        t_x[active] = now[active]
        active = active[x[active] < lives[active]]
    mean = rng.gamma(SPEND["p"] * (x + 1), 1 / rng.gamma(SPEND["q"], 1 / SPEND["v"], customers)) / (x + 1)
    t_x, age = np.where(x > 0, np.ceil(t_x / unit), 0), np.ceil(age / unit)
    index = pd.Index([f"C{i:07d}" for i in range(customers)], name="customer_id")
    return pd.DataFrame({"x": x, "t_x": t_x, "T": age, "mean": mean.round(2).clip(0.01)}, index=index)


def timed(work, repeats: int = 1):
    """The result and the best time in seconds."""
    times = []
    for _repeat in range(repeats):
        started = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - started)
    return result, min(times)


def compare_fits(rows: pd.DataFrame, repeats: int) -> dict:
    import lifetimes

    from crcm_lib.models.histories import weighted_histories

    columns = [rows[name].to_numpy() for name in ("x", "t_x", "T")]
    histories = len(weighted_histories(*columns))
    ours, our_time = timed(lambda: PURCHASE_MODELS[BGNBD].fit(weighted_histories(*columns)), repeats)
    theirs, their_time = timed(lambda: lifetimes.BetaGeoFitter().fit(*columns))
    assert not ours.problems
    off = max(abs(ours.params[name] / theirs.params_[name] - 1) for name in ours.params)
    return {"histories": histories, "lifetimes": their_time, "ours": our_time, "off": off}


def compare_values(rows: pd.DataFrame, repeats: int) -> list[dict]:
    import lifetimes

    from crcm_lib.models.clv import lifetimes_adapter
    from crcm_lib.models.clv.gamma_gamma import GAMMA_GAMMA
    from crcm_lib.models.clv.purchase_models import BGNBD
    from crcm_lib.models.clv.value_model import ValueModel
    from crcm_lib.models.histories import weighted_histories

    buying = lifetimes_adapter.purchase_fitter(TRUTH)
    buying.predict = buying.conditional_expected_number_of_purchases_up_to_time
    spending: lifetimes.GammaGammaFitter = lifetimes_adapter.spend_fitter(SPEND)
    x, t_x, age, mean = (rows[name] for name in rows)

    def theirs():
        return spending.customer_lifetime_value(
            buying, x, t_x, age, mean, time=STEPS, discount_rate=MONTHLY, freq="D"
        )

    def ours():
        histories = weighted_histories(*(column.to_numpy() for column in (x, t_x, age)))
        pairs = weighted_histories(histories.columns[0], histories.columns[2])
        ends = STEP * np.arange(STEPS + 1.0)
        bought = lifetimes_adapter.expected_purchases_if_alive(
            TRUTH, *(column[:, None] for column in pairs.columns), ends
        )
        discounted = np.diff(bought) @ (1 + MONTHLY) ** -np.arange(1.0, STEPS + 1)
        alive = PURCHASE_MODELS[BGNBD].p_alive(TRUTH, *histories.columns)
        spend = spending.conditional_expected_average_profit(x.to_numpy(), mean.to_numpy())
        return pd.Series((alive * discounted[pairs.which])[histories.which] * spend, index=rows.index)

    population_mean = SPEND["p"] * SPEND["v"] / (SPEND["q"] - 1)
    spend_params = SPEND | {"population_mean": population_mean, "slope": 0.0, "prior_weight": 1.0}
    model = ValueModel(BGNBD, TRUTH, GAMMA_GAMMA, spend_params)
    customers = pd.DataFrame(
        {"purchases": x.astype(int) + 1, "days_first_to_last": t_x, "days_observed": age, "spend_mean": mean}
    )
    rate = (1 + MONTHLY) ** (365 / STEP) - 1

    def whole_table():
        return model.predict(customers, horizon_days=STEP * STEPS, annual_discount_rate=rate)["value"]

    their_value, their_time = timed(theirs)
    our_value, our_time = timed(ours, repeats)
    table, table_time = timed(whole_table, repeats)
    off = float(abs(our_value / their_value - 1).max())
    row = {"histories": len(weighted_histories(x, t_x, age)), "lifetimes": their_time}
    return [
        {**row, "ours": our_time, "off": off},
        {**row, "ours": table_time, "off": float(abs(table.sum() / their_value.sum() - 1))},
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    weekly, daily = (simulate(given.customers, unit) for unit in (7, 1))
    value, table = compare_values(daily, given.repeats)
    rows = {
        "BG/NBD fit, weekly histories (target 20x)": compare_fits(weekly, given.repeats),
        "BG/NBD fit, daily histories": compare_fits(daily, given.repeats),
        "12-month value, same 30-day steps (target 30x)": value,
        "`ValueModel.predict`, the whole table, daily discount": table,
    }
    print(f"{given.customers:,} customers\n")
    print("| | different histories | lifetimes, s | ours, s | ratio | largest relative difference |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, row in rows.items():
        print(
            f"| {name} | {row['histories']:,} | {row['lifetimes']:.2f} | {row['ours']:.3f} "
            f"| {row['lifetimes'] / row['ours']:.0f}x | {row['off']:.1e} |"
        )
    print("\nThe differences: of parameters, of any customer's value, and of the total value.")


if __name__ == "__main__":
    main()
