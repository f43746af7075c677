"""Events -> customers at 10 million transactions, against lifetimes and against a bare aggregate, in one run.

Each contender runs in its own process on the same file and reports its best time and its own peak memory. The
bare aggregate is the least that any such table needs: lines per customer and day, then days per customer.
lifetimes gets a data frame that is already in memory; reading it is not counted.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

LINES, CUSTOMERS, DAYS = 10_000_000, 500_000, 900
FIRST, LAST = "2022-01-01", "2024-12-31"
BARE = f"""
    select customer_id, count(*) as purchases, min(purchase_day) as first_day, max(purchase_day) as last_day,
        sum(net) as spend
    from (select customer_id, purchase_day, sum(amount) as net from transactions where day <= date '{LAST}'
          group by customer_id, purchase_day) as daily
    group by customer_id"""


def make(path: Path, lines: int) -> None:
    """Write clean transactions of customers who buy on random days, seldom twice on one."""
    customers = max(1, lines * CUSTOMERS // LINES)
    duckdb.connect().execute(
        f"""copy (
            select 'C' || lpad(cast(hash(n) % {customers} as varchar), 7, '0') as customer_id, day,
                day as purchase_day, cast(hash(n * 7) % 100000 as decimal(18, 4)) / 100 as amount,
                case when hash(n * 11) % 50 = 0 then 'return' else 'sale' end as kind
            from (select n, date '{FIRST}' + cast(hash(n * 13) % {DAYS} as integer) as day
                  from range({lines}) as t(n)) as drawn
        ) to '{path}'"""
    )


def run_ours(path: Path, repeats: int) -> list[tuple[float, float]]:
    """Seconds of `summarise_purchases`, from the file to a data frame ordered by customer."""
    from crcm_lib.features.customers import summarise_purchases

    return [timed(lambda: summarise_purchases(open_engine(path), as_of=LAST)) for _repeat in range(repeats)]


def run_bare(path: Path, repeats: int) -> list[tuple[float, float]]:
    """Seconds of the bare aggregate, from the file to a data frame in any order."""
    return [timed(lambda: open_engine(path).execute(BARE).df()) for _repeat in range(repeats)]


def run_lifetimes(path: Path, repeats: int) -> list[tuple[float, float]]:
    """Seconds of lifetimes, from a data frame in memory to a data frame."""
    from lifetimes.utils import summary_data_from_transaction_data

    log = duckdb.execute(
        f"select customer_id, cast(day as timestamp) as day, cast(amount as double) as amount from '{path}'"
    ).df()
    return [
        timed(
            lambda: summary_data_from_transaction_data(
                log, "customer_id", "day", "amount", observation_period_end=LAST
            )
        )
    ]


def open_engine(path: Path):
    """The same engine for both: past 900 MB it works on disk, so that memory does not grow with the data."""
    engine = duckdb.connect(config={"memory_limit": "900MB", "temp_directory": str(path.parent / "spill")})
    engine.execute(f"create view transactions as from '{path}'")
    return engine


def timed(work) -> tuple[float, float]:
    """Wall and processor seconds; the latter do not depend on what else the machine does."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - busy


CONTENDERS = {
    "summarise_purchases": run_ours,
    "bare DuckDB aggregate": run_bare,
    "lifetimes.utils.summary_data_from_transaction_data": run_lifetimes,
}


def measure(name: str, path: Path, repeats: int) -> list[float]:
    """Run one contender in a process of its own."""
    command = [sys.executable, __file__, "--contender", name, "--file", str(path), "--repeats", str(repeats)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--contender", choices=CONTENDERS)
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    if given.contender:
        wall, processor = min(CONTENDERS[given.contender](given.file, given.repeats))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        print(json.dumps([wall, processor, peak]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transactions.parquet"
        make(path, given.lines)
        found = {name: measure(name, path, given.repeats) for name in CONTENDERS}
    ours = found["summarise_purchases"]
    print(f"{given.lines:,} transactions -> customers; ratios to summarise_purchases\n")
    print(
        "| | seconds | ratio | processor seconds | ratio | peak memory, GB |\n|---|---:|---:|---:|---:|---:|"
    )
    for name, (wall, processor, peak) in found.items():
        ratios = wall / ours[0], processor / ours[1]
        print(f"| {name} | {wall:.2f} | {ratios[0]:.2f} | {processor:.2f} | {ratios[1]:.2f} | {peak:.2f} |")


if __name__ == "__main__":
    main()
