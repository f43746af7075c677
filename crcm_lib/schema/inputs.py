"""The input tables after cleaning, as plain data; `tables` validates with them, `dictionary` prints them."""

from crcm_lib.schema.columns import CURRENCY, ID, Column, Table, text_column

INPUTS = {
    "transactions": Table(
        "a line of an order, sale or return",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "time": Column("time", "local time", "when it happened", True),
            "amount": Column("money", CURRENCY, "what was paid for the line; below zero for a return", True),
            "order_id": text_column("the order or basket"),
            "return_of": text_column("the order that a return undoes, where it has a number of its own"),
            "product_id": text_column("the product"),
            "category": text_column("the product's category"),
            "quantity": Column("number", "pieces", "how many; below zero for a return"),
            "unit_price": Column("money", CURRENCY, "price of one piece"),
            "cost": Column("money", CURRENCY, "what the line cost us"),
            "discount": Column("money", CURRENCY, "what was taken off the list price, zero or above"),
            "channel": text_column("where it was bought"),
            "region": text_column("where the customer or shop is"),
            "currency": text_column("ISO 4217 code, where a file mixes currencies"),
            "kind": text_column("sale or return", one_of=("sale", "return")),
            "day": Column("day", "date", "the calendar day of `time`; made by cleaning"),
            "purchase_day": Column(
                "day",
                "date",
                "the day of the purchase that the line belongs to: a sale's own day, a matched "
                "return's sale day, empty for an unmatched return; made by cleaning",
            ),
        },
    ),
    "customers": Table(
        "a customer or a prospect",
        ("customer_id",),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "subject_type": text_column(
                "company or person; unknown counts as person", one_of=("company", "person")
            ),
            "industry": text_column("industry"),
            "size": text_column("size class of a company"),
            "region": text_column("region"),
            "city": text_column("city"),
            "founded": Column("day", "date", "when the company was founded"),
            "signup": Column("day", "date", "when the customer registered"),
            "owner": text_column("account owner's role or code"),
            "birthday": Column("day", "date", "day of birth"),
            "credit_rating": text_column("credit rating, AAA … D"),
            "acquisition_channel": text_column(
                "the channel that won the customer, as `acquisition` names it"
            ),
        },
        open=True,
        lights=(
            "02_customer_profile",
            "09_strategy",
            "16_newcomers",
            "19_engagement",
            "18_markets",
        ),
    ),
    "contacts": Table(
        "an interaction",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "time": Column("time", "local time", "when", True),
            "channel": text_column(
                "phone, email, social, chat, visit, event, campaign, training, community, idea or interview",
                True,
            ),
            "direction": text_column("inbound or outbound"),
            "outcome": text_column("what came of it"),
            "cost": Column("money", CURRENCY, "what it cost us"),
        },
        lights=(
            "05_churn_warning",
            "09_strategy",
            "12_interaction",
            "17_risk",
            "16_newcomers",
            "19_engagement",
        ),
    ),
    "tickets": Table(
        "a service request or complaint",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "opened": Column("time", "local time", "when it was opened", True),
            "kind": text_column("request or complaint"),
            "cause": text_column("cause code"),
            "responded": Column("time", "local time", "first response"),
            "resolved": Column("time", "local time", "when it was resolved; empty while open"),
            "text": text_column("what was said"),
            "satisfaction": Column("number", "1…5", "satisfaction with the handling", at_least=1, at_most=5),
            "cost": Column("money", CURRENCY, "what handling it cost us"),
            "channel": text_column("how it came: phone, email, chat, social …"),
            "team": text_column("the team of ours that handled it"),
        },
        lights=(
            "05_churn_warning",
            "07_satisfaction",
            "09_strategy",
            "14_service_feedback",
            "17_risk",
            "16_newcomers",
            "19_engagement",
            "20_growth",
        ),
    ),
    "surveys": Table(
        "an answer",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "time": Column("time", "local time", "when", True),
            "instrument": text_column("nps, csat, ces or item", True, ("nps", "csat", "ces", "item")),
            "score": Column(
                "number", "nps 0…10, csat 1…5, ces 1…7", "the answer", True, at_least=0, at_most=10
            ),
            "item": text_column("which question"),
            "text": text_column("free text"),
            "mode": text_column("online, phone or face to face"),
        },
        lights=(
            "05_churn_warning",
            "07_satisfaction",
            "08_classification",
            "14_service_feedback",
            "19_engagement",
            "20_growth",
            "18_markets",
        ),
    ),
    "invoices": Table(
        "an invoice",
        ("invoice_id",),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "invoice_id": text_column("the invoice", True),
            "issued": Column("day", "date", "issued", True),
            "due": Column("day", "date", "due", True),
            "amount": Column("money", CURRENCY, "invoiced", True),
            "paid": Column("day", "date", "when it was paid; empty while open"),
        },
        lights=(
            "05_churn_warning",
            "08_classification",
            "09_strategy",
            "11_profitability",
            "17_risk",
            "20_growth",
        ),
    ),
    "contracts": Table(
        "a contract period",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "start": Column("day", "date", "first day", True),
            "end": Column("day", "date", "last day", True),
            "renewed": Column("flag", "", "was it renewed"),
            "value": Column("money", CURRENCY, "value of the period"),
        },
        lights=(
            "05_churn_warning",
            "08_classification",
            "09_strategy",
            "11_profitability",
            "17_risk",
            "19_engagement",
            "20_growth",
        ),
    ),
    "loyalty": Table(
        "a points movement",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "time": Column("time", "local time", "when", True),
            "points": Column("number", "points", "earned above zero, redeemed below", True),
            "reason": text_column("why"),
        },
        lights=(
            "09_strategy",
            "13_loyalty_programme",
        ),
    ),
    "judgements": Table(
        "a human evaluation",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "indicator": text_column("strategic_fit, benchmark_customer, growth_outlook …", True),
            "value": Column("number", "0…100", "the judgement", True, at_least=0, at_most=100),
            "author": text_column("who judged", True),
            "date": Column("day", "date", "when", True),
        },
        lights=("08_classification",),
    ),
    "assignments": Table(
        "a treatment or control of an earlier run",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "action": text_column("the action's name in the policy", True),
            "arm": text_column("treatment or control", True, ("treatment", "control")),
            "start": Column("day", "date", "from", True),
            "end": Column("day", "date", "until", True),
            "cost": Column("money", CURRENCY, "cost of the action for this customer"),
        },
        lights=(
            "09_strategy",
            "10_monitoring",
            "19_engagement",
            "20_growth",
        ),
    ),
    "consents": Table(
        "a permission or objection",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "purpose": text_column(
                "profiling, marketing, a channel or all; in other words too (E-Mail, 营销), see `privacy/consent_words.py`",
                True,
            ),
            "status": text_column(
                "granted or refused, in other words too; any that is unknown counts as refused",
                True,
                ("granted", "refused"),
            ),
            "date": Column("day", "date", "when", True),
        },
        lights=("09_strategy",),
    ),
    "approvals": Table(
        "a named person's decision on a customer's tier",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "decision": text_column(
                "approve: the tier proposed comes into force; keep: the tier in force stays; set: the tier "
                "named comes into force, whatever the score",
                True,
                ("approve", "keep", "set"),
            ),
            "by": text_column("who signed it: a name, role or code of ours", True),
            "day": Column("day", "date", "when it was signed", True),
            "reason": text_column("why", True),
            "tier": text_column("the tier of a `set`, as the policy names it"),
            "until": Column(
                "day",
                "date",
                "last day on which a `keep` or `set` holds; empty: as many days as `approvals.decision_days` says",
            ),
        },
        lights=("08_classification",),
    ),
    "opportunities": Table(
        "a possible sale that is followed",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "opened": Column("day", "date", "when it was opened", True),
            "stage": text_column("stage on the day of the export; empty where it closed after as_of", True),
            "amount": Column("money", CURRENCY, "what it would bring"),
            "closed": Column("day", "date", "when it was won or lost; empty while open"),
            "lost_reason": text_column("why it was lost"),
            "probability": Column("number", "0…1", "chance of winning it, as judged", at_least=0, at_most=1),
        },
    ),
    "measures": Table(
        "something counted of a customer on a day",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "day": Column("day", "date", "when", True),
            "name": text_column("what was counted: usage, logins, assets, web visits …", True),
            "value": Column("number", "as counted", "how much", True),
        },
    ),
    "acquisition": Table(
        "what a channel cost in a month; of no customer",
        (),
        "01_data_cleaning",
        {
            "channel": text_column("the channel", True),
            "month": Column("day", "date", "a day of the month", True),
            "cost": Column("money", CURRENCY, "what winning customers by it cost", True, at_least=0),
        },
        lights=("16_newcomers",),
    ),
    "referrals": Table(
        "a recommendation",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "referred_id": text_column("the id of the customer who was recommended", True),
            "date": Column("day", "date", "when", True),
        },
        lights=(
            "08_classification",
            "09_strategy",
            "19_engagement",
        ),
    ),
    "defaults": Table(
        "an amount that was not paid",
        (),
        "01_data_cleaning",
        {
            "customer_id": ID,
            "date": Column("day", "date", "when it was given up", True),
            "amount": Column("money", CURRENCY, "what was not paid", True, at_least=0),
        },
        lights=(
            "08_classification",
            "09_strategy",
            "17_risk",
        ),
    ),
}


CUSTOMER_IDS = ("customer_id", "referred_id")  # the columns that hold a customer's id

# The column that dates a record of each input table.
EVENT_DATE = {
    "transactions": "time",
    "contacts": "time",
    "tickets": "opened",
    "surveys": "time",
    "invoices": "issued",
    "contracts": "start",
    "loyalty": "time",
    "judgements": "date",
    "assignments": "start",
    "consents": "date",
    "approvals": "day",
    "opportunities": "opened",
    "measures": "day",
    "acquisition": "month",
    "referrals": "date",
    "defaults": "date",
    "customers": "signup",
}


def names_customers(table: str) -> bool:
    """Whether the rows of an input table belong to customers."""
    return "customer_id" in INPUTS[table].columns
