"""Tickets and surveys -> what service and answers say of each customer, and of all of them."""

import pandas as pd

from crcm_lib.features.customer_sql import end_of
from crcm_lib.models.satisfaction.answers import REACH as REACH
from crcm_lib.models.satisfaction.answers import answers_per_customer
from crcm_lib.models.satisfaction.answers import compare_groups as compare_groups
from crcm_lib.models.satisfaction.answers import count_off_scale as count_off_scale
from crcm_lib.models.satisfaction.answers import mean_answer as mean_answer
from crcm_lib.models.satisfaction.answers import measure_coverage as measure_coverage
from crcm_lib.models.satisfaction.answers import net_promoter_score as net_promoter_score
from crcm_lib.models.satisfaction.answers import trend_by_month as trend_by_month
from crcm_lib.models.satisfaction.complaints import compare_leaving as compare_leaving
from crcm_lib.models.satisfaction.complaints import count_repeats as count_repeats
from crcm_lib.models.satisfaction.complaints import follow_buyers as follow_buyers
from crcm_lib.models.satisfaction.complaints import group_waiting as group_waiting
from crcm_lib.models.satisfaction.complaints import list_complaints as list_complaints
from crcm_lib.models.satisfaction.complaints import list_repeats as list_repeats
from crcm_lib.models.satisfaction.drivers import compare_modes as compare_modes
from crcm_lib.models.satisfaction.drivers import describe_dealings as describe_dealings
from crcm_lib.models.satisfaction.drivers import fit_drivers as fit_drivers
from crcm_lib.models.satisfaction.early_service import compare_early_service as compare_early_service
from crcm_lib.models.satisfaction.further_topics import find_further_topics as find_further_topics
from crcm_lib.models.satisfaction.improvements import evaluate_improvements as evaluate_improvements
from crcm_lib.models.satisfaction.items import list_answers as list_answers
from crcm_lib.models.satisfaction.items import measure_expectations as measure_expectations
from crcm_lib.models.satisfaction.items import measure_items as measure_items
from crcm_lib.models.satisfaction.items import rank_items as rank_items
from crcm_lib.models.satisfaction.nonresponse import weigh_answers as weigh_answers
from crcm_lib.models.satisfaction.service import age_open as age_open
from crcm_lib.models.satisfaction.service import count_causes as count_causes
from crcm_lib.models.satisfaction.service import find_leading_causes as find_leading_causes
from crcm_lib.models.satisfaction.service import list_causes as list_causes
from crcm_lib.models.satisfaction.service import shrink_rates as shrink_rates
from crcm_lib.models.satisfaction.service import tickets_per_customer
from crcm_lib.models.satisfaction.service import wait_quantiles as wait_quantiles
from crcm_lib.models.satisfaction.service_groups import compare_teams as compare_teams
from crcm_lib.models.satisfaction.service_groups import measure_waits_by_group as measure_waits_by_group
from crcm_lib.models.satisfaction.service_levels import list_waits as list_waits
from crcm_lib.models.satisfaction.service_levels import measure_attainment as measure_attainment
from crcm_lib.models.satisfaction.service_levels import measure_floors as measure_floors
from crcm_lib.models.satisfaction.topics import compare_periods as compare_periods
from crcm_lib.models.satisfaction.topics import count_topics as count_topics
from crcm_lib.models.satisfaction.topics import find_topics as find_topics
from crcm_lib.models.satisfaction.topics import list_before as list_before
from crcm_lib.models.satisfaction.topics import share_by_quarter as share_by_quarter
from crcm_lib.models.satisfaction.topics import summarise_topics as summarise_topics
from crcm_lib.schema.engine import Engine, has


def list_missing(engine: Engine) -> list[str]:
    """Those of the tables `tickets` and `surveys` that the data do not have."""
    return [table for table in ("tickets", "surveys") if not has(engine, table)]


def summarise_satisfaction(engine: Engine, *, as_of) -> pd.DataFrame:
    """The table `satisfaction`: one row per customer, as known at the end of `as_of`.

    Where there are tickets, every customer with an order or a ticket has a row, because no complaint in many
    orders says something too; else every customer with an answer. `nps` is the latest answer; `csat` the mean
    of csat answers and of marks for the handling of resolved tickets. What was answered or resolved after
    `as_of` is still open. Columns that the data cannot carry are absent. Answers off their scale do not
    count.
    """
    until, tickets = end_of(as_of), has(engine, "tickets")
    frames = [answers_per_customer(engine, until)]
    if tickets:
        frames.insert(0, tickets_per_customer(engine, until))
    customers = sorted(set().union(*(frame.index for frame in frames)))
    table = pd.DataFrame(index=pd.Index(customers, dtype="str", name="customer_id")).join(frames)
    if "complaints" in table:
        table["complaint_rate"] = shrink_rates(table["complaints"], table["orders"])
    counts = [column for column in ("tickets", "complaints", "open_tickets") if column in table]
    table[counts] = table[counts].fillna(0).astype("int64")
    return table.drop(columns="orders", errors="ignore")
