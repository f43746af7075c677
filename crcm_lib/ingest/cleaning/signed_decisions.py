"""Decisions on tiers that cannot be obeyed as they stand: they stop the run, none is set aside in silence."""

from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning.forgotten_records import FORGOTTEN
from crcm_lib.ingest.cleaning.ledger import FORM_RULES
from crcm_lib.ingest.sources.description import EXCLUDED
from crcm_lib.ingest.sources.expression_sql import sql_literal
from crcm_lib.schema.engine import Engine, columns_of

OPTIONAL = ("tier", "until")


def find_problems(engine: Engine) -> list[str]:
    """What is wrong with the records of `final_approvals`: how many, the first one's file and line, the cure.

    Wrong are a record that a rule on its values sets aside (an unknown decision, no signer, no day, no
    reason), an id that no record of another table has, a `set` without a tier or a tier without `set`, an end
    before the day, and two different decisions on one customer of one day. Set aside without a word are
    copies, what is dated later, and records of the forgotten.
    """
    asked_for = ", ".join(map(sql_literal, (*FORM_RULES, FORGOTTEN)))
    there = columns_of(engine, "final_approvals")
    tier, until = (name if name in there else f"null::{kind}" for name, kind in _optional_kinds())
    rows = engine.execute(f"""
        with signed as (select *, {tier} as to_tier, {until} as ends from final_approvals),
        judged as (
            select _file, _at, _record, case
                when _rule is not null then _rule
                when customer_id not in ({_list_ids(engine)}) then 'unknown customer'
                when (decision = 'set') <> (to_tier is not null) then 'tier'
                when ends < day then 'until'
                when count(distinct concat_ws('|', decision, to_tier, ends)) filter (_rule is null)
                    over (partition by customer_id, day) > 1 then 'contradiction'
            end as problem
            from signed
            where _rule is null
                or (_rule not in ({asked_for}) and not starts_with(_rule, {sql_literal(EXCLUDED)}))
        )
        select problem, count(*), arg_min(_file, _at), arg_min(_record, _at)
        from judged where problem is not null group by 1 order by 2 desc, 1
    """).fetchall()
    return [_describe(*row) for row in rows]


def _optional_kinds() -> tuple[tuple[str, str], ...]:
    return ("tier", "varchar"), ("until", "date")


def _list_ids(engine: Engine) -> str:
    """The query of every id that a record of transactions or customers has, kept or set aside."""
    views = {row[0] for row in engine.execute("select view_name from duckdb_views()").fetchall()}
    named = [view for view in ("final_transactions", "final_customers") if view in views]
    return " union ".join(f"select customer_id from {view} where customer_id is not null" for view in named)


def _describe(problem: str, count: int, file: str, record: int) -> str:
    words = {
        "unknown customer": _("no record of a customer has this id. Compare how ids are written"),
        "tier": _("`set` needs a tier, and no other decision takes one. Write the tier, or leave it out"),
        "until": _("ends before the day of its signature. Correct `until`, or leave it empty"),
        "contradiction": _("two different decisions on one customer on one day. Keep the one that holds"),
        "decision not allowed": _(
            "a decision is approve, keep or set; translate other words in the description, like "
            "if(decision = '批准', 'approve', 'keep')"
        ),
    }
    general = _("{rule}. A decision needs customer_id, decision, by, day and reason").format(rule=problem)
    template = _("approvals: {count} record(s), the first is record {record} of {file}: {words}")
    return template.format(count=count, record=record, file=file, words=words.get(problem, general))
