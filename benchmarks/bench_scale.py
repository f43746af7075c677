"""The value stage (model selection, fit, scores, intervals) from ten thousand to three million customers.

Customers buy as in CDNOW's published fit, over 540 days; the stage reads clean transactions. Whoever wins,
the corrected model is refitted: it costs most. Each size runs in a process of its own, which reports its
seconds and its peak memory; `scale.png` shows them.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

SIZES = (10_000, 100_000, 1_000_000, 3_000_000)
FIRST, DAYS, HORIZON = "2023-01-01", 540, 365


def make(path: Path, customers: int) -> None:
    """Write the clean transactions of customers who buy and leave by Pareto/NBD."""
    random = np.random.default_rng(0)
    start = random.integers(0, 360, customers)
    pace = random.gamma(0.55, 1 / 74, customers)
    lives = np.minimum(random.exponential(1 / random.gamma(0.6, 1 / 82, customers)), DAYS - 1 - start)
    counts = random.poisson(pace * lives)
    who = np.repeat(np.arange(customers), counts + 1)
    later = random.random(len(who)) * lives[who]
    later[np.cumsum(counts + 1) - counts - 1] = 0  # the first purchase
    day = pd.Timestamp(FIRST) + pd.to_timedelta((start[who] + later).astype(int), unit="D")
    level = 1 / random.gamma(3.7, 1 / 15.4, customers)
    lines = pd.DataFrame({"who": who, "day": day, "amount": random.gamma(6.2, level[who]).round(2) + 0.01})
    engine = duckdb.connect()
    engine.register("lines", lines)
    engine.execute(
        f"""copy (select 'C' || lpad(cast(who as varchar), 7, '0') as customer_id, cast(day as date) as day,
            cast(day as date) as purchase_day, cast(amount as decimal(18, 4)) as amount, 'sale' as kind
            from lines) to '{path}'"""
    )


def run_stage(path: Path) -> dict[str, float]:
    """Seconds of each step."""
    from crcm_lib.features.customers import summarise_customers
    from crcm_lib.models.clv import predict_intervals, select_model
    from crcm_lib.models.clv.purchase_models import CORRECTED

    engine = duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(path.parent / "spill")})
    engine.execute(f"create view transactions as from '{path}'")
    as_of = pd.Timestamp(FIRST) + pd.Timedelta(days=DAYS - 1)
    customers = summarise_customers(engine, as_of=as_of)
    clock = [time.perf_counter()]
    selection = select_model(engine, as_of=as_of, horizon_days=HORIZON)
    clock.append(time.perf_counter())
    model = replace(selection, champion=CORRECTED).refit(customers)
    clock.append(time.perf_counter())
    model.predict(customers, horizon_days=HORIZON, annual_discount_rate=0.1)
    clock.append(time.perf_counter())
    predict_intervals(model, customers, horizon_days=HORIZON)
    clock.append(time.perf_counter())
    steps = dict(zip(("selection", "fit", "scores", "intervals"), np.diff(clock).tolist(), strict=True))
    return {**steps, "all": clock[-1] - clock[0]}


def draw(found: pd.DataFrame, path: Path) -> None:
    """Seconds by customers, and what growth in proportion would be."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    axes.loglog(found.index, found["all"], "o-", color="#0072B2", linewidth=2.5, label="the value stage")
    axes.loglog(
        found.index,
        found["all"].iloc[0] * found.index / found.index[0],
        "--",
        color="#595959",
        label="in proportion to customers",
    )
    axes.set(xlabel="customers", ylabel="seconds")
    axes.xaxis.set_major_formatter(lambda value, _place: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _place: f"{value:,.0f}")
    axes.grid(visible=True, color="#E5E5E5")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    if given.file:
        found = run_stage(given.file)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        print(json.dumps(found | {"peak": peak}))
        return
    print("| customers | selection, s | fit | scores | intervals | all | peak memory, GB |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    rows = {}
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "transactions.parquet"
            make(path, size)
            command = [sys.executable, __file__, "--file", str(path)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows[size] = found
        steps = " | ".join(
            f"{found[step]:.1f}" for step in ("selection", "fit", "scores", "intervals", "all")
        )
        print(f"| {size:,} | {steps} | {found['peak']:.2f} |", flush=True)
    draw(pd.DataFrame(rows).T, Path(__file__).with_name("scale.png"))


if __name__ == "__main__":
    main()
