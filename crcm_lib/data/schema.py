"""The columns of every table, as plain data. `tables.py` validates with them and prints them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column: its kind, its unit, what it means, and what it may hold."""

    kind: str  # text, flag, time, day, integer, number, money
    unit: str
    meaning: str
    required: bool = False
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its key, who writes it, and its columns; an open table may hold others too."""

    row: str
    key: tuple[str, ...]
    written_by: str
    columns: dict[str, Column]
    open: bool = False


def _share(meaning: str, required: bool = False) -> Column:
    return Column("number", "0…1", meaning, required, at_least=0, at_most=1)


def _count(meaning: str, required: bool = False) -> Column:
    return Column("integer", "count", meaning, required, at_least=0)


def _days(meaning: str, required: bool = False) -> Column:
    return Column("number", "days", meaning, required, at_least=0)


def _money(meaning: str, required: bool = False, at_least: float | None = None) -> Column:
    return Column("money", "policy currency", meaning, required, at_least)


def _text(meaning: str, required: bool = False, one_of: tuple[str, ...] = ()) -> Column:
    return Column("text", "", meaning, required, one_of=one_of)


ID = _text("the customer's id, as exact text (00123 is not 123)", required=True)
CURRENCY = "source currency"

INPUTS = {
    "transactions": Table(
        "a line of an order, sale or return", (), "01_data_cleaning",
        {
            "customer_id": ID,
            "time": Column("time", "local time", "when it happened", True),
            "amount": Column("money", CURRENCY, "what was paid for the line; below zero for a return", True),
            "order_id": _text("the order or basket"),
            "product_id": _text("the product"),
            "category": _text("the product's category"),
            "quantity": Column("number", "pieces", "how many; below zero for a return"),
            "unit_price": Column("money", CURRENCY, "price of one piece"),
            "cost": Column("money", CURRENCY, "what the line cost us"),
            "discount": Column("money", CURRENCY, "what was taken off the list price, zero or above"),
            "channel": _text("where it was bought"),
            "region": _text("where the customer or shop is"),
            "currency": _text("ISO 4217 code, where a file mixes currencies"),
            "kind": _text("sale or return", one_of=("sale", "return")),
            "day": Column("day", "date", "the calendar day of `time`; made by cleaning"),
            "purchase_day": Column(
                "day", "date", "the day of the purchase that the line belongs to: a sale's own day, a matched "
                "return's sale day, empty for an unmatched return; made by cleaning"),
        },
    ),
    "customers": Table(
        "a customer or a prospect", ("customer_id",), "01_data_cleaning",
        {
            "customer_id": ID,
            "subject_type": _text("company or person; unknown counts as person", one_of=("company", "person")),
            "industry": _text("industry"),
            "size": _text("size class of a company"),
            "region": _text("region"),
            "city": _text("city"),
            "founded": Column("day", "date", "when the company was founded"),
            "signup": Column("day", "date", "when the customer registered"),
            "owner": _text("account owner's role or code"),
            "birthday": Column("day", "date", "day of birth"),
            "credit_rating": _text("credit rating, AAA … D"),
        }, open=True,
    ),
    "contacts": Table(
        "an interaction", (), "01_data_cleaning",
        {
            "customer_id": ID,
            "time": Column("time", "local time", "when", True),
            "channel": _text("phone, email, social, chat, visit, event or campaign", True),
            "direction": _text("inbound or outbound"),
            "outcome": _text("what came of it"),
            "cost": Column("money", CURRENCY, "what it cost us"),
        },
    ),
    "tickets": Table(
        "a service request or complaint", (), "01_data_cleaning",
        {
            "customer_id": ID,
            "opened": Column("time", "local time", "when it was opened", True),
            "kind": _text("request or complaint"),
            "cause": _text("cause code"),
            "responded": Column("time", "local time", "first response"),
            "resolved": Column("time", "local time", "when it was resolved; empty while open"),
            "text": _text("what was said"),
            "satisfaction": Column("number", "1…5", "satisfaction with the handling", at_least=1, at_most=5),
            "cost": Column("money", CURRENCY, "what handling it cost us"),
        },
    ),
    "surveys": Table(
        "an answer", (), "01_data_cleaning",
        {
            "customer_id": ID,
            "time": Column("time", "local time", "when", True),
            "instrument": _text("nps, csat, ces or item", True, ("nps", "csat", "ces", "item")),
            "score": Column("number", "nps 0…10, csat 1…5, ces 1…7", "the answer", True, at_least=0, at_most=10),
            "item": _text("which question"),
            "text": _text("free text"),
            "mode": _text("online, phone or face to face"),
        },
    ),
    "invoices": Table(
        "an invoice", ("invoice_id",), "01_data_cleaning",
        {
            "customer_id": ID,
            "invoice_id": _text("the invoice", True),
            "issued": Column("day", "date", "issued", True),
            "due": Column("day", "date", "due", True),
            "amount": Column("money", CURRENCY, "invoiced", True),
            "paid": Column("day", "date", "when it was paid; empty while open"),
        },
    ),
    "contracts": Table(
        "a contract period", (), "01_data_cleaning",
        {
            "customer_id": ID,
            "start": Column("day", "date", "first day", True),
            "end": Column("day", "date", "last day", True),
            "renewed": Column("flag", "", "was it renewed"),
            "value": Column("money", CURRENCY, "value of the period"),
        },
    ),
    "loyalty": Table(
        "a points movement", (), "01_data_cleaning",
        {
            "customer_id": ID,
            "time": Column("time", "local time", "when", True),
            "points": Column("number", "points", "earned above zero, redeemed below", True),
            "reason": _text("why"),
        },
    ),
    "judgements": Table(
        "a human evaluation", (), "01_data_cleaning",
        {
            "customer_id": ID,
            "indicator": _text("strategic_fit, benchmark_customer, growth_outlook …", True),
            "value": Column("number", "0…100", "the judgement", True, at_least=0, at_most=100),
            "author": _text("who judged", True),
            "date": Column("day", "date", "when", True),
        },
    ),
    "assignments": Table(
        "a treatment or control of an earlier run", (), "01_data_cleaning",
        {
            "customer_id": ID,
            "action": _text("the action's name in the policy", True),
            "arm": _text("treatment or control", True, ("treatment", "control")),
            "start": Column("day", "date", "from", True),
            "end": Column("day", "date", "until", True),
            "cost": Column("money", CURRENCY, "cost of the action for this customer"),
        },
    ),
    "consents": Table(
        "a permission or objection", (), "01_data_cleaning",
        {
            "customer_id": ID,
            "purpose": _text("profiling, marketing or a channel", True),
            "status": _text("granted or refused", True, ("granted", "refused")),
            "date": Column("day", "date", "when", True),
        },
    ),
}  # fmt: skip

RESULTS = {
    "rejects": Table(
        "a record set aside, or kept with a remark", (), "01_data_cleaning",
        {
            "table": _text("the input table", True),
            "file": _text("the file's name", True),
            "record": Column("integer", "", "the record's number in the file, 1 for the first after the header", True, 1),
            "rule": _text("the rule it breaks", True),
            "severity": _text("reject: set aside; remark: kept", True, ("reject", "remark")),
            "amount": Column("money", CURRENCY, "its amount, where one could be read"),
        },
    ),
    "row_account": Table(
        "a way that records of a file went", ("table", "file", "state"), "01_data_cleaning",
        {
            "table": _text("the input table", True),
            "file": _text("the file's name", True),
            "state": _text("read, kept, or the rule that set records aside", True),
            "records": _count("how many", True),
        },
    ),
    "money_account": Table(
        "a way that money of a currency went", ("currency", "state"), "01_data_cleaning",
        {
            "currency": _text("ISO 4217 code", True),
            "state": _text("read, sales, returns matched, returns unmatched, or the rule that set it aside", True),
            "records": _count("how many", True),
            "amount": Column("money", CURRENCY, "how much", True),
        },
    ),
    "quality": Table(
        "a quality score of an input table", ("table", "dimension"), "01_data_cleaning",
        {
            "table": _text("the input table", True),
            "dimension": _text("quality dimension", True, ("completeness", "validity", "uniqueness", "timeliness")),
            "score": _share("1 is perfect", True),
            "because": _text("what was counted", True),
        },
    ),
    "verdict": Table(
        "something the data may or may not carry", ("capability",), "01_data_cleaning",
        {
            "capability": _text("a model or a part of the report", True),
            "verdict": _text("yes, limited or no", True, ("yes", "limited", "no")),
            "because": _text("why, in plain words", True),
        },
    ),
    "customers": Table(
        "a customer as known on `as_of`", ("customer_id",), "02_customer_profile",
        {
            "customer_id": ID,
            "purchases": _count("distinct purchase days, first one included; 0 for a prospect", True),
            "days_since_last": _days("from last purchase to as_of; RFM's recency"),
            "days_first_to_last": _days("BG/NBD's t_x, not RFM's recency"),
            "days_observed": _days("from first purchase to as_of; BG/NBD's T"),
            "spend_total": _money("received, returns taken off", True),
            "spend_mean_repeat": _money("mean spend per purchase day after the first one; empty for one-time buyers"),
            "spend_mean": _money("mean spend per purchase day, the first one included"),
            "orders": _count("distinct orders"),
            "first_day": Column("day", "date", "first purchase"),
            "last_day": Column("day", "date", "last purchase"),
            "categories": _count("distinct categories bought"),
            "products": _count("distinct products bought"),
            "gap_mean_days": _days("mean days between purchases"),
            "gap_spread_days": _days("standard deviation of days between purchases"),
            "gap_last_days": _days("days between the last two purchases"),
            "channels": _count("distinct channels used"),
            "channel_main": _text("the channel with most spend"),
            "channel_main_share": _share("its share of the customer's sales"),
            "region_main": _text("the region with most spend, where customers have none of their own"),
            "region_main_share": _share("its share of the customer's sales"),
            "discount_share": _share("discount as a share of the list price"),
            "returns_share": _share("returned amount as a share of sales"),
            "margin_total": _money("spend less cost, over the lines whose cost is known"),
            "cost_known_share": _share("share of the sales whose cost is known"),
            **{f"spend_{n}d": _money(f"spend in the last {n} days") for n in (30, 90, 180, 365)},
            **{f"purchases_{n}d": _count(f"purchase days in the last {n} days") for n in (30, 90, 180, 365)},
            "spend_trend": Column("number", "-1…1", "(last half-window − the one before) / their sum", at_least=-1, at_most=1),
        }, open=True,
    ),
    "stages": Table(
        "a customer's lifecycle stage", ("customer_id",), "02_customer_profile",
        {
            "customer_id": ID,
            "stage": _text("lifecycle stage", True, ("prospect", "new", "growing", "loyal", "at risk", "lost", "won back")),
            "because": _text("why", True),
            "at_risk_after_days": _days("absence after which this customer is at risk, by own rhythm"),
            "lost_after_days": _days("absence after which this customer is lost, by own rhythm"),
        },
    ),
    "rfm": Table(
        "a customer's scores", ("customer_id",), "03_rfm",
        {
            "customer_id": ID,
            "recency_score": Column("integer", "1…n", "n is most recent", True, 1),
            "frequency_score": Column("integer", "1…n", "n is most frequent", True, 1),
            "monetary_score": Column("integer", "1…n", "n is most spend", True, 1),
            "segment": _text("named segment", True),
            "segment_before": _text("segment on the comparison day, with the same ruler"),
        },
    ),
    "value": Table(
        "a customer's predicted value", ("customer_id",), "04_clv",
        {
            "customer_id": ID,
            "p_alive": _share("probability of still being a customer; empty for one-time buyers, of whom nothing is seen"),
            "expected_purchases": Column("number", "purchase days", "over the horizon", True, 0),
            "expected_spend_per_purchase": _money("expected spend per purchase day", True, 0),
            "spend_expected": _money("over the horizon, not discounted", True, 0),
            "spend_low": _money("lower end of the range that spend falls into with 80 % probability", at_least=0),
            "spend_high": _money("upper end of that range", at_least=0),
            "spend_if_stays": _money("spend_expected of a customer who is certainly still there today", at_least=0),
            "value": _money("over the horizon, discounted; margin where cost or a margin rate is known", True, 0),
            "model": _text("which model said so", True),
            "p_renewal": _share("chance that the contract that ends next is renewed; empty where none is running"),
            "renewal_value": _money("contract value of the renewals within the horizon, discounted; no part of `value`"),
        },
    ),
    "newcomers": Table(
        "a newcomer's or prospect's expected early spend", ("customer_id",), "04_clv",
        {
            "customer_id": ID,
            "kind": _text("bought on one day so far, or never", True, ("newcomer", "prospect")),
            "class": _text("by thirds of what older newcomers were expected to spend", True, ("promising", "ordinary", "modest", "cannot tell")),
            "spend_expected": _money("over the early days: after the first day, of a prospect from it on; empty where the past cannot tell", at_least=0),
            "spend_to_come": _money("what of it is still expected after waiting for so long; empty for prospects", at_least=0),
            "days_waited": _days("since the first purchase"),
            "because": _text("the attributes that move it most", True),
        },
    ),
    "backtest": Table(
        "a model's measure on days it had not seen", ("model", "measure"), "04_clv",
        {
            "model": _text("model or baseline", True),
            "measure": _text("loss, mae, rmse, bias, gini …", True),
            "score": Column("number", "see measure", "its value", True),
        },
    ),
    "churn": Table(
        "a customer's churn warning", ("customer_id",), "05_churn_warning",
        {
            "customer_id": ID,
            "alert": _text("how pressing", True, ("none", "watch", "warning", "urgent")),
            "overdue_ratio": Column("number", "ratio", "days since last purchase / the customer's own usual gap", at_least=0),
            "p_alive": _share("probability of still being a customer, where the model can say"),
            "spend_drop": Column("number", "share", "1 − recent spend rate / earlier spend rate; below 0 is a rise", at_most=1),
            "revenue_at_risk": _money("expected spend over the horizon had the customer stayed, times the chance that they left", True, 0),
            "because": _text("why", True),
        },
    ),
    "groups": Table(
        "a customer's natural group, or none", ("customer_id",), "06_clustering",
        {
            "customer_id": ID,
            "group": Column("integer", "", "0 where there are no natural groups", True, 0),
            "group_name": _text("computed name", True),
        },
    ),
    "satisfaction": Table(
        "what service and surveys say of a customer", ("customer_id",), "07_satisfaction",
        {
            "customer_id": ID,
            "nps": Column("number", "0…10", "latest answer", at_least=0, at_most=10),
            "csat": Column("number", "1…5", "mean answer", at_least=1, at_most=5),
            "tickets": _count("tickets opened"),
            "complaints": _count("complaints opened"),
            "complaint_rate": _share("complaints per order, drawn towards the mean of all customers"),
            "hours_to_response": Column("number", "hours", "median", at_least=0),
            "hours_to_resolution": Column("number", "hours", "median", at_least=0),
            "open_tickets": _count("not resolved on as_of"),
        },
    ),
    "scorecard": Table(
        "a customer's points", ("customer_id",), "08_classification",
        {
            "customer_id": ID,
            "score": Column("number", "0…100", "weighted score over the criteria that the data can carry", True, 0, 100),
        }, open=True,
    ),
    "tiers": Table(
        "a customer's tier and why", ("customer_id",), "08_classification",
        {
            "customer_id": ID,
            "tier": _text("a tier of the policy", True),
            "score": Column("number", "0…100", "the scorecard's score", True, 0, 100),
            "because": _text("why, in the policy's words and this customer's numbers", True),
            "next_tier": _text("the next better tier"),
            "to_next_tier": Column("number", "points", "missing to it, in the condition furthest from met", at_least=0),
            "next_needs": _text("what is missing to it, in words"),
            "firmness": _share("share of the weight variations that give the same tier"),
        },
    ),
    "actions": Table(
        "something to do for a customer", ("customer_id", "action"), "09_strategy",
        {
            "customer_id": ID,
            "action": _text("an action of the policy", True),
            "lever": _text("lever", True, ("product", "price", "service", "communication", "marketing")),
            "channel": _text("how", True),
            "owner_role": _text("who", True),
            "cost": _money("of doing it once", True, 0),
            "priority": Column("integer", "", "1 is first", True, 1),
            "because": _text("why", True),
        },
    ),
    "assignments": Table(
        "a customer's arm for an action", ("customer_id", "action"), "09_strategy",
        {
            "customer_id": ID,
            "action": _text("an action of the policy", True),
            "arm": _text("treatment or control", True, ("treatment", "control")),
            "start": Column("day", "date", "from", True),
            "end": Column("day", "date", "until", True),
            "cost": _money("of the action; 0 for a control", True, 0),
        },
    ),
    "calendar": Table(
        "a planned contact", ("customer_id", "action", "occasion"), "09_strategy",
        {
            "day": Column("day", "date", "a working day, Monday to Friday", True),
            "customer_id": ID,
            "action": _text("an action of the policy", True),
            "occasion": Column("integer", "", "1 is the first, for an action that is repeated", True, 1),
            "channel": _text("how", True),
            "owner_role": _text("who", True),
        },
    ),
    "moves": Table(
        "a customer's movement between tiers", ("customer_id",), "10_monitoring",
        {
            "customer_id": ID,
            "tier_before": _text("tier on the comparison day", True),
            "tier_now": _text("tier on as_of, same ruler", True),
            "because": _text("what moved"),
            "waits_for_review": Column("flag", "", "a move down: proposed, a named person decides"),
        },
    ),
    "effects": Table(
        "a past tier and what came after", ("tier_before",), "10_monitoring",
        {
            "tier_before": _text("tier on the comparison day", True),
            "customers": _count("customers in it", True),
            "spend_later_mean": _money("mean spend between the comparison day and as_of", True),
            "spend_later_low": _money("lower end of its 95 % interval"),
            "spend_later_high": _money("upper end of its 95 % interval"),
            "retained_share": _share("share who bought again in that time", True),
            "retained_low": _share("lower end of its 95 % interval"),
            "retained_high": _share("upper end of its 95 % interval"),
        },
    ),
    "action_effects": Table(
        "an earlier action and what came after, treatment beside control", ("action", "outcome"), "10_monitoring",
        {
            "action": _text("an action of an earlier run", True),
            "outcome": _text("what was compared", True, ("bought again", "spend")),
            "treated": _count("customers treated", True),
            "controls": _count("customers in the control group", True),
            "treated_mean": Column("number", "share or currency", "mean of the treated"),
            "control_mean": Column("number", "share or currency", "mean of the controls"),
            "difference": Column("number", "share or currency", "treated less control"),
            "low": Column("number", "share or currency", "lower end of its 95 % interval"),
            "high": Column("number", "share or currency", "upper end of its 95 % interval"),
            "verdict": _text("in words", True),
        },
    ),
}  # fmt: skip
