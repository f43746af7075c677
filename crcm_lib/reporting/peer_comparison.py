"""Others' numbers beside ours, where the policy gives any: on the first page of a run."""

from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.kpis import Card
from crcm_lib.reporting.text.numbers import fill, write
from crcm_lib.schema import tables

MONEY = ("spend_year", "spend_expected", "margin_expected", "at_risk", "market_spend", "wallet")


def compare(folder: Path, run: dict, cards: list[Card]) -> list[dict]:
    """Each benchmark of the policy with our number; no rows where it has none.

    Parameters
    ----------
    folder
        A run with `customer_features`.
    run
        The content of `run.json`: `policy.benchmarks`, `as_of`.
    cards
        From `kpis.cards`.

    Returns
    -------
    `name`, `kpi` in words, `theirs`, `ours` ("–" where ours is not known, hidden, or of less than a year),
    `source`, `day`, `is_old`. Of `market_spend` ours is the share of the market, of `wallet` the share of
    wallet: our spend of the year per customer who bought in it, over what such a customer spends with all.
    """
    given = (run.get("policy") or {}).get("benchmarks") or []
    if not given:
        return []
    ours = {card.name: card.number for card in cards}
    spend, buyers = ours.get("spend_year", float("nan")), _count_year(folder)
    ours["market_spend"], ours["wallet"] = spend, spend / buyers if buyers else float("nan")
    names = {card.name: card.label for card in cards} | {
        "market_spend": _("market share (市场份额)"),
        "wallet": _("share of wallet (客户份额)"),
    }
    return [_write_row(each, ours.get(each["kpi"], float("nan")), names, run) for each in given]


def _write_row(given: dict, number: float, names: dict[str, str], run: dict) -> dict:
    """One benchmark in words."""
    kpi, value = given["kpi"], given["value"]
    kind = "share" if kpi == "repeat_share" else "money" if kpi in MONEY else "count"
    is_share = kpi in ("market_spend", "wallet")
    if is_share:
        number = number / value if value else float("nan")
    until = date.fromisoformat(given["day"]) + timedelta(days=given["valid_days"])
    return {
        "name": given["name"],
        "kpi": names.get(kpi, kpi),
        "theirs": write(value, kind) if kind == "share" else f"{write(value, kind)} {given['unit']}",
        "ours": write(number, "share" if is_share else kind),
        "source": given["source"],
        "day": given["day"],
        "is_old": bool(run.get("as_of")) and until < date.fromisoformat(run["as_of"]),
    }


def _count_year(folder: Path) -> int:
    """How many customers bought in the last 365 days."""
    if not tables.exists(folder, "customer_features"):
        return 0
    customers = tables.read(folder, "customer_features")
    bought: pd.Series = (
        customers["purchases_365d"] > 0 if "purchases_365d" in customers else pd.Series([], dtype=bool)
    )
    return int(bought.sum())


def explain_unknown(run: dict) -> list[str]:
    """What no data of ours can say, as long as nobody gives a benchmark for it."""
    known = {each["kpi"] for each in (run.get("policy") or {}).get("benchmarks") or []}
    parts = {"wallet": _("share of wallet (客户份额)"), "market_spend": _("market share (市场份额)")}
    lacking = [words for kpi, words in parts.items() if kpi not in known]
    words = _(
        "Not known: {lacking}. What customers buy elsewhere is in no table; a benchmark in the policy "
        "(`benchmarks`) gives something to hold ours against."
    )
    return [fill(words, lacking=lacking)] if lacking else []
