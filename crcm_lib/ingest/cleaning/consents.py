"""Consents that fail closed: what cannot be read as a consent is a refusal, and who refuses is not profiled.

A record with a purpose, an answer or a day that nobody can read would be set aside in any other table. Here
that would let an earlier grant stand, so that it is kept, with a remark, as a refusal of all that it may have
meant.
"""

from collections.abc import Callable, Iterable

import duckdb
import pandas as pd

from crcm_lib.errors import DataError, list_problems
from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning.forgotten_records import FORGOTTEN
from crcm_lib.ingest.sources.description import EXCLUDED
from crcm_lib.ingest.sources.expression_sql import sql_literal
from crcm_lib.privacy.consent_words import EVERYTHING, find_latest, match_ids, read_answer, read_purpose
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.inputs import CUSTOMER_IDS

NOT_PROFILED = "objects to profiling"  # the rule that sets the records of these customers aside
UNMATCHED = "customer_id matches no customer"
REFUSAL = "counts as a refusal: {part} not readable"
UNREADABLE = {  # part of a record: the test that it cannot be read
    "fields": "_rule = 'wrong field count'",
    "customer_id": "_rule = 'control character in customer_id'",
    "purpose": "p.meaning is null",
    "status": "s.meaning is null",
    "date": "(date is null or coalesce(starts_with(_rule, 'date '), false))",
}
MAX_UNREADABLE = 0.5  # of the records; beyond that the description is wrong, not the records
NOBODY = (
    *("customer_id missing", "error value in customer_id", "repeated header", "summary line"),
    FORGOTTEN,
)  # rules of records that name nobody


def fold_consents(engine: duckdb.DuckDBPyConnection) -> str:
    """Make the view `folded_consents` of `validated_consents`; the other tables are final by then.

    Purposes and answers stand there in the words of `privacy.consent_words`. A record that cannot be read and
    names somebody is kept as a refusal, with a remark and without a day where that is what could not be read.

    Returns
    -------
    The name of the view.

    Raises
    ------
    DataError
        If no record can be used: most of them unreadable, or none of a customer. A table that says nothing is
        not the same as nobody being asked.
    """
    _write_meanings(engine, "purpose", read_purpose)
    _write_meanings(engine, "status", read_answer)
    given = engine.execute("select distinct customer_id from validated_consents").df()["customer_id"]
    matched = match_ids(given.dropna(), _list_customers(engine))["given"].unique()
    _write_texts(engine, "consent_ids", word=matched)
    everything = sql_literal(EVERYTHING)
    engine.execute(f"""
        create view folded_consents as
        with meant as (
            select c.*, p.meaning as _purpose, s.meaning as _status,
                _rule in ({_list_sql(NOBODY)}) or starts_with(_rule, '{EXCLUDED}') as _names_nobody,
                list_filter([{", ".join(_reason_sql(part, test) for part, test in UNREADABLE.items())}],
                    lambda x: x is not null) as _reasons,
                case when m.word is null then [{sql_literal(UNMATCHED)}] else [] end as _match
            from validated_consents c
            left join consent_purpose p on p.word = purpose
            left join consent_status s on s.word = status
            left join consent_ids m on m.word = customer_id
        )
        select * exclude (_purpose, _status, _names_nobody, _reasons, _match) replace (
            case when _names_nobody then _rule end as _rule,
            case when _whole then coalesce(_purpose, {everything}) else {everything} end as purpose,
            case when len(_reasons) > 0 then 'refused' else _status end as status,
            case when _whole and not {UNREADABLE["date"]} then date end as date,
            case when coalesce(_names_nobody, false) then _remarks
                 else list_concat(_remarks, _reasons, _match) end as _remarks
        )
        from (select *, coalesce(_rule, '') <> 'wrong field count' as _whole from meant)
    """)
    _refuse_unusable(engine)
    return "folded_consents"


def set_aside_not_profiled(engine: duckdb.DuckDBPyConnection, tables: list[str]) -> int:
    """Set aside every record of the customers who object to profiling; return how many customers they are.

    Their records stand in no clean table, so that they are in no score, group, tier, alert or fit. Their
    money stays revenue, see `describe_not_profiled`.
    """
    consents = engine.execute("""
        select customer_id, purpose, status, max(date) as date
        from final_consents where _rule is null group by customer_id, purpose, status, date is null
    """).df()
    latest = find_latest(consents, _list_customers(engine))
    objects = latest.loc[(latest["purpose"] == "profiling") & (latest["status"] == "refused"), "customer_id"]
    if objects.empty:
        return 0
    as_given = match_ids(consents["customer_id"], objects)["given"]  # they leave the consents too
    _write_texts(engine, "not_profiled", customer_id=pd.concat([objects, as_given]).unique())
    rule = sql_literal(NOT_PROFILED)
    for table in tables:
        engine.execute(f"alter view final_{table} rename to everybody_{table}")
        engine.execute(f"""
            create view final_{table} as
            select * replace (
                coalesce(_rule, case when {_is_one_of_them(engine, table)} then {rule} end) as _rule
            )
            from everybody_{table}
        """)
    return len(objects)


def _is_one_of_them(engine: duckdb.DuckDBPyConnection, table: str) -> str:
    """The SQL of: does a record name a customer who objects, in any of its columns?"""
    there = {row[0] for row in engine.execute(f"describe everybody_{table}").fetchall()}
    named = [column for column in CUSTOMER_IDS if column in there]
    return " or ".join(f"{column} in (select customer_id from not_profiled)" for column in named)


def describe_not_profiled(customers: int) -> dict[str, str]:
    """The queries for what is kept of those who object to profiling, by the name of the table; no ids.

    `not_profiled` has their number, `daily_not_profiled` their money by `day` (of a matched return: the
    sale's). There are none where nobody objects.
    """
    if not customers:
        return {}
    return {
        "not_profiled": f"select {customers} as customers",
        "daily_not_profiled": f"""
            select coalesce(purchase_day, day) as day, cast(sum(amount) as decimal(18, 4)) as amount
            from final_transactions where _rule = {sql_literal(NOT_PROFILED)} group by 1 order by 1
        """,
    }


def _write_meanings(
    engine: duckdb.DuckDBPyConnection, column: str, read: Callable[[str], str | None]
) -> None:
    """Make the table of a column's words and what they mean; those that mean nothing are not in it."""
    words = engine.execute(f"select distinct {column} from validated_consents").df()[column].dropna()
    meanings = {word: meaning for word in words if (meaning := read(word))}
    _write_texts(engine, f"consent_{column}", word=list(meanings), meaning=list(meanings.values()))


def _write_texts(engine: duckdb.DuckDBPyConnection, table: str, **columns) -> None:
    frame = pd.DataFrame(columns, dtype="str")
    engine.register("texts", frame)
    engine.execute(f"create table {table} as from texts")
    engine.unregister("texts")


def _reason_sql(part: str, test: str) -> str:
    return f"case when {test} then {sql_literal(REFUSAL.format(part=part))} end"


def _list_sql(texts: Iterable[str]) -> str:
    return ", ".join(map(sql_literal, texts))


def _list_customers(engine: Engine) -> pd.Series:
    """The ids of customers and prospects."""
    views = {row[0] for row in engine.execute("select view_name from duckdb_views()").fetchall()}
    named = [view for view in ("final_transactions", "final_customers") if view in views]
    ids = " union ".join(f"select customer_id from {view} where _rule is null" for view in named)
    return engine.execute(ids).df()["customer_id"]


def _refuse_unusable(engine: Engine) -> None:
    """Raise DataError where the table says nothing that can be used."""
    unreadable = f"[{_list_sql(REFUSAL.format(part=part) for part in UNREADABLE)}]"
    counts = engine.execute(f"""
        with named as (from folded_consents where _rule is null),
        reasons as (select unnest(list_intersect(_remarks, {unreadable})) as reason from named)
        select
            (select count(*) from folded_consents) as records, count(*) as named,
            count(*) filter (list_contains(_remarks, {sql_literal(UNMATCHED)})) as unmatched,
            count(*) filter (list_has_any(_remarks, {unreadable})) as unreadable,
            (select mode(reason) from reasons) as reason
        from named
    """).df()
    (count,) = counts.to_dict("records")
    if not count["records"]:
        problem = _("the files hold a header and no records")
    elif not count["named"]:
        problem = _("none of {records} records names a customer")
    elif count["unmatched"] == count["named"]:
        problem = _(
            "none of {records} records is of a customer of the other tables; compare how ids are written"
        )
    elif count["unreadable"] > min(MAX_UNREADABLE * count["named"], count["named"] - 1):
        problem = _(
            "{unreadable} of {records} records cannot be read, most often: {reason}. A purpose is profiling, "
            "marketing, all or a channel, a status granted or refused; translate other words in the "
            "description, like if(status = 'A', 'granted', 'refused'), and declare how days are written"
        )
    else:
        return
    advice = _("without its consents a run would approach those who refused; it stops instead")
    raise DataError(list_problems("consents", [problem.format(**count), advice]))
