"""Which segments deserve attention: what they promise, measured or judged, beside our own position."""

import numpy as np
import pandas as pd

from crcm_lib.config.market_policy import Market

BETTER_THAN, WORSE_THAN = 60, 40  # points of a judged outlook from which, and up to which, it says something
POTENTIALS = ("higher", "judged_higher", "lower", "judged_lower", "disputed", "cannot_tell")
POSITIONS = ("strong", "weak", "mixed", "cannot_tell")
OF_POSITION = ("spend", "retained", "satisfaction")
ATTENTION = {  # potential up, down or not known, and position
    ("up", "strong"): "invest",
    ("up", "weak"): "repair",
    ("up", "mixed"): "develop",
    ("up", "cannot_tell"): "develop",
    ("down", "strong"): "hold",
    ("down", "weak"): "select",
    ("down", "mixed"): "select",
    ("down", "cannot_tell"): "watch",
    ("unknown", "strong"): "hold",
    ("unknown", "weak"): "look_into",
    ("unknown", "mixed"): "look_into",
    ("unknown", "cannot_tell"): "cannot_tell",
}
COLUMNS = ["attribute", "level", "growth", *OF_POSITION, "outlook", "competition", "judged"]


def rate_segments(
    compared: pd.DataFrame, markets: tuple[Market, ...], *, as_of: str | pd.Timestamp
) -> pd.DataFrame:
    """Potential and position of each segment, and what follows for attention (target selection).

    Potential is growth beyond chance; where that cannot be told, the outlook that the policy has judged by
    `as_of`, from `BETTER_THAN` points up or to `WORSE_THAN` down. Where both contradict, it is disputed.
    Position is what the segment's customers spend, whether they stay and how satisfied they are, each beyond
    chance: the axes of the matrix of attractiveness and competitive position (Robinson, Hichens & Wade 1978,
    Long Range Planning 11(3), 8-15). How hard others compete only people know: it is shown, not counted.

    Parameters
    ----------
    compared
        From `models.market_segments.compare_segments`.
    markets
        The policy's.

    Returns
    -------
    One row per segment of `compared`: `attribute`, `level`; the verdicts `growth`, `spend`, `retained` and
    `satisfaction` ("" where not compared); `outlook`, `competition` and the day `judged`, missing where the
    policy says nothing; `potential` (of `POTENTIALS`), `position` (of `POSITIONS`) and `attention`, a value
    of `ATTENTION`.
    """
    day = pd.Timestamp(as_of).normalize()
    judged = {each.segment: each for each in markets if pd.Timestamp(each.day) <= day}
    rows = []
    for (attribute, level), part in compared.groupby(["attribute", "level"], sort=False):
        verdicts = dict(zip(part["measure"], part["verdict"], strict=True))
        market = judged.get((str(attribute), str(level)))
        row: dict[str, object] = {name: verdicts.get(name, "") for name in ("growth", *OF_POSITION)}
        row |= {
            "outlook": np.nan if market is None else market.outlook,
            "competition": np.nan if market is None or market.competition is None else market.competition,
            "judged": pd.NaT if market is None else pd.Timestamp(market.day),
        }
        potential = _find_potential(str(row["growth"]), market)
        position = _find_position({str(row[name]) for name in OF_POSITION})
        found = {"potential": potential, "position": position}
        found["attention"] = ATTENTION[_direct(potential), position]
        rows.append({"attribute": attribute, "level": level} | row | found)
    table = pd.DataFrame(rows, columns=[*COLUMNS, "potential", "position", "attention"])
    kinds = {"outlook": "float64", "competition": "float64", "judged": "datetime64[us]"}
    return table.astype(kinds)


def add_attention(compared: pd.DataFrame, rated: pd.DataFrame) -> pd.DataFrame:
    """The table `markets`: each row of `compare_segments` with what follows for its segment."""
    attention = rated.set_index(["attribute", "level"])["attention"]
    places = pd.MultiIndex.from_frame(compared[["attribute", "level"]])
    found = attention.reindex(places).fillna("cannot_tell").astype("str")
    return compared.assign(attention=found.to_numpy())


def _find_potential(growth: str, market: Market | None) -> str:
    outlook = "" if market is None else _read_outlook(market.outlook)
    if growth in ("higher", "lower"):
        return "disputed" if outlook not in ("", growth) else growth
    return f"judged_{outlook}" if outlook else "cannot_tell"


def _read_outlook(points: float) -> str:
    if points >= BETTER_THAN:
        return "higher"
    return "lower" if points <= WORSE_THAN else ""


def _find_position(verdicts: set[str]) -> str:
    if {"higher", "lower"} <= verdicts:
        return "mixed"
    if "higher" in verdicts:
        return "strong"
    return "weak" if "lower" in verdicts else "cannot_tell"


def _direct(potential: str) -> str:
    """Whether it points up, down, or nowhere."""
    if potential.endswith("higher"):
        return "up"
    return "down" if potential.endswith("lower") else "unknown"
