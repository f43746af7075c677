"""`make worlds`: measure every seed of every world, keep all numbers in table.csv, print what holds."""

import os
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, repeat

import pandas as pd
from tqdm import tqdm

from worlds import KEY, TABLE, run_seed, summarise
from worlds.catalogue import WORLDS


def main() -> None:
    """Measure, write, print; exit with 1 where a mean lies outside its limits."""
    rows: list[dict] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for world in WORLDS:
            measured = pool.map(run_seed, repeat(world), range(world.seeds), chunksize=5)
            rows += chain.from_iterable(tqdm(measured, world.name, world.seeds))
    table = pd.DataFrame(rows).sort_values(KEY, ignore_index=True)
    table.to_csv(TABLE, index=False, float_format="%.6g")
    summary = summarise(table.set_index(KEY), WORLDS)
    print(summary.to_string(index=False, float_format="{:.3f}".format))
    raise SystemExit(not summary["holds"].all())


if __name__ == "__main__":
    main()
