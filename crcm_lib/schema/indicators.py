"""What an indicator of the policy may read beside the result tables, as plain data, like `INPUTS`.

`features.indicator_tables` makes these tables, one row per customer as of a day, from the input table that
`written_by` names. In an open table the data give the names of columns: `OF_A_NAME` says what a column is
that they name.
"""

from crcm_lib.schema.columns import (
    ID,
    Column,
    Table,
    count_column,
    days_column,
    money_column,
    share_column,
)
from crcm_lib.schema.inputs import INPUTS

WINDOW = 365  # days that counts and means of a year reach back
LAST, MEAN = "_last", f"_mean_{WINDOW}d"  # what follows the name of a measure

INDICATORS = {
    "payments": Table(
        "a customer with an invoice that was due",
        ("customer_id",),
        "invoices",
        {
            "customer_id": ID,
            "paid_on_time_share": share_column(
                "share of the invoices due before as_of that were paid by then"
            ),
            "days_late_mean": days_column("mean days late of these; an open invoice is late until as_of"),
        },
    ),
    "renewals": Table(
        "a customer whose contract has ended",
        ("customer_id",),
        "contracts",
        {
            "customer_id": ID,
            "renewed_share": share_column("share of the contracts ended by as_of that were renewed"),
        },
    ),
    "judgements": Table(
        "a customer who was judged", ("customer_id",), "judgements", {"customer_id": ID}, True
    ),
    "customers": Table(
        "a customer or a prospect",
        ("customer_id",),
        "customers",
        {name: column for name, column in INPUTS["customers"].columns.items() if column.kind != "day"},
        open=True,
    ),
    "interaction": Table(
        "a customer with a contact or a purchase",
        ("customer_id",),
        "contacts",
        {
            "customer_id": ID,
            f"contacts_{WINDOW}d": count_column(f"contacts in the last {WINDOW} days, either way"),
            f"inbound_{WINDOW}d": count_column("of these begun by the customer"),
            f"outbound_{WINDOW}d": count_column("of these begun by us"),
            f"events_{WINDOW}d": count_column("of these at events"),
            f"social_{WINDOW}d": count_column("of these by social media"),
            "answered_share": share_column("of the outbound ones whose outcome is known, those answered"),
            "days_since_contact": days_column("since the last contact; missing where there was none"),
        },
    ),
    "loyalty": Table(
        "a member of the loyalty programme",
        ("customer_id",),
        "loyalty",
        {
            "customer_id": ID,
            f"earned_{WINDOW}d": Column(
                "number", "points", f"points earned in the last {WINDOW} days", at_least=0
            ),
            f"redeemed_{WINDOW}d": Column(
                "number", "points", f"points redeemed in the last {WINDOW} days", at_least=0
            ),
            "redeemed_share": share_column("share of all points ever earned that were redeemed"),
            "days_since_points": days_column("days since points were last earned or redeemed"),
        },
    ),
    "service": Table(
        "a customer or a prospect",
        ("customer_id",),
        "tickets",
        {
            "customer_id": ID,
            f"tickets_{WINDOW}d": count_column(f"tickets opened in the last {WINDOW} days"),
            f"complaints_{WINDOW}d": count_column(f"complaints opened in the last {WINDOW} days"),
            "open_complaints": count_column("complaints not resolved on as_of"),
            "days_open": days_column("how long the oldest open ticket has waited; 0 without one"),
        },
    ),
    "answers": Table(
        "a customer who answered",
        ("customer_id",),
        "surveys",
        {
            "customer_id": ID,
            "ces": Column("number", "1…7", "mean ces answer: how easy it was", at_least=1, at_most=7),
        },
        open=True,
    ),
    "referrals": Table(
        "a customer or a prospect",
        ("customer_id",),
        "referrals",
        {
            "customer_id": ID,
            "referrals": count_column("different customers recommended so far"),
            f"referrals_{WINDOW}d": count_column(f"of these in the last {WINDOW} days"),
        },
    ),
    "defaults": Table(
        "a customer who was ever invoiced; without invoices every customer or prospect",
        ("customer_id",),
        "defaults",
        {
            "customer_id": ID,
            "defaults": count_column("how often an amount was given up"),
            "amount": money_column("what was not paid in all", at_least=0),
            "days_since_default": days_column("since the last; empty without one"),
        },
    ),
    "measures": Table(
        "a customer who was measured", ("customer_id",), "measures", {"customer_id": ID}, open=True
    ),
    "opportunities": Table(
        "a customer or a prospect",
        ("customer_id",),
        "opportunities",
        {
            "customer_id": ID,
            "open_opportunities": count_column("opportunities open on as_of"),
            "open_amount": money_column("what these would bring"),
            "expected_amount": money_column(
                "the same, each times its chance of being won; 0 where that is empty"
            ),
        },
    ),
}

OF_A_NAME = {
    "judgements": Column(
        "number", "0…100", "the latest judgement of this name; several on its day are averaged", False, 0, 100
    ),
    "customers": Column("text", "as given", "a column of your own"),
    "answers": Column("number", "as asked", "the customer's mean answer to the survey item of this name"),
    "measures": Column(
        "number",
        "as counted",
        f"of a measure: `name{LAST}` its last value, `name{MEAN}` its mean over the last {WINDOW} days",
    ),
}


def find_column(table: str, name: str) -> Column | None:
    """What a column of an indicator table is; None if there can be no such column.

    >>> find_column("renewals", "renewed_share").unit, find_column("renewals", "renewed") is None
    ('0…1', True)
    >>> find_column("measures", "logins") is None, find_column("measures", "logins_last").unit
    (True, 'as counted')
    """
    if name == "customer_id":
        return None
    if name in INDICATORS[table].columns:
        return INDICATORS[table].columns[name]
    is_day = table == "customers" and name in INPUTS["customers"].columns
    is_half = table == "measures" and stem(table, name) in ("", name)
    return None if is_day or is_half else OF_A_NAME.get(table)


def stem(table: str, name: str) -> str:
    """The name that the data give: of a column of `measures` without what is made of the measure.

    >>> stem("measures", "income_mean_365d"), stem("answers", "price_last")
    ('income', 'price_last')
    """
    return name.removesuffix(LAST).removesuffix(MEAN) if table == "measures" else name
