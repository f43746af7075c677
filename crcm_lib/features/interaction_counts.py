"""Contacts -> how often, by which channels and with what answer each customer and the company interact."""

import pandas as pd

from crcm_lib.features.customer_sql import date, days_between, end_of
from crcm_lib.schema.engine import Engine, columns_of, has

YEAR = 365  # days
# What the words of an export stand for, in small letters. A word of neither list is unknown, and told.
INBOUND = ("inbound", "in", "incoming", "呼入", "来电", "来访", "客户发起")
OUTBOUND = ("outbound", "out", "outgoing", "呼出", "去电", "外呼", "拜访", "我方发起")
ADOPTED = ("adopted", "implemented", "已采纳", "采纳", "已实施")  # of an idea
ANSWERED = (
    *("answered", "reached", "replied", "information", "offer sent", "order", "complaint", "appointment"),
    *("interested", "not interested", "declined", "visited", "attended", "posted"),
    *ADOPTED,
    *("not adopted", "under review", "interviewed", "未采纳", "评估中", "已访谈"),
    *(
        "已接通",
        "接通",
        "已回复",
        "回复",
        "有意向",
        "无意向",
        "成交",
        "下单",
        "已报价",
        "拒绝",
        "已拜访",
        "已参加",
        "投诉",
    ),
)
UNANSWERED = (
    *("no answer", "not reached", "no reply", "busy", "voicemail", "bounced", "opened", "not attended"),
    *("未接通", "未接", "无人接听", "未回复", "占线", "空号", "退信", "已读", "已打开", "未参加"),
)
EVENTS = ("event", "活动", "展会", "会议")
SOCIAL = ("social", "社交媒体", "社交", "微博", "抖音", "小红书")
TRAININGS = ("training", "webinar", "workshop", "培训", "客户培训", "线上培训", "讲座")
COMMUNITY = ("community", "forum", "社区", "论坛", "客户社区", "社群")
IDEAS = ("idea", "suggestion", "创意", "建议", "合理化建议")
INTERVIEWS = ("interview", "访谈", "客户访谈")
CONTACTED = "select customer_id, cast(time as date) as day from contacts"
COMPLAINED = "select customer_id, cast(opened as date) as day from tickets where kind = 'complaint'"


def is_one_of(column: str, words: tuple[str, ...]) -> str:
    """SQL: the column's text, in small letters, is one of these words; false where it is empty."""
    listed = ", ".join(f"'{word}'" for word in words)
    return f"coalesce(lower(trim({column})) in ({listed}), false)"


def summarise_interaction(engine: Engine, *, as_of) -> pd.DataFrame:
    """How each customer and the company interacted in the last 365 days, as known at the end of `as_of`.

    Returns
    -------
    Indexed by `customer_id`, who had a contact or a line of transactions by then:

    - `contacts_365d`, `events_365d`, `social_365d` (count): contacts, those at events, by social media
    - `inbound_365d`, `outbound_365d` (count): begun by the customer, by us; absent without `direction`
    - `answered_share` (0…1): of the outbound ones whose outcome is known, those that were answered; missing
      where there is none such, absent without `direction` and `outcome`
    - `days_since_contact` (days): since the last contact at all, missing where there was none

    Without the table `contacts`, no rows and no columns.
    """
    known = columns_of(engine, "contacts")
    if not known:
        return pd.DataFrame(index=pd.Index([], dtype="str", name="customer_id"))
    end = pd.Timestamp(as_of).normalize()
    lately = f"time >= {end_of(end - pd.Timedelta(days=YEAR))}"
    sums = {"contacts_365d": lately}
    sums |= {"events_365d": f"{lately} and {is_one_of('channel', EVENTS)}"}
    sums |= {"social_365d": f"{lately} and {is_one_of('channel', SOCIAL)}"}
    if "direction" in known:
        sums["inbound_365d"] = f"{lately} and {is_one_of('direction', INBOUND)}"
        sums["outbound_365d"] = outbound = f"{lately} and {is_one_of('direction', OUTBOUND)}"
        if "outcome" in known:
            sums["answered"] = f"{outbound} and {is_one_of('outcome', ANSWERED)}"
            sums["unanswered"] = f"{outbound} and {is_one_of('outcome', UNANSWERED)}"
    counts = ", ".join(f"count(case when {which} then 1 end) as {name}" for name, which in sums.items())
    since = days_between("cast(max(time) as date)", date(end))
    frame = engine.execute(f"""
        select customer_id, {counts}, {since} as days_since_contact
        from contacts where time < {end_of(end)} group by customer_id""").df()
    return _complete(frame.set_index("customer_id"), _list_buyers(engine, end))


def find_quiet_since(engine: Engine, *, as_of) -> pd.Series:
    """Each buyer's day of the last contact by the end of `as_of`; of the first purchase where there was none.

    Returns
    -------
    Days by `customer_id`, who has bought by then; nobody without `contacts` or `transactions`.
    """
    if not (has(engine, "contacts") and has(engine, "transactions")):
        return pd.Series(
            [], pd.Index([], dtype="str", name="customer_id"), dtype="datetime64[us]", name="since"
        )
    end = pd.Timestamp(as_of).normalize()
    known = engine.execute(f"""
        select bought.customer_id, cast(coalesce(last, first) as timestamp) as since
        from (
            select customer_id, min(day) as first from transactions
            where kind = 'sale' and day <= {date(end)} group by customer_id) as bought
        left join (
            select customer_id, cast(max(time) as date) as last from contacts
            where time < {end_of(end)} group by customer_id) as spoken
        on spoken.customer_id = bought.customer_id
        order by bought.customer_id""").df()
    return known.astype({"customer_id": "str"}).set_index("customer_id")["since"]


def _complete(contacted: pd.DataFrame, buyers: pd.Index) -> pd.DataFrame:
    """With a row for every buyer, and the share that was answered in place of its counts."""
    everybody = contacted.index.union(buyers).astype("str").sort_values().rename("customer_id")
    frame = contacted.reindex(everybody)
    frame["days_since_contact"] = frame["days_since_contact"].astype("float64")
    counts = [name for name in frame if name != "days_since_contact"]
    frame[counts] = frame[counts].fillna(0).astype("int64")
    if "answered" in frame:
        tried = frame["answered"] + frame["unanswered"]
        frame["answered_share"] = frame["answered"] / tried.where(tried > 0)
    return frame.drop(columns=["answered", "unanswered"], errors="ignore")


def count_by_channel(engine: Engine, *, as_of) -> pd.DataFrame:
    """Contacts per customer, channel and year, of the last 365 days and of the 365 days before.

    Returns
    -------
    `customer_id`, `channel`, `year` (now, before), `contacts`, `inbound`, `outbound`, `answered` and
    `unanswered` (outbound ones with a known outcome); what the data do not have is 0. No rows without the
    table; none of the year before where the table does not reach back to its first day.
    """
    columns = ["customer_id", "channel", "year", "contacts", "inbound", "outbound", "answered", "unanswered"]
    known = columns_of(engine, "contacts")
    if not known:
        return pd.DataFrame(columns=columns)
    end = pd.Timestamp(as_of).normalize()
    is_ = dict.fromkeys(columns[4:], "false")
    if "direction" in known:
        is_ |= {"inbound": is_one_of("direction", INBOUND), "outbound": is_one_of("direction", OUTBOUND)}
        if "outcome" in known:
            is_["answered"] = f"{is_['outbound']} and {is_one_of('outcome', ANSWERED)}"
            is_["unanswered"] = f"{is_['outbound']} and {is_one_of('outcome', UNANSWERED)}"
    counts = ", ".join(f"count(case when {which} then 1 end) as {name}" for name, which in is_.items())
    return engine.execute(f"""
        select customer_id, channel, {_name_year("time", end)} as year, count(*) as contacts, {counts}
        from contacts where {_two_years("contacts", "time", end)}
        group by 1, 2, 3 order by 1, 2, 3""").df()


def count_purchases_by_channel(engine: Engine, *, as_of) -> pd.DataFrame:
    """Purchase days per customer, channel and year: `customer_id`, `channel`, `year`, `purchases`.

    Years as in `count_by_channel`; no rows where the transactions name no channel.
    """
    if "channel" not in columns_of(engine, "transactions"):
        return pd.DataFrame(columns=["customer_id", "channel", "year", "purchases"])
    end = pd.Timestamp(as_of).normalize()
    return engine.execute(f"""
        select customer_id, channel, {_name_year("time", end)} as year, count(distinct day) as purchases
        from transactions
        where kind = 'sale' and channel is not null and {_two_years("transactions", "time", end)}
        group by 1, 2, 3 order by 1, 2, 3""").df()


def list_unknown_words(engine: Engine, *, as_of) -> pd.DataFrame:
    """Directions and outcomes of the last 365 days that are in no list of words.

    Returns
    -------
    `column`, `word` (in small letters), `contacts` and `customers` (count), most contacts first. Of outcomes
    those of outbound contacts alone; an empty cell is no word.
    """
    known, end = columns_of(engine, "contacts"), pd.Timestamp(as_of).normalize()
    lists = {"direction": (*INBOUND, *OUTBOUND), "outcome": (*ANSWERED, *UNANSWERED)}
    parts = []
    for column, words in lists.items():
        if column not in known or "direction" not in known:
            continue
        only = f" and {is_one_of('direction', OUTBOUND)}" if column == "outcome" else ""
        parts.append(f"""
            select '{column}' as "column", lower(trim({column})) as word, count(*) as contacts,
                count(distinct customer_id) as customers
            from contacts where time < {end_of(end)} and time >= {end_of(end - pd.Timedelta(days=YEAR))}
                and not {is_one_of(column, words)}{only}
            group by 2""")
    if not parts:
        return pd.DataFrame(columns=["column", "word", "contacts", "customers"])
    return engine.execute(f"{' union all '.join(parts)} order by 3 desc, 1, 2").df()


def list_latest_contacts(engine: Engine, *, as_of, most: int = 3) -> pd.DataFrame | None:
    """The latest contacts of each customer by the end of `as_of`; None without the table.

    Returns
    -------
    `customer_id`, `time`, `channel`, `direction` and `outcome` (missing where not known), the latest first.
    """
    known = columns_of(engine, "contacts")
    if not known:
        return None
    words = [
        name if name in known else f"cast(null as varchar(80)) as {name}" for name in ("direction", "outcome")
    ]
    given = ", ".join(name for name in ("channel", "direction", "outcome") if name in known)
    listed = engine.execute(f"""
        select customer_id, time, channel, direction, outcome from (
            select customer_id, time, channel, {", ".join(words)}, row_number() over (
                partition by customer_id order by time desc, {given}) as nth
            from contacts where time < {end_of(pd.Timestamp(as_of).normalize())}) as numbered
        where nth <= {most} order by customer_id, nth""")
    return listed.df()


def find_quiet(engine: Engine, *, as_of, days: int) -> pd.Series:
    """Until which day a customer is not approached anew: `days` after the last contact or complaint.

    Returns
    -------
    `quiet_until` (day, after `as_of`) by `customer_id`, of those for whom it is not over on `as_of`.
    """
    end = pd.Timestamp(as_of).normalize()
    parts = [CONTACTED] if has(engine, "contacts") else []
    parts += [COMPLAINED] if "kind" in columns_of(engine, "tickets") else []
    if not parts or not days:
        return pd.Series(
            dtype="datetime64[us]", index=pd.Index([], dtype="str", name="customer_id"), name="quiet_until"
        )
    found = engine.execute(f"""
        select customer_id, cast(max(day) as timestamp) as day from ({" union all ".join(parts)}) as known
        where day <= {date(end)} and day > {date(end - pd.Timedelta(days=days))}
        group by customer_id order by customer_id""").df()
    until = pd.to_datetime(found["day"]).astype("datetime64[us]") + pd.Timedelta(days=days)
    return pd.Series(until.to_numpy(), pd.Index(found["customer_id"], dtype="str"), name="quiet_until")


def _name_year(moment: str, end: pd.Timestamp) -> str:
    return f"case when {moment} >= {end_of(end - pd.Timedelta(days=YEAR))} then 'now' else 'before' end"


def _two_years(table: str, moment: str, end: pd.Timestamp) -> str:
    """SQL: within the last 365 days, and the 365 days before where the table reaches back to them."""
    last, earlier = (end_of(end - pd.Timedelta(days=YEAR * years)) for years in (1, 2))
    first = end_of(end - pd.Timedelta(days=2 * YEAR - 1))
    reaches = f"(select min({moment}) from {table}) < {first}"
    return f"{moment} < {end_of(end)} and ({moment} >= {last} or ({moment} >= {earlier} and {reaches}))"


def _list_buyers(engine: Engine, end: pd.Timestamp) -> pd.Index:
    if not has(engine, "transactions"):
        return pd.Index([], dtype="str")
    bought = engine.execute(f"select distinct customer_id from transactions where day <= {date(end)}").df()
    return pd.Index(bought["customer_id"], dtype="str")
