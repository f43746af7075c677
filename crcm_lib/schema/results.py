"""The result tables, as plain data; `tables` validates with them, `dictionary` prints them."""

from crcm_lib.schema.columns import (
    CURRENCY,
    ID,
    Column,
    Table,
    count_column,
    days_column,
    money_column,
    share_column,
    text_column,
)

RESULTS = {
    "rejects": Table(
        "a record set aside, or kept with a remark",
        (),
        "01_data_cleaning",
        {
            "table": text_column("the input table", True),
            "file": text_column("the file's name", True),
            "record": Column(
                "integer", "", "the record's number in the file, 1 for the first after the header", True, 1
            ),
            "rule": text_column("the rule it breaks", True),
            "severity": text_column("reject: set aside; remark: kept", True, ("reject", "remark")),
            "amount": Column("money", CURRENCY, "its amount, where one could be read"),
        },
    ),
    "row_account": Table(
        "a way that records of a file went",
        ("table", "file", "state"),
        "01_data_cleaning",
        {
            "table": text_column("the input table", True),
            "file": text_column("the file's name", True),
            "state": text_column("read, kept, or the rule that set records aside", True),
            "records": count_column("how many", True),
        },
    ),
    "money_account": Table(
        "a way that money of a currency went",
        ("currency", "state"),
        "01_data_cleaning",
        {
            "currency": text_column("ISO 4217 code", True),
            "state": text_column(
                "read, sales, returns matched, returns unmatched, or the rule that set it aside", True
            ),
            "records": count_column("how many", True),
            "amount": Column("money", CURRENCY, "how much", True),
        },
    ),
    "set_aside_limits": Table(
        "a limit of what a rule may set aside that the description raises",
        (),
        "01_data_cleaning",
        {
            "table": text_column("the input table", True),
            "rule": text_column("the rule", True),
            "records": count_column("set aside by it", True),
            "share": share_column("of all records", True),
            "money_share": share_column("of all money that could be read", True),
            "at_most": share_column("may be set aside", True),
            "reason": text_column("why, as the description says", True),
        },
    ),
    "quality": Table(
        "a quality score of an input table",
        ("table", "dimension"),
        "01_data_cleaning",
        {
            "table": text_column("the input table", True),
            "dimension": text_column(
                "quality dimension", True, ("completeness", "validity", "uniqueness", "timeliness")
            ),
            "score": share_column("1 is perfect", True),
            "counted": count_column(
                "cells (completeness), records, or days from the oldest to the newest record (timeliness)",
                True,
            ),
            "failing": count_column(
                "of them empty, breaking a rule on values, repeating another, or without a record", True
            ),
            "worst_column": text_column("the column with most empty cells, if any is empty"),
            "worst_gaps": count_column("its empty cells"),
            "newest_day": Column("day", "date", "the day of the newest record"),
            "gap_days": days_column("from the newest record to as_of"),
            "usual_gap_days": days_column("99 % quantile of the days between two days with records"),
        },
    ),
    "verdict": Table(
        "something the data may or may not carry",
        ("capability",),
        "01_data_cleaning",
        {
            "capability": text_column("a model or a part of the report", True),
            "verdict": text_column("how far the data carry it", True, ("yes", "limited", "no")),
            "reason": text_column(
                "what decided",
                True,
                (
                    "customers",
                    "repeat_buyers",
                    "history",
                    "gap",
                    "old_data",
                    "returns",
                    "no_returns",
                    "column",
                    "no_column",
                    "table",
                    "no_table",
                    "no_usable_record",
                    "no_ids_in_common",
                    "attributes",
                    "ids",
                    "nearly_equal_ids",
                    "one_id_of_many_records",
                ),
            ),
            "subject": text_column("the table or column that it depends on"),
            "counted": count_column("customers, records or rows that were counted"),
            "needed": count_column("how many it takes in full"),
            "related": count_column("returns that match a sale; attributes of customers; all ids or records"),
            "history_days": days_column("from the first record to as_of"),
            "needed_days": days_column("how many it takes in full"),
            "gap_days": days_column("from the newest purchase to as_of"),
            "usual_gap_days": days_column("99 % quantile of the days between two days with purchases"),
        },
    ),
    "customer_features": Table(
        "a customer as known on `as_of`",
        ("customer_id",),
        "02_customer_profile",
        {
            "customer_id": ID,
            "purchases": count_column("distinct purchase days, first one included; 0 for a prospect", True),
            "days_since_last": days_column("from last purchase to as_of; RFM's recency"),
            "days_first_to_last": days_column("BG/NBD's t_x, not RFM's recency"),
            "days_observed": days_column("from first purchase to as_of; BG/NBD's T"),
            "spend_total": money_column("received, returns taken off", True),
            "spend_mean_repeat": money_column(
                "mean spend per purchase day after the first one; empty for one-time buyers"
            ),
            "spend_mean": money_column("mean spend per purchase day, the first one included"),
            "orders": count_column("distinct orders"),
            "first_day": Column("day", "date", "first purchase"),
            "last_day": Column("day", "date", "last purchase"),
            "categories": count_column("distinct categories bought"),
            "products": count_column("distinct products bought"),
            "gap_mean_days": days_column("mean days between purchases"),
            "gap_spread_days": days_column("standard deviation of days between purchases"),
            "gap_variation": Column(
                "number", "ratio", "gap_spread_days over gap_mean_days (coefficient of variation)", at_least=0
            ),
            "gap_last_days": days_column("days between the last two purchases"),
            "channels": count_column("distinct channels used"),
            "channel_main": text_column("the channel with most spend"),
            "channel_main_share": share_column("its share of the customer's sales"),
            "region_main": text_column("the region with most spend, where customers have none of their own"),
            "region_main_share": share_column("its share of the customer's sales"),
            "discount_share": share_column("discount as a share of the list price"),
            "returns_share": share_column("returned amount as a share of sales"),
            "margin_total": money_column("spend less cost, over the lines whose cost is known"),
            "cost_known_share": share_column("share of the sales whose cost is known"),
            **{f"spend_{n}d": money_column(f"spend in the last {n} days") for n in (30, 90, 180, 365)},
            **{
                f"purchases_{n}d": count_column(f"purchase days in the last {n} days")
                for n in (30, 90, 180, 365)
            },
            "spend_trend": Column(
                "number", "-1…1", "(last half-window − the one before) / their sum", at_least=-1, at_most=1
            ),
        },
        open=True,
    ),
    "stages": Table(
        "a customer's lifecycle stage",
        ("customer_id",),
        "02_customer_profile",
        {
            "customer_id": ID,
            "stage": text_column(
                "lifecycle stage",
                True,
                ("prospect", "new", "one order", "growing", "loyal", "at risk", "lost", "won back"),
            ),
            "reason": text_column(
                "the rule that decided",
                True,
                (
                    "no_purchase",
                    "absent_beyond_lost",
                    "absent_beyond_at_risk",
                    "returned_after_lost",
                    "first_purchase_recent",
                    "bought_once",
                    "many_purchases_over_long",
                    "came_back",
                ),
            ),
            "at_risk_after_days": days_column("absence after which this customer is at risk, by own rhythm"),
            "lost_after_days": days_column("absence after which this customer is lost, by own rhythm"),
            "lost_before_days": days_column(
                "absence after which this customer was lost before the last purchase"
            ),
            "entered": Column("day", "date", "the day on which the customer came into this stage"),
        },
    ),
    "stage_returns": Table(
        "a lifecycle stage on an earlier day and who of it bought again",
        ("stage",),
        "02_customer_profile",
        {
            "stage": text_column("lifecycle stage on that day, by the present windows", True),
            "customers_then": count_column("customers in it on that day", True),
            "bought_again_share": share_column("share of them who bought in the days after it"),
            "low": share_column("lower end of its 95 % interval"),
            "high": share_column("upper end of its 95 % interval"),
            "day": Column("day", "date", "that day", True),
            "days": days_column("days after it, up to as_of"),
        },
    ),
    "rfm": Table(
        "a customer's scores",
        ("customer_id",),
        "03_rfm",
        {
            "customer_id": ID,
            "recency_score": Column("integer", "1…n", "n is most recent", True, 1),
            "frequency_score": Column("integer", "1…n", "n is most frequent", True, 1),
            "monetary_score": Column("integer", "1…n", "n is most spend", True, 1),
            "segment": text_column("named segment", True),
            "segment_before": text_column("segment on the comparison day, by that day's own cut points"),
        },
    ),
    "value": Table(
        "a customer's predicted value",
        ("customer_id",),
        "04_clv",
        {
            "customer_id": ID,
            "p_alive": share_column(
                "probability of still being a customer; empty for one-time buyers, of whom nothing is seen"
            ),
            "expected_purchases": Column(
                "number",
                "purchase days",
                "over the horizon; empty, with all else, where none can be predicted",
                at_least=0,
            ),
            "expected_spend_per_purchase": money_column("expected spend per purchase day", at_least=0),
            "spend_expected": money_column("over the horizon, not discounted", at_least=0),
            "spend_low": money_column(
                "lower end of the range that spend falls into with 80 % probability", at_least=0
            ),
            "spend_high": money_column("upper end of that range", at_least=0),
            "spend_if_stays": money_column(
                "spend_expected of a customer who is certainly still there today", at_least=0
            ),
            "value": money_column(
                "over the horizon, discounted; margin where cost or a margin rate is known", at_least=0
            ),
            "growth_expected": Column(
                "number",
                "-1…1",
                "spend per day expected less last year's, over their sum; 0: as much as now",
                at_least=-1,
                at_most=1,
            ),
            "model": text_column("which model said so"),
        },
    ),
    "value_totals": Table(
        "a total of predicted spend",
        ("group",),
        "04_clv",
        {
            "group": text_column("the lifecycle stage; empty: all buyers", True),
            "customers": count_column("buyers", True),
            "spend_expected": money_column("over the horizon, not discounted", True, 0),
            "spend_low": money_column(
                "lower end of the range that the total falls into with 80 % probability; empty where past "
                "windows cannot tell",
                at_least=0,
            ),
            "spend_high": money_column("upper end of that range", at_least=0),
        },
    ),
    "value_past": Table(
        "what would have been predicted of a customer on the first day of a window held out",
        ("start", "customer_id"),
        "04_clv",
        {
            "start": Column("day", "date", "last day known to the model", True),
            "end": Column("day", "date", "last day of the window", True),
            "customer_id": ID,
            "p_alive": share_column("as in `value`"),
            "expected_purchases": Column("number", "purchase days", "as in `value`", True, 0),
            "spend_expected": money_column("as in `value`", True, 0),
            "growth_expected": Column("number", "-1…1", "as in `value`", at_least=-1, at_most=1),
            "value": money_column("as in `value`", True, 0),
        },
    ),
    "newcomers": Table(
        "a newcomer's or prospect's expected early spend",
        ("customer_id",),
        "04_clv",
        {
            "customer_id": ID,
            "kind": text_column("bought on one day so far, or never", True, ("newcomer", "prospect")),
            "class": text_column(
                "by thirds of what older newcomers were expected to spend",
                True,
                ("promising", "ordinary", "modest", "cannot_tell"),
            ),
            "spend_expected": money_column(
                "over the early days: after the first day, of a prospect from it on; empty where the past "
                "cannot tell",
                at_least=0,
            ),
            "spend_to_come": money_column(
                "what of it is still expected after waiting for so long; of a prospect by the chance to buy",
                at_least=0,
            ),
            "p_buys": Column(
                "number", "probability", "of a prospect: to buy within as many days", at_least=0, at_most=1
            ),
            "days_waited": days_column("since the first purchase, of a prospect since signing up"),
            "reason": text_column(
                "attributes: two of them change it most; or close_to_mean, mean_of_all, no_earlier_customers",
                True,
            ),
            "attribute_1": text_column("the attribute that changes it most"),
            "level_1": text_column("the customer's group in it"),
            "factor_1": Column("number", "factor", "of that group, on the expected spend", at_least=0),
            "attribute_2": text_column("the attribute that changes it second most"),
            "level_2": text_column("the customer's group in it"),
            "factor_2": Column("number", "factor", "of that group, on the expected spend", at_least=0),
        },
    ),
    "holdout": Table(
        "a customer known when the latest window held out began",
        ("customer_id",),
        "04_clv",
        {
            "customer_id": ID,
            "start": Column("day", "date", "last day known to the models", True),
            "end": Column("day", "date", "last day of the window", True),
            "spend_predicted": money_column("the selected model's prediction for the window", True),
            "margin_predicted": money_column(
                "times the margin rate known at the start; empty where cost was unknown"
            ),
        },
    ),
    "holdout_predictions": Table(
        "what a model predicted of a customer for a window held out",
        ("start", "customer_id", "model"),
        "04_clv",
        {
            "start": Column("day", "date", "last day known to the model", True),
            "customer_id": ID,
            "model": text_column("model or baseline", True),
            "spend_predicted": money_column(
                "its prediction for the window, as it would have been told", True
            ),
            "spend_actual": money_column("what the customer spent in the window", True),
        },
    ),
    "backtest": Table(
        "a model's measure on days it had not seen",
        ("model", "measure"),
        "04_clv",
        {
            "model": text_column("model or baseline", True),
            "measure": text_column("loss, mae, rmse, bias, gini …", True),
            "score": Column("number", "see measure", "its value", True),
        },
    ),
    "churn": Table(
        "a customer's churn warning",
        ("customer_id",),
        "05_churn_warning",
        {
            "customer_id": ID,
            "alert": text_column("how pressing", True, ("none", "watch", "warning", "urgent")),
            "reason": text_column(
                "what raises p_no_purchase above p_if_active, joined by +: overdue or bought_once, "
                "comes_less, spends_less, complaints, contacts, answer, late_payment, contract_end; without "
                "an alert: within_usual_gap, silent_beyond_horizon, alerts_not_raised",
                True,
            ),
            "p_no_purchase": share_column(
                "probability of no purchase within `churn.horizon_days`; who is least likely to buy comes "
                "first by it",
                True,
            ),
            "p_if_active": share_column(
                "the same of a customer with the own rate who is certainly still there; what lies beyond it "
                "speaks of leaving",
                True,
            ),
            "as_unusual_share": share_column(
                "share of those who were away before and came back who had been away as improbably long, "
                "given their own rate",
                True,
            ),
            "silent_beyond_horizon": Column(
                "flag",
                "",
                "the last purchase is longer ago than the horizon: what came before has stopped, nothing is "
                "at risk",
                True,
            ),
            "value_at_risk": money_column(
                "margin (spend where no margin is known) that the customer brings within the horizon if "
                "still there, times the chance to have left; 0 of those already gone",
                True,
                0,
            ),
            "overdue_ratio": Column(
                "number", "ratio", "days since last purchase / the customer's own usual gap", at_least=0
            ),
            "gap_days": days_column(
                "the customer's own usual gap between purchases, drawn towards that of all"
            ),
            "spend_drop": Column(
                "number",
                "share",
                "1 − recent spend rate / earlier spend rate; below 0 is a rise; a decline, not a sign of "
                "leaving",
                at_most=1,
            ),
            "spend_drop_days": days_column("the last days that the drop is measured over"),
        },
    ),
    "groups": Table(
        "a customer's natural group, or none",
        ("customer_id",),
        "06_clustering",
        {
            "customer_id": ID,
            "group": Column("integer", "", "0 where there are no natural groups", True, 0),
            "traits": text_column("what stands out in it, like purchases:high; no_groups; no_purchase", True),
        },
    ),
    "satisfaction": Table(
        "what service and surveys say of a customer",
        ("customer_id",),
        "07_satisfaction",
        {
            "customer_id": ID,
            "nps": Column("number", "0…10", "latest answer", at_least=0, at_most=10),
            "csat": Column("number", "1…5", "mean answer", at_least=1, at_most=5),
            "tickets": count_column("tickets opened"),
            "complaints": count_column("complaints opened"),
            "complaint_rate": share_column("complaints per order, drawn towards the mean of all customers"),
            "hours_to_response": Column("number", "hours", "median", at_least=0),
            "hours_to_resolution": Column("number", "hours", "median", at_least=0),
            "open_tickets": count_column("not resolved on as_of"),
        },
    ),
    "scorecard": Table(
        "a customer's points",
        ("customer_id",),
        "08_classification",
        {
            "customer_id": ID,
            "score": Column(
                "number", "0…100", "weighted score over the criteria that the data can carry", True, 0, 100
            ),
            "score_low": Column(
                "number",
                "0…100",
                "the score, had all that is unknown of the customer 0 points",
                False,
                0,
                100,
            ),
            "score_high": Column("number", "0…100", "the same, had it 100 points", False, 0, 100),
        },
        open=True,
    ),
    "tiers": Table(
        "a customer's tier and why",
        ("customer_id",),
        "08_classification",
        {
            "customer_id": ID,
            "tier_proposed": text_column("建议等级: the tier of the policy that today's points give", True),
            "tier_lowest": text_column("the tier, were every border `approvals.margin` points higher", True),
            "tier_highest": text_column(
                "the tier, were every border as many points lower; the better one of that and of the same "
                "without the criteria that take terms away (`terms_from`)",
                True,
            ),
            "tier_spared": text_column("the tier proposed, were these criteria unknown", True),
            "score_spared": Column("number", "0…100", "the score, were they unknown", True, 0, 100),
            "tier_in_force": text_column("生效等级: the tier that is acted on and shown", True),
            "in_force_since": Column("day", "date", "as_of of the run that brought it into force", True),
            "came_by": text_column(
                "how it came into force: the customer's first (as proposed), by itself (a move up), by a "
                "decision to approve, by a rule of the policy, set against the score, or as proposed when "
                "what was set had ended",
                True,
                ("first", "rose", "approved", "rule", "set", "set_ended"),
            ),
            "score_then": Column(
                "number",
                "0…100",
                "`score_spared` of that run: how far it has moved since also tells whether the tier changes",
                True,
                0,
                100,
            ),
            "state": text_column(
                "why it is not the one proposed: it is; within the margin beyond a border; beyond it in "
                "this run only; only a criterion "
                "that takes terms away speaks for a fall; a move down waits for a named person, or has "
                "lapsed "
                "undecided; a named person kept it, or set it",
                True,
                ("agrees", "margin", "once", "only_terms", "waits", "lapsed", "kept", "set"),
            ),
            "state_since": Column("day", "date", "since when; of kept and set: when it was signed"),
            "state_until": Column("day", "date", "last day to decide, of the lapse, or of what was signed"),
            "signed_by": text_column("who signed the latest decision that counted; empty: none has"),
            "signed_reason": text_column("the reason given with it"),
            "score": Column("number", "0…100", "the scorecard's score", True, 0, 100),
            "reason": text_column(
                "why the tier is proposed; the numbers are in `scorecard` and models/tiers.json",
                True,
                ("conditions_met", "last_tier", "nothing_known"),
            ),
            "next_tier": text_column("the nearest tier better than the one proposed"),
            "to_next_tier": Column(
                "number", "points", "missing to it, in the condition furthest from met", at_least=0
            ),
            "firmness": share_column("share of the weight variations that propose the same tier"),
            "tier_without_objective": text_column(
                "the tier that would be proposed without the policy's objective; absent where it has none"
            ),
            "tier_low": text_column("the worst tier that could be proposed, were all that is unknown known"),
            "tier_high": text_column("the best tier that could be proposed, were it known"),
            "terms_withheld": Column(
                "flag",
                "",
                "fewer points in a criterion than its `terms_from`: no price or credit terms",
                True,
            ),
        },
    ),
    "waiting_moves": Table(
        "a move down that waits for a named person",
        ("customer_id",),
        "08_classification",
        {
            "customer_id": ID,
            "tier_in_force": text_column("the tier that is acted on", True),
            "tier_proposed": text_column("the tier that it would give way to", True),
            "waits_since": Column("day", "date", "as_of of the run since which it waits", True),
            "decide_by": Column("day", "date", "last day to decide; then it lapses", True),
            "score": Column("number", "0…100", "the score", True, 0, 100),
            "because": text_column("the reason in one line", True),
        },
    ),
    "idle_decisions": Table(
        "a named person's decision, new since the earlier run, that changed no tier",
        ("customer_id",),
        "08_classification",
        {
            "customer_id": ID,
            "decision": text_column("what was decided", True, ("approve", "keep", "set")),
            "by": text_column("who signed it", True),
            "day": Column("day", "date", "when", True),
            "reason": text_column("the reason given with it", True),
            "tier": text_column("of set: the tier"),
            "until": Column("day", "date", "of keep and set: the last day that it holds"),
            "why_idle": text_column(
                "nothing was to be decided; the tier set was in force already (it is held there until the "
                "day); it had ended; the wait that it was signed in had lapsed; it was signed before the "
                "tiers differed; the points have turned since",
                True,
                ("agreed", "in_force_already", "ended", "lapsed", "too_early", "turned"),
            ),
        },
    ),
    "actions": Table(
        "something to do for a customer",
        ("customer_id", "action"),
        "09_strategy",
        {
            "customer_id": ID,
            "action": text_column("an action of the policy", True),
            "lever": text_column(
                "lever", True, ("product", "price", "service", "communication", "marketing")
            ),
            "channel": text_column("how", True),
            "owner_role": text_column("who", True),
            "cost": money_column("of all its occasions", True, 0),
            "gain": money_column(
                "expected of all its occasions, less their cost, in the money of `value`; empty: unknown, "
                "or the standard offer"
            ),
            "priority": Column("integer", "", "1 is first", True, 1),
            "tier": text_column("the tier in force; with the stage and the action, why", True),
            "stage": text_column("the customer's lifecycle stage"),
        },
    ),
    "planned_assignments": Table(
        "a customer's arm for an action",
        ("customer_id", "action"),
        "09_strategy",
        {
            "customer_id": ID,
            "action": text_column("an action of the policy", True),
            "arm": text_column("treatment or control", True, ("treatment", "control")),
            "start": Column("day", "date", "from", True),
            "end": Column("day", "date", "until", True),
            "cost": money_column("of all its occasions; 0 for a control", True, 0),
        },
    ),
    "assignment_history": Table(
        "a customer's arm for an action, of this run's plan or of an earlier one",
        ("customer_id", "action", "wave"),
        "09_strategy",
        {
            "customer_id": ID,
            "action": text_column("an action of the policy then", True),
            "arm": text_column("what was reported as done; else as drawn", True, ("treatment", "control")),
            "drawn": text_column("the arm that a run has drawn; empty: drawn elsewhere"),
            "wave": Column("day", "date", "from which day on it was drawn for", True),
            "start": Column("day", "date", "from", True),
            "end": Column("day", "date", "until", True),
            "control_share": share_column("the chance with which controls were drawn"),
            "stake": money_column("spend over the days that an effect is a share of, as predicted then"),
            "cost": money_column("of all occasions, as planned; 0 for a control"),
            "reported": Column("flag", "", "whether the input table `assignments` says what was done", True),
        },
    ),
    "programme_holdout": Table(
        "a customer in the programme of actions, or held out of all but service",
        ("customer_id",),
        "09_strategy",
        {
            "customer_id": ID,
            "group": text_column("programme or holdout", True, ("programme", "holdout")),
            "since": Column("day", "date", "from", True),
            "holdout_share": share_column("of all customers who are held out", True),
        },
    ),
    "experiments": Table(
        "an action of the playbook: what it is assumed to win, what was measured, and its next test",
        ("action",),
        "09_strategy",
        {
            "action": text_column("an action of the policy", True),
            "assumed": share_column("effect by the policy", True),
            "measured": Column("number", "-1…1", "effect by treated and controls of earlier waves"),
            "error": Column("number", "0…1", "its standard error"),
            "used": share_column("effect that the plan counts on", True),
            "used_low": Column("number", "-1…1", "lower end of its 95 % interval"),
            "used_high": Column("number", "-1…1", "upper end"),
            "break_even": Column("number", "0…1", "the effect that pays for the cost"),
            "advice": text_column(
                "what to do with it", True, ("keep", "change", "stop", "test_on", "assumed")
            ),
            "customers": count_column("who would be chosen"),
            "plan": text_column(
                "of its test",
                False,
                (
                    *("known", "one_wave", "waves", "none"),
                    *("no_value", "short_history", "nobody_bought"),
                ),
            ),
            "sized_on": text_column("what its size is for", False, ("spend", "bought_again")),
            "needed": Column("number", "count", "customers that the test still needs"),
            "waves": Column("number", "count", "waves that are pooled for it"),
            "control_share": share_column("of those chosen who are left out"),
        },
    ),
    "effects_by_tier": Table(
        "what an action was measured to win in a tier; no rows where fewer than two tiers can be measured",
        ("action", "tier"),
        "09_strategy",
        {
            "action": text_column("an action of the policy", True),
            "tier": text_column("the tier in force before the wave was drawn", True),
            "measured": Column("number", "-1…1", "effect as a share of what is at stake", True),
            "error": Column("number", "0…1", "its standard error", True),
            "used": share_column("effect that tasks are ordered by, where tiers differ", True),
            "p_adjusted": share_column("p of no difference between the tiers, all actions counted", True),
            "differs": Column("flag", "", "whether tiers differ by more than chance", True),
        },
    ),
    "terms_register": Table(
        "price, discount, fee or credit terms of a customer, which others do not have",
        ("customer_id", "action"),
        "09_strategy",
        {
            "customer_id": ID,
            "subject_type": text_column("company, or person", True),
            "action": text_column("an action of the policy", True),
            "tier": text_column("the customer's tier: the condition that was met", True),
            "because": text_column("the policy's reason", True),
            "approver": text_column("of the published rule; else the policy's owner", True),
            "disclosure": text_column("where the rule is published; empty for a company's own terms"),
            "start": Column("day", "date", "from", True),
            "end": Column("day", "date", "until", True),
        },
    ),
    "calendar": Table(
        "a planned contact, of this run's plan or of an action that an earlier one began",
        ("customer_id", "action", "occasion"),
        "09_strategy",
        {
            "day": Column("day", "date", "a working day of the country that the policy names", True),
            "customer_id": ID,
            "action": text_column("an action of the policy", True),
            "occasion": Column("integer", "", "1 is the first, for an action that is repeated", True, 1),
            "channel": text_column("how", True),
            "owner_role": text_column("who", True),
        },
    ),
    "next_offers": Table(
        "an item that a customer has not bought, offered next",
        ("customer_id", "rank"),
        "09_strategy",
        {
            "customer_id": ID,
            "rank": Column("integer", "", "1 is the first", True, 1),
            "item": text_column("a category or product of the data", True),
            "because_of": text_column("what they bought that goes with it most often", True),
            "also_bought_share": share_column("of its buyers who bought the item too", True),
            "kind": text_column("what an item is", True, ("category", "product")),
        },
    ),
    "upgrade_offers": Table(
        "one price band up, offered in a category that the customer buys; no rows where it did no better "
        "before",
        ("customer_id",),
        "09_strategy",
        {
            "customer_id": ID,
            "category": text_column("a category of the data", True),
            "band": text_column(
                "the third of the category's prices in which they buy", True, ("low", "middle")
            ),
            "next_band": text_column("the band above", True, ("middle", "high")),
            "price_from": money_column("of a piece: above this the next band begins", True),
            "comparable": count_column("customers of the same band and the same fifth of spend", True),
            "share": share_column("of them who have bought in the next band", True),
        },
    ),
    "care": Table(
        "something done on a customer's own day or a holiday",
        ("customer_id", "action"),
        "09_strategy",
        {
            "customer_id": ID,
            "action": text_column("an entry of the policy's `care`", True),
            "occasion": text_column(
                "what for",
                True,
                (
                    *("birthday", "anniversary", "contract_end", "complaint", "unanswered_complaint"),
                    *("overdue", "second_order", "points_expiry", "survey", "silence", "holiday", "event"),
                ),
            ),
            "day": Column("day", "date", "when it is due; `calendar` has the working day", True),
            "points": Column(
                "number", "points", "of a points expiry: how many expire in the month", at_least=0
            ),
            "owed": money_column("of an overdue: what is owed longer than the policy allows", at_least=0),
            "days_overdue": days_column("of an overdue: of the oldest such invoice"),
            "channel": text_column("how", True),
            "owner_role": text_column("who", True),
            "cost": money_column("of doing it", True, 0),
        },
    ),
    "service_levels": Table(
        "what customers of a tier were promised of service, and got",
        ("tier", "step"),
        "14_service_feedback",
        {
            "tier": text_column("the customers' tier in force", True),
            "step": text_column("what they waited for", True, ("first_response", "resolution")),
            "target_hours": Column("number", "hours", "promised by the policy", True, at_least=0),
            "target_share": share_column("of tickets that must keep the hours, by the policy", True),
            "tickets": count_column("of the last 365 days, opened at least the promised hours ago", True),
            "customers": count_column("whose tickets they are", True),
            "kept_share": share_column("of tickets that kept the hours"),
            "low": share_column("lower end of its 95 % interval, customers being the unit"),
            "high": share_column("upper end"),
            "p_value": share_column("one-sided, against the promised share, adjusted over all rows (Holm)"),
            "verdict": text_column("what can be said", True, ("below", "near", "reached", "too_few")),
        },
    ),
    "survey_plan": Table(
        "how many customers of a tier are invited to a survey",
        ("tier",),
        "14_service_feedback",
        {
            "tier": text_column("in force", True),
            "customers": count_column("in the tier", True),
            "answers": count_column("csat known of", True),
            "margin_now": Column(
                "number", "points", "half of the 95 % interval of their mean csat", at_least=0
            ),
            "needed": count_column("answers that give the policy's margin", True),
            "invite_share": share_column("of the tier invited in each period of quiet days", True),
            "invited": count_column("customers expected to be invited in each period", True),
        },
    ),
    "feedback_topics": Table(
        "a topic that a customer wrote about",
        ("customer_id", "topic"),
        "14_service_feedback",
        {
            "customer_id": ID,
            "topic": text_column("a topic of the policy, found by its keywords", True),
            "texts": count_column("tickets and survey answers that mention it", True),
            "last": Column("time", "local time", "of the latest of them", True),
        },
    ),
    "unanswered_complaints": Table(
        "a customer who complained and was not approached since",
        ("customer_id",),
        "14_service_feedback",
        {
            "customer_id": ID,
            "complaints": count_column("of the last 90 days, after which nobody approached them", True),
            "days_waiting": days_column("since the first of them", True),
            "is_open": Column("flag", "", "one of them is not resolved", True),
        },
    ),
    "moves": Table(
        "a customer's movement between tiers",
        ("customer_id",),
        "10_monitoring",
        {
            "customer_id": ID,
            "tier_before": text_column(
                "tier in force by an earlier run of this policy; without one, that of the standing on the "
                "comparison day among those known on both days, by today's measures",
                True,
            ),
            "tier_now": text_column("tier in force on as_of: the same as in `tiers`", True),
            "proposed_before": text_column("tier proposed then, by the run or by that standing", True),
            "reached": text_column("tier clearly reached since, from the one proposed then", True),
            "waits_for_review": Column("flag", "", "a move down waits for a named person"),
            "score_before": Column("number", "0…100", "score published, or by that standing"),
            "score_now": Column("number", "0…100", "score on as_of"),
            "criterion_1": text_column("the criterion whose points changed most; empty where none did"),
            "change_1": Column("number", "points", "its change"),
            "criterion_2": text_column("the criterion whose points changed next"),
            "change_2": Column("number", "points", "its change"),
            "criterion_3": text_column("the criterion after that"),
            "change_3": Column("number", "points", "its change"),
        },
    ),
    "tier_history": Table(
        "a customer's tier on the day of a run, this one's and those of earlier runs",
        ("customer_id", "day"),
        "10_monitoring",
        {
            "customer_id": ID,
            "day": Column("day", "date", "as_of of the run", True),
            "run": text_column("the run that gave it; empty: this one"),
            "tier_proposed": text_column("the tier proposed that day", True),
            "tier_in_force": text_column("the tier in force that day", True),
            "in_force_since": Column("day", "date", "since when it had been", True),
            "came_by": text_column("how it had come into force, as in `tiers`", True),
            "signed_by": text_column("who had signed the latest decision that counted"),
            "score": Column("number", "0…100", "the score", True, 0, 100),
        },
    ),
    "promises": Table(
        "something that a run said of the days to come, this one or an earlier one, and what came",
        ("day", "kind", "what"),
        "10_monitoring",
        {
            "day": Column("day", "date", "as_of of the run that said it", True),
            "run": text_column("that run; empty: this one"),
            "kind": text_column(
                "total spend, who buys again, order of tiers, assumed effect",
                True,
                ("spend", "alerts", "tiers", "actions"),
            ),
            "what": text_column(
                "spend: all; alerts: alerted, not_alerted, difference; a tier in force; an action", True
            ),
            "beside": text_column("the tier below that it is to spend more than"),
            "customers": count_column(
                "of whom it is said; once graded, those of them who still have a tier", True
            ),
            "promised": Column(
                "number", "share or currency", "total; share; difference of shares; rise per customer"
            ),
            "low": Column("number", "share or currency", "lower end of the 80 % range, where there is one"),
            "high": Column("number", "share or currency", "upper end of that range"),
            "due": Column("day", "date", "the last of the days that it is said of", True),
            "came": Column("number", "share or currency", "what came in those days; empty until due"),
            "came_low": Column(
                "number", "share or currency", "of a comparison: lower end of its 95 % interval"
            ),
            "came_high": Column("number", "share or currency", "upper end of that interval"),
            "verdict": text_column(
                "whether what came lies in the range, or is beyond chance as promised or not",
                True,
                ("kept", "not_kept", "cannot_tell", "not_due"),
            ),
        },
    ),
    "promised_customers": Table(
        "what a promise that is not due says of a customer",
        ("customer_id", "day"),
        "10_monitoring",
        {
            "customer_id": ID,
            "day": Column("day", "date", "as_of of the run", True),
            "tier_in_force": text_column("the tier in force that day", True),
            "alerted": Column("flag", "", "whether 05 alerted", True),
            "spend_expected": money_column("over the horizon; empty where none was predicted", at_least=0),
            "p_no_purchase": share_column("of the alert's days; empty for who had not bought"),
        },
    ),
    "tier_backtest": Table(
        "the best tiers beside as many customers by one number, at past days",
        ("tiers", "rule", "outcome"),
        "08_classification",
        {
            "tiers": count_column("how many tiers, from the best", True),
            "rule": text_column(
                "the number that picks as many customers", True, ("spend_365d", "value", "rfm")
            ),
            "outcome": text_column("what is compared", True, ("spend", "margin", "bought_again")),
            "days": count_column("past days compared", True),
            "customers": Column("number", "count", "customers chosen, averaged over the days"),
            "ours": share_column("of what came later, by the tiers; of bought_again: of the chosen"),
            "theirs": share_column("the same by the rule"),
            "difference": Column("number", "-1…1", "ours less theirs"),
            "low": Column("number", "-1…1", "lower end of its 95 % interval"),
            "high": Column("number", "-1…1", "upper end"),
            "p": share_column("of no difference, adjusted over all rows (Holm)"),
            "verdict": text_column("of the tiers", True, ("better", "worse", "cannot_tell")),
        },
    ),
    "past_tiers": Table(
        "a customer's tier on a past day, made from what was known then, and what came after",
        ("start", "customer_id"),
        "08_classification",
        {
            "start": Column("day", "date", "last day known; the days of `value_past`", True),
            "end": Column("day", "date", "last day of what came", True),
            "customer_id": ID,
            "tier": text_column("tier by the policy; none that 08 withholds", True),
            "spend": money_column("spend from start to end", True),
            "bought_again": Column("number", "0 or 1", "1 where they bought again by end", True, 0, 1),
        },
    ),
    "effects": Table(
        "a past tier and what came after, averaged over the past days",
        ("tier_before",),
        "10_monitoring",
        {
            "tier_before": text_column("tier on the past days", True),
            "days": count_column("past days on which anybody had it", True),
            "customers": count_column("customers in it, on average", True),
            "spend_later_mean": money_column("mean spend of what came after a past day", True),
            "spend_later_low": money_column("lower end of its 95 % interval"),
            "spend_later_high": money_column("upper end of its 95 % interval"),
            "retained_share": share_column("share who bought again in that time", True),
            "retained_low": share_column("lower end of its 95 % interval"),
            "retained_high": share_column("upper end of its 95 % interval"),
        },
    ),
    "action_effects": Table(
        "an earlier action and what came after, treatment beside control",
        ("action", "outcome"),
        "10_monitoring",
        {
            "action": text_column("an action of an earlier run", True),
            "outcome": text_column("what was compared", True, ("bought_again", "spend")),
            "treated": count_column("customers treated, of those compared", True),
            "controls": count_column("customers in the control group, of those compared", True),
            "treated_mean": Column("number", "share or currency", "mean of the treated"),
            "control_mean": Column(
                "number", "share or currency", "mean of the controls, each wave counting by its treated"
            ),
            "difference": Column("number", "share or currency", "treated less control"),
            "low": Column("number", "share or currency", "lower end of its own 95 % interval"),
            "high": Column("number", "share or currency", "upper end of its own 95 % interval"),
            "cuped": Column(
                "number", "currency", "difference of spend less what earlier spend foretells (CUPED)"
            ),
            "cuped_low": Column("number", "currency", "lower end of its own 95 % interval"),
            "cuped_high": Column("number", "currency", "upper end of its own 95 % interval"),
            "p": share_column(
                "chance of a difference as large, either way, if the action did nothing; of drawing the "
                "arms anew; "
                "of spend: of cuped"
            ),
            "p_adjusted": share_column(
                "p with all actions and outcomes counted (Holm); empty where it could not have reached 5 %"
            ),
            "verdict": text_column(
                "higher or lower where p_adjusted is at most 5 % and the interval does not hold zero",
                True,
                ("higher", "lower", "cannot_tell", "no_controls", "unsound", "too_few"),
            ),
        },
    ),
    "programme_effect": Table(
        "what the programme of actions brought beside the customers held out of it",
        ("outcome",),
        "10_monitoring",
        {
            "outcome": text_column("what was compared", True, ("bought_again", "spend")),
            "treated": count_column("customers in the programme", True),
            "controls": count_column("customers held out", True),
            "treated_mean": Column("number", "share or currency", "mean of the programme"),
            "control_mean": Column("number", "share or currency", "mean of those held out"),
            "difference": Column("number", "share or currency", "programme less holdout"),
            "low": Column("number", "share or currency", "lower end of its own 95 % interval"),
            "high": Column("number", "share or currency", "upper end"),
            "cuped": Column("number", "currency", "of spend, less what earlier spend foretells (CUPED)"),
            "cuped_low": Column("number", "currency", "lower end of its own 95 % interval"),
            "cuped_high": Column("number", "currency", "upper end"),
            "total": Column("number", "currency", "cuped times the customers of the programme"),
            "total_low": Column("number", "currency", "lower end"),
            "total_high": Column("number", "currency", "upper end"),
            "p": share_column("of no difference; of spend: of cuped"),
            "p_adjusted": share_column("p with both outcomes counted (Holm)"),
            "verdict": text_column(
                "of the programme",
                True,
                ("higher", "lower", "cannot_tell", "no_controls", "unsound", "too_few"),
            ),
        },
    ),
    "profit": Table(
        "what remains of a customer's gross sales",
        ("customer_id",),
        "11_profitability",
        {
            "customer_id": ID,
            "gross_sales": money_column("before discounts and returns", True),
            "discounts": money_column("taken off"),
            "returns": money_column("taken off", True),
            "spend_total": money_column("received, returns taken off", True),
            "sales_of_unknown_cost": money_column(
                "taken off, so that nothing is earned where nothing is known"
            ),
            "cost_of_goods": money_column("taken off"),
            "cost_to_serve": money_column("of tickets, contacts and actions; taken off"),
            "late_payment": money_column("interest on what was paid late; taken off"),
            "contribution": money_column(
                "what remains; empty where the cost of most of the sales is unknown"
            ),
        },
    ),
    "renewals": Table(
        "a customer with a running contract",
        ("customer_id",),
        "11_profitability",
        {
            "customer_id": ID,
            "p_renewal": share_column("chance that the contract that ends next is renewed", True),
            "renewal_value": money_column(
                "contract value of the renewals within the horizon, discounted; no part of `value`"
            ),
        },
    ),
    "interaction": Table(
        "how a customer and the company interacted in the last 365 days",
        ("customer_id",),
        "12_interaction",
        {
            "customer_id": ID,
            "contacts_365d": count_column("contacts, either way"),
            "events_365d": count_column("contacts at events"),
            "social_365d": count_column("contacts by social media"),
            "inbound_365d": count_column("contacts that the customer began"),
            "outbound_365d": count_column("contacts that we began"),
            "answered_share": share_column(
                "of the outbound contacts whose outcome is known; empty where there is none such"
            ),
            "days_since_contact": days_column("since the last contact; empty where there was none"),
            "silent": Column(
                "flag",
                "",
                "沉默客户: has bought, is not lost, and had no contact for more than `contact.silent_days`",
            ),
        },
    ),
    "points": Table(
        "a member of the loyalty programme",
        ("customer_id",),
        "13_loyalty_programme",
        {
            "customer_id": ID,
            "member_since": Column("day", "date", "day of the first movement of points", True),
            "level": text_column("the policy's level by the points earned in 365 days; empty for none"),
            "earned": Column("number", "points", "ever earned", True, 0),
            "redeemed": Column("number", "points", "used by the member", True, 0),
            "reversed": Column("number", "points", "taken back, as for a return", True, 0),
            "expired": Column("number", "points", "no longer usable on as_of", True, 0),
            "balance": Column(
                "number", "points", "left; below zero where more was taken off than earned", True
            ),
            "earned_365d": Column("number", "points", "earned in the last 365 days", True, 0),
            "redeemed_365d": Column("number", "points", "redeemed in the last 365 days", True, 0),
            "days_since_points": days_column("since points were last earned or redeemed"),
            "expiring_90d": Column(
                "number",
                "points",
                "that expire in the 90 days ahead, unless used; empty where points do not expire",
                at_least=0,
            ),
        },
    ),
    "needs": Table(
        "a customer with purchases in the last 365 days",
        ("customer_id",),
        "15_needs",
        {
            "customer_id": ID,
            "need": text_column(
                "premium, personalised, price_led or standardised; empty where none is shown"
            ),
            "probability": share_column("that the share of such purchases lies beyond everybody's", True),
            "days": count_column("purchase days of the year", True),
            "premium": share_column("expected of purchases at a top price; empty: not known"),
            "personalised": share_column("expected of purchases of what few others buy; empty: not known"),
            "price_led": share_column("expected of purchases at a discount; empty: not known"),
            "standardised": share_column("expected of purchases of what most others buy; empty: not known"),
        },
    ),
    "risk": Table(
        "what is at risk with a customer, and what warns of it",
        ("customer_id",),
        "17_risk",
        {
            "customer_id": ID,
            "leaving": text_column(
                "silent for longer than the horizon of 05, P(no purchase) one half or more, or less",
                True,
                ("gone_silent", "likely", "less_likely", "not_known"),
            ),
            "credit": text_column(
                "terms withheld by 08, owes longer than the policy allows, neither, or never invoiced",
                True,
                ("terms_withheld", "overdue", "in_order", "not_known"),
            ),
            "owed": money_column("not paid and not given up; empty: not known"),
            "overdue": money_column("part of it after the day it was due"),
            "days_overdue": days_column("of the oldest of that"),
            "exposure": money_column("owed, and sold since the last invoice where that is known", at_least=0),
            "warnings": text_column("signs of today that have warned before, joined by +; empty: none"),
            "development": text_column(
                "purchase days of the last year beside the year before; empty: not compared",
                False,
                ("grows", "declines", "within_chance"),
            ),
        },
    ),
    "loss_rates": Table(
        "an age of what is owed and what share of it was lost in the end",
        ("bucket",),
        "17_risk",
        {
            "bucket": text_column(
                "days overdue (账龄)", True, ("not_due", "1_30", "31_60", "61_90", "over_90")
            ),
            "customers": count_column("whose invoices were seen in it on earlier days", True),
            "lost_customers": count_column("of them, with one that was lost", True),
            "seen": money_column("on all days together", True),
            "raw": share_column("of the amount that was lost"),
            "rate": share_column("the same, thin ages drawn towards a line over all; empty: cannot tell"),
            "low": share_column("lower end of its 95 % interval"),
            "high": share_column("upper end"),
        },
    ),
    "warning_grades": Table(
        "a sign of risk on earlier days and what came",
        ("of", "warning"),
        "17_risk",
        {
            "of": text_column("what it may warn of", True, ("credit", "leaving")),
            "warning": text_column("the sign", True),
            "is_rule": Column("flag", "", "the rule of one column that the others stand beside", True),
            "days": count_column("earlier days", True),
            "customers": count_column("with the sign, of all days", True),
            "others": count_column("without it", True),
            "came": share_column("of those with the sign to whom it came"),
            "low": share_column("lower end of its 95 % interval"),
            "high": share_column("upper end"),
            "others_came": share_column("of those without it"),
            "alike_came": share_column("of those without it who were alike by the rule"),
            "difference": Column("number", "-1…1", "came less others_came, on the same days"),
            "difference_low": Column("number", "-1…1", "lower end of its 95 % interval"),
            "difference_high": Column("number", "-1…1", "upper end"),
            "days_higher": count_column("days on which it came to more of those with the sign", True),
            "p": share_column("of no difference, adjusted over the signs of a kind (Holm)"),
            "p_beyond": share_column("the same beside those alike by the rule"),
            "verdict": text_column("what can be said", True, ("warns", "as_rule", "cannot_tell", "too_few")),
        },
    ),
    "newcomer_plan": Table(
        "a customer whose first purchase is at most 90 days ago",
        ("customer_id",),
        "16_newcomers",
        {
            "customer_id": ID,
            "first_day": Column("day", "date", "of the first purchase", True),
            "days_since": days_column("since then", True),
            "phase": text_column("days since then", True, ("0-30", "31-60", "61-90")),
            "class": text_column(
                "of 04 by expected early spend; ordered_again once there is a second order",
                True,
                ("promising", "ordinary", "modest", "cannot_tell", "ordered_again"),
            ),
            "tier": text_column("the tier in force"),
            "stage": text_column("the lifecycle stage"),
            "need": text_column("what purchases show of needs; empty where they show none"),
            "approached": Column(
                "number", "count", "contacts begun by us since then; empty: not known", at_least=0
            ),
            "planned": count_column("contacts to come until the 90 days are over", True),
            "next_action": text_column("the first of these"),
            "next_day": Column("day", "date", "when it is"),
            "overdue_from": Column(
                "day", "date", "from when a second order is overdue; empty once there is one, or not known"
            ),
        },
    ),
    "prospect_fit": Table(
        "a prospect; no rows where no attribute tells the best tier beyond chance",
        ("customer_id",),
        "16_newcomers",
        {
            "customer_id": ID,
            "rank": Column("integer", "", "1 is most like the customers of the best tier", True, 1),
            "expected_share": share_column("of customers like them who are in the best tier", True),
            "attribute": text_column("the attribute that changes it most", True),
            "level": text_column("the prospect's group in it; empty: not known"),
            "part": Column("number", "share", "what that adds to the share of all customers", True),
        },
    ),
    "engagement": Table(
        "a customer who deals with us: learns, asks, recommends, has ideas; a count is empty where the data lack it",
        ("customer_id",),
        "19_engagement",
        {
            "customer_id": ID,
            "trainings_365d": count_column("trainings attended in the last 365 days"),
            "community_365d": count_column("contacts in the community in the last 365 days"),
            "ideas_365d": count_column("ideas in the last 365 days"),
            "interviews_365d": count_column("interviews in the last 365 days"),
            "adopted_365d": count_column("of these ideas, those adopted"),
            "questions_180d": count_column("tickets that are no complaint, in the last 180 days"),
            "open_questions": count_column("of these, those after the last training"),
            "recommended_365d": count_column(
                "customers whom they recommended in the last 365 days, each once"
            ),
            "is_promoter": Column("flag", "", "latest answer to NPS, of the last 365 days, is 9 or 10"),
            "is_advocate": Column(
                "flag",
                "",
                "recommended somebody, is a promoter or was in the community, in the last 365 days",
            ),
        },
    ),
    "journey": Table(
        "a step of the customer journey, and how many of those who took it go on to the next",
        ("step",),
        "19_engagement",
        {
            "step": text_column("the step", True, ("known", "first_order", "contract")),
            "next_step": text_column("the next one", True, ("first_order", "second_order", "next_contract")),
            "customers": count_column("who took the step, and may be followed from it", True),
            "within_30d": share_column("that took the next step by then (Kaplan & Meier)"),
            "within_90d": share_column("by then"),
            "within_180d": share_column("by then"),
            "within_365d": share_column("by then"),
            "by_day": days_column("the last of these days that is known"),
            "low": share_column("lower end of the 95 % interval of the share by then"),
            "high": share_column("upper end"),
        },
    ),
    "kpi_effects": Table(
        "an action of the playbook with a `kpi`, and what was counted of treated and controls",
        ("action",),
        "19_engagement",
        {
            "action": text_column("the action", True),
            "kpi": text_column(
                "what is counted", True, ("questions", "complaints", "recommendations", "contacts")
            ),
            "customers": count_column("of both arms", True),
            "treated": count_column("compared"),
            "controls": count_column("compared"),
            "treated_mean": Column("number", "events per customer", "of those treated"),
            "control_mean": Column(
                "number", "events per customer", "of the controls, as the treated are spread"
            ),
            "difference": Column("number", "events per customer", "treated less controls"),
            "low": Column("number", "events per customer", "lower end of its 95 % interval"),
            "high": Column("number", "events per customer", "upper end"),
            "p": share_column("two-sided, by permuting the arms, adjusted over actions (Holm)"),
            "verdict": text_column(
                "what can be said",
                True,
                (
                    *("more", "fewer", "cannot_tell", "not_tried", "not_known"),
                    *("no_controls", "too_few", "unsound"),
                ),
            ),
        },
    ),
    "sales_growth": Table(
        "a part of the change of sales from the year before to the last year",
        ("part",),
        "20_growth",
        {
            "part": text_column("who or what made it; the parts add up to the change", True),
            "customers": count_column("who made it; frequency and amount are of the same", True),
            "change": money_column("what it adds, below zero: takes off", True),
            "low": money_column("lower end of its 95 % interval"),
            "high": money_column("upper end"),
            "largest_share": share_column("of it, made by one customer", True),
        },
    ),
    "tier_development": Table(
        "a measure of a tier's customers in a period, beside the same days a year before",
        ("tier", "measure"),
        "20_growth",
        {
            "tier": text_column("at the start of either period, by purchases alone", True),
            "measure": text_column(
                "what is measured",
                True,
                ("bought", "frequency", "amount", "spend", "contribution", "satisfaction"),
            ),
            "customers_before": count_column("who had the tier a year before", True),
            "customers": count_column("who had it at the start of the latest period", True),
            "before": Column("number", "share, count or currency", "a year before"),
            "now": Column("number", "share, count or currency", "in the latest period"),
            "difference": Column("number", "share, count or currency", "now less before"),
            "low": Column("number", "share, count or currency", "lower end of its own 95 % interval"),
            "high": Column("number", "share, count or currency", "upper end"),
            "p": share_column("of no difference, with all rows counted (Holm); empty: too few customers"),
            "verdict": text_column("what may be said", True, ("rises", "falls", "cannot_tell", "too_few")),
        },
    ),
    "tier_profit": Table(
        "a tier in force, what it paid and contributed",
        ("tier",),
        "20_growth",
        {
            "tier": text_column("tier in force; none: without a tier", True),
            "customers": count_column("with any amount", True),
            "customers_share": share_column("of all of them", True),
            "spend_total": money_column("received to date", True),
            "cost_to_serve": money_column("of tickets, contacts and actions to date"),
            "contribution": money_column("to date, as in `profit`"),
            "contribution_share": Column("number", "share", "of all contribution to date"),
            "per_customer": money_column("contribution to date per customer"),
            "contribution_year": money_column("contribution of the last 365 days"),
            "year_share": Column("number", "share", "of all contribution of these"),
            "top_share": Column("number", "share", "of the contribution to date, of the best tenth"),
            "largest_share": share_column("of the spend, of one customer", True),
        },
    ),
    "profit_by_year": Table(
        "what a customer contributed in the last year and in the year before",
        ("customer_id",),
        "20_growth",
        {
            "customer_id": ID,
            "contribution_before": money_column("in the 365 days before the last 365; empty: not known"),
            "contribution_year": money_column("in the last 365 days; empty: not known"),
        },
    ),
    "tier_runs": Table(
        "a tier's customers on the day of a run, and what they did until the next",
        ("day", "tier"),
        "20_growth",
        {
            "day": Column("day", "date", "on which they had the tier", True),
            "until": Column("day", "date", "until when they are followed", True),
            "source": text_column("how the tier is known", True, ("run", "measured")),
            "tier": text_column("the tier", True),
            "customers": count_column("who had bought by then", True),
            "repeat_share": share_column("who had bought on more than one day by then"),
            "repeat_low": share_column("lower end of its 95 % interval"),
            "repeat_high": share_column("upper end"),
            "tenure_days": days_column("median since the first purchase"),
            "tenure_low": days_column("lower end of its 95 % interval"),
            "tenure_high": days_column("upper end"),
            "bought_share": share_column("who bought from then until `until`; empty: not over yet"),
            "bought_low": share_column("lower end of its 95 % interval"),
            "bought_high": share_column("upper end"),
            "contribution_mean": money_column("contributed each in these days"),
            "contribution_low": money_column("lower end of its 95 % interval"),
            "contribution_high": money_column("upper end"),
        },
    ),
    "action_returns": Table(
        "what is planned for a tier by a lever",
        ("lever", "tier"),
        "20_growth",
        {
            "lever": text_column("lever", True),
            "tier": text_column("tier in force", True),
            "customers": count_column("for whom something is planned", True),
            "actions": count_column("planned", True),
            "cost": money_column("of all occasions", True, 0),
            "gain": money_column("expected, less the cost, in the money of `value`; empty: unknown"),
            "low": money_column("lower end of its 95 % range"),
            "high": money_column("upper end"),
            "gain_per_cost": Column("number", "ratio", "return on investment; empty: no cost"),
            "resting_on": text_column(
                "what the effects are",
                True,
                ("measured", "assumed", "measured_and_assumed", "unknown"),
            ),
        },
    ),
    "markets": Table(
        "a segment of customers in a measure, beside all others of its attribute",
        ("attribute", "level", "measure"),
        "18_markets",
        {
            "attribute": text_column(
                "subject_type, industry, size, company_age, region, or attitude: and an item of a survey",
                True,
            ),
            "level": text_column("the segment, in the words of the data", True),
            "measure": text_column(
                "what is compared: spend (of a year per customer), growth (of a year), retained (share), "
                "satisfaction (mean answer) or gap_days (between purchases)",
                True,
                ("spend", "growth", "retained", "satisfaction", "gap_days"),
            ),
            "customers": count_column("of whom the measure is known", True),
            "estimate": Column("number", "of the measure", "the segment's mean, share or growth", True),
            "low": Column("number", "of the measure", "lower end of its 95 % interval", True),
            "high": Column("number", "of the measure", "upper end of its 95 % interval", True),
            "shrunk": Column(
                "number", "of the measure", "the estimate, drawn towards the mean of the segments", True
            ),
            "overall": Column("number", "of the measure", "of all customers whose segment is known", True),
            "p_adjusted": share_column("of no difference to the others, all comparisons counted", True),
            "verdict": text_column("beside the others", True, ("higher", "lower", "cannot_tell")),
            "attention": text_column(
                "what follows for the segment: invest, repair, develop, hold, select, watch, look_into or "
                "cannot_tell",
                True,
            ),
        },
    ),
}
