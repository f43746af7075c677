"""The synthetic company: a distributor with companies and persons as customers, made from a seed.

`simulate` makes the tables in memory, as clean input. `write_sample` writes them as a company would export
them, as CSV with a few records spoilt on purpose, and the truth in a folder apart, which no source reads.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from crcm_lib.samples import (
    contact_history,
    customer_acquisition,
    defects,
    engaged_people,
    feedback,
    purchases,
    relations,
)
from crcm_lib.samples.purchases import GROUPS, SEASON_PEAK, SEASON_SWING, Group
from crcm_lib.schema.inputs import INPUTS

__all__ = ["GROUPS", "LAST_DAY", "SEASON_PEAK", "SEASON_SWING", "Group", "simulate", "write_sample"]

LAST_DAY = pd.Timestamp("2025-12-31")
THIRTY_MONTHS = 915  # days: 2023-07-01 to 2025-12-31
PROSPECT_SHARE = 0.05
UNUSUAL_IDS = ("00123", "123", "NA")  # three customers whose ids are easily merged or lost


def simulate(seed: int = 0, customers: int = 1200, days: int = THIRTY_MONTHS) -> dict[str, pd.DataFrame]:
    """Make every input table of the schema, and the truth behind them.

    Parameters
    ----------
    seed
        Equal seeds give equal tables.
    customers
        How many customers and prospects (5 % never buy), at least 100.
    days
        Length of the history, which ends on 2025-12-31.

    Returns
    -------
    The input tables by name, money in yuan, and three tables that no company has:

    - `truth`: per customer, the planted group, purchase rate (purchases per day), dropout chance (per
      repeat purchase), mean spend per purchase (yuan), whether alive on the last day, day of dropout, spend
      rate now (yuan per day), and expected spend over the next 365 days (yuan); empty for prospects
    - `truth_returns`: per return line, the day of the sale that it undoes
    - `truth_contacts`: per customer and prospect, how often there is contact (per day), and whether nobody
      has spoken with them for more than a year

    Examples
    --------
    >>> tables = simulate(seed=1, customers=100, days=400)
    >>> len(tables["customers"]), int(tables["truth"]["purchases"].eq(0).sum())
    (100, 5)
    """
    if customers < 100 or days < 60:
        raise ValueError(f"at least 100 customers and 60 days, got {customers} and {days}.")
    first = LAST_DAY - pd.Timedelta(days=days - 1)
    draw = {name: np.random.default_rng([seed, number]) for number, name in enumerate(_STREAMS)}
    people = purchases.plant_people(draw["people"], customers)
    people.loc[people.index[10:13], "customer_id"] = UNUSUAL_IDS
    prospects = round(customers * PROSPECT_SHARE)
    buyers = people.iloc[: customers - prospects]
    bought = purchases.draw_purchases(draw["purchases"], buyers, purchases.season_clock(first, days))
    buyers = purchases.plant_truth(buyers, bought, first)
    people = _with_prospects(draw["people"], buyers, people.iloc[customers - prospects :], first)
    sales = purchases.draw_lines(draw["lines"], buyers, bought, first)
    returns = purchases.draw_returns(draw["returns"], sales, LAST_DAY)
    lines = pd.concat([sales, returns], ignore_index=True)
    planted = contact_history.plant_contact_rates(draw["contacts"], people)
    tables, engaged = _relate(draw, people, lines, planted)
    lines = lines.sort_values(["time", "order_id", "kind"], kind="stable", ignore_index=True)
    tables["transactions"] = lines.drop(columns="sale_day")
    known = ["customer_id", "order_id", "product_id", "time", "amount", "sale_day"]
    tables["truth_returns"] = lines.loc[lines["kind"] == "return", known]
    tables["truth_contacts"] = planted
    tables["truth_engagement"] = engaged
    tables["truth"] = people.drop(columns=["company", "region", "days_with_us"])
    return {name: _in_yuan(table, name) for name, table in tables.items()}


# One stream of random numbers each: a change in one table leaves the others as they were.
_STREAMS = (
    "people",
    "purchases",
    "lines",
    "returns",
    "customers",
    "contacts",
    "tickets",
    "surveys",
    "invoices",
    "contracts",
    "loyalty",
    "judgements",
    "assignments",
    "consents",
    "brand",
    "markets",
    "referrals",
    "defaults",
    "texts",
    "slow",
    "teams",
    "acquisition",
    "engagement",
)


def write_sample(folder: str | Path, seed: int = 0, customers: int = 1200, days: int = THIRTY_MONTHS) -> None:
    """Write the input tables as CSV to `folder`, some records spoilt, and the truth to `folder/truth`.

    `truth/mess.csv` lists what was spoilt: table, rule, how many records, and what is expected of them
    (reject: set aside; keep). `truth/customers.csv`, `truth/returns.csv`, `truth/contacts.csv` and
    `truth/engagement.csv` are the truth of `simulate`.
    """
    folder = Path(folder)
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    tables = simulate(seed, customers, days)
    texts = {name: _to_csv(table) for name, table in tables.items()}
    spoilt, log = defects.spoil({name: texts[name] for name in INPUTS if name in texts})
    for name, text in spoilt.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    (folder / "truth" / "mess.csv").write_text(_to_csv(log), encoding="utf-8", newline="")
    (folder / "truth" / "customers.csv").write_text(texts["truth"], encoding="utf-8", newline="")
    for name in ("returns", "contacts", "engagement"):
        text = texts[f"truth_{name}"]
        (folder / "truth" / f"{name}.csv").write_text(text, encoding="utf-8", newline="")


def _relate(
    draw: dict, people: pd.DataFrame, lines: pd.DataFrame, planted: pd.DataFrame
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    customers = relations.describe_customers(draw["customers"], people)
    customers.loc[customers["industry"].first_valid_index(), "industry"] = defects.MARKUP_INDUSTRY
    tickets = feedback.draw_tickets(draw["tickets"], people, LAST_DAY)
    tickets["text"] = feedback.write_tickets(draw["texts"], tickets)
    tickets = tickets.assign(**feedback.assign_teams(draw["teams"], tickets))
    tickets.loc[tickets.index[:3], "text"] = defects.HOSTILE_TEXTS
    invoices = relations.issue_invoices(draw["invoices"], lines, customers, LAST_DAY)
    invoices = relations.pay_slowly(draw["slow"], invoices, customers, LAST_DAY)
    invoices, given_up = relations.give_up(draw["defaults"], invoices, customers, LAST_DAY)
    surveys = [
        feedback.draw_surveys(draw["surveys"], people, LAST_DAY),
        relations.ask_brand(draw["brand"], people),
    ]
    referrals = relations.recommend(draw["referrals"], people)
    won_by = customer_acquisition.draw_channels(draw["acquisition"], people, referrals)
    customers["acquisition_channel"] = won_by.to_numpy()
    judged = relations.judge(draw["judgements"], people, LAST_DAY)
    markets = relations.judge_markets(draw["markets"], people, judged, LAST_DAY)
    engaged = engaged_people.plant_engagement(
        draw["engagement"], people, planted, tickets, referrals, last=LAST_DAY
    )
    contacts = [
        contact_history.draw_contacts(draw["contacts"], people, planted, LAST_DAY),
        engaged_people.draw_dealings(draw["engagement"], people, engaged, LAST_DAY),
    ]
    tables = {
        "customers": customers,
        "contacts": pd.concat(contacts, ignore_index=True),
        "tickets": tickets,
        "surveys": pd.concat(surveys, ignore_index=True),
        "invoices": invoices,
        "contracts": relations.sign_contracts(draw["contracts"], people, LAST_DAY),
        "loyalty": relations.move_points(draw["loyalty"], lines, people),
        "judgements": pd.concat([judged, markets], ignore_index=True),
        "assignments": relations.recall_assignments(draw["assignments"], people, LAST_DAY),
        "consents": relations.ask_consent(draw["consents"], people, LAST_DAY),
        "referrals": referrals,
        "defaults": given_up,
        "acquisition": customer_acquisition.sum_costs(draw["acquisition"], people, won_by, LAST_DAY),
    }
    for name, table in tables.items():
        when = [
            column
            for column, spec in INPUTS[name].columns.items()
            if spec.kind in ("time", "day") and spec.required
        ]
        if when:
            by = [*when[:1], "customer_id" if "customer_id" in table else "channel"]
            tables[name] = table.sort_values(by, kind="stable")
    return tables, engaged.drop(columns="silent")


def _with_prospects(
    rng: np.random.Generator, buyers: pd.DataFrame, prospects: pd.DataFrame, first: pd.Timestamp
) -> pd.DataFrame:
    """Buyers, then those who never bought; and how many days each has been with us."""
    known_for = pd.to_timedelta(rng.integers(0, (LAST_DAY - first).days, len(prospects)), unit="D")
    never = prospects[["customer_id", "company", "region"]].assign(first_day=first + known_for, purchases=0)
    people = pd.concat([buyers.astype({"alive": "boolean"}), never], ignore_index=True)
    until = people["dropped_out"].fillna(LAST_DAY)
    return people.assign(days_with_us=(until - people["first_day"]).dt.days + 1)


def _in_yuan(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Order the columns as in the schema; money, drawn in fen so that it adds up exactly, becomes yuan."""
    of = "transactions" if name == "truth_returns" else name
    columns = INPUTS[of].columns if of in INPUTS else {}
    money = {
        column: table[column] / 100
        for column in table
        if column in columns and columns[column].kind == "money"
    }
    order = [column for column in columns if column in table]
    return table.assign(**money)[order + [column for column in table if column not in order]].reset_index(
        drop=True
    )


def _to_csv(table: pd.DataFrame) -> str:
    """Whole days as dates, times to the minute, money with two decimals, rates with six."""
    text = table.copy()
    for column in text.select_dtypes("datetime"):
        whole = (text[column].dropna() == text[column].dropna().dt.normalize()).all()
        text[column] = text[column].dt.strftime("%Y-%m-%d" if whole else "%Y-%m-%dT%H:%M:00")
    for column in text.select_dtypes("float"):
        decimals = 6 if column in ("purchase_rate", "dropout_chance", "contact_rate") else 2
        text[column] = text[column].map(f"{{:.{decimals}f}}".format, na_action="ignore")
    return text.to_csv(index=False, lineterminator="\n")
