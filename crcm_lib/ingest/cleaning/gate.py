"""A gate: records and money set aside beyond a limit stop the run, because they are never a random few."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning.forgotten_records import FORGOTTEN
from crcm_lib.ingest.cleaning.ids import round_up
from crcm_lib.ingest.cleaning.ledger import FORM_RULES
from crcm_lib.ingest.cleaning.prepare import PreparedPart, required_kind
from crcm_lib.ingest.cleaning.unread_status import NO_SALE, describe_status
from crcm_lib.ingest.sources.description import ANONYMOUS, EXCLUDED
from crcm_lib.ingest.sources.expression_sql import (
    compile_sql,
    list_texts_as_numbers,
    result_kind,
    sql_identifier,
    sql_literal,
)
from crcm_lib.ingest.sources.text import mask_sql
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.inputs import INPUTS

RECORDS, MONEY = 0.02, 0.01  # shares that any one rule may set aside
UNREADABLE = 0.001  # of the records, where their money is unknown
FEW = 2  # records that stop nothing: a slip of the pen, not a form
# unless their share of the money is this, and so many times that of the records
MUCH_MONEY, MUCH_MORE = 0.1, 5
TOTAL = "summary line"
# Rules that follow from what was asked for: a day, one record per key, to forget somebody.
ASKED_FOR = (*FORM_RULES, FORGOTTEN)
COPY, COPY_KEPT = "exact duplicate", "exact duplicate kept"
MAX_FORMS = 3  # that a message names


@dataclass(frozen=True)
class SetAside:
    """The records of a part that one rule sets aside.

    `share` and `money_share` are of all records and of all readable money of the part; `file` and `record`
    name the first.
    """

    rule: str
    records: int
    of: int
    money_share: float
    file: str
    record: int

    @property
    def share(self) -> float:
        """Share of the records of the part."""
        return self.records / self.of

    @property
    def largest_share(self) -> float:
        """The larger of the two shares."""
        return max(self.share, self.money_share)


def find_large_shares(engine: Engine, table: str, parts: list[PreparedPart]) -> list[str]:
    """Every rule that sets aside more than its limit: how many, what form they have, what to declare."""
    problems = []
    for number, prepared in enumerate(parts):
        for aside in _count_set_aside(engine, table, number, prepared):
            limit = _limit_of(aside, prepared)
            if limit is not None and aside.largest_share > limit and _counts(aside):
                problems.append(_describe(engine, prepared, aside, limit))
    return problems


def list_limits(engine: Engine, table: str, parts: list[PreparedPart]) -> pd.DataFrame:
    """The limits that the description raises, each with its reason and what was set aside.

    Returns
    -------
    `table`, `rule`, `records`, `share`, `money_share`, `at_most`, `reason`; one row per declared limit.
    """
    rows = []
    for number, prepared in enumerate(parts):
        raised = prepared.part.raised_limits
        asides = _count_set_aside(engine, table, number, prepared) if raised else ()
        found = {aside.rule: aside for aside in asides}
        for limit in raised:
            aside = found.get(limit.rule)
            shares = (aside.records, aside.share, aside.money_share) if aside else (0, 0.0, 0.0)
            rows.append((table, limit.rule, *shares, limit.at_most, limit.reason))
    columns = ["table", "rule", "records", "share", "money_share", "at_most", "reason"]
    texts = dict.fromkeys(["table", "rule", "reason"], "str")
    numbers = {"records": "int64"} | dict.fromkeys(["share", "money_share", "at_most"], "float64")
    return pd.DataFrame(rows, columns=columns).astype(texts | numbers)


def _count_set_aside(engine: Engine, table: str, number: int, prepared: PreparedPart) -> Iterator[SetAside]:
    amount = "abs(amount)" if table == "transactions" else "0"
    kept = [(NO_SALE, NO_SALE)] if prepared.unread_status else []  # remarks that would be rules
    if table == "transactions" and not prepared.part.duplicates:  # whether copies count twice is not declared
        kept.append((COPY, COPY_KEPT))
    cases = (f"case when list_contains(_remarks, '{remark}') then '{name}' end" for remark, name in kept)
    rule = f"coalesce({', '.join(['_rule', *cases, 'null'])})"
    rows = engine.execute(f"""
        select
            {rule} as rule, count(*), coalesce(sum({amount}), 0)::double,
            arg_min(_file, _at), arg_min(_record, _at)
        from final_{table} where _part = {number} group by rule order by 2 desc, 1
    """).fetchall()
    rows = [row for row in rows if row[0] != TOTAL]  # its amount is that of other records
    records, money = sum(row[1] for row in rows), sum(row[2] for row in rows)
    for name, count, amount_aside, file, record in rows:
        if name is not None:
            yield SetAside(name, count, records, amount_aside / money if money else 0.0, file, record)


def _counts(aside: SetAside) -> bool:
    return aside.records > FEW or aside.money_share > max(MUCH_MONEY, MUCH_MORE * aside.share)


def _limit_of(aside: SetAside, prepared: PreparedPart) -> float | None:
    """The share that a rule may set aside; None for any."""
    for raised in prepared.part.raised_limits:
        if raised.rule == aside.rule:
            return raised.at_most
    if aside.rule in ASKED_FOR or aside.rule.startswith(EXCLUDED):
        return None
    if aside.rule == "amount not readable":
        return UNREADABLE
    return MONEY if aside.money_share > MONEY else RECORDS


def _describe(engine: Engine, prepared: PreparedPart, aside: SetAside, limit: float) -> str:
    problem = _(
        "{table}: {rule}: {count} of {all} records ({share}){money}, above the limit of {limit}; the first "
        "is record {record} of {file}{forms}. {cure}"
    )
    money = _(" with {share} of the money").format(share=f"{aside.money_share:.1%}")
    return problem.format(
        table=prepared.table,
        rule=aside.rule,
        count=aside.records,
        all=aside.of,
        share=f"{aside.share:.1%}",
        money=money if aside.money_share else "",
        limit=f"{limit:.1%}",
        record=aside.record,
        file=aside.file,
        forms=_describe_forms(engine, prepared, aside.rule),
        cure=" ".join([*_describe_files(prepared, aside.rule), _describe_cure(engine, prepared, aside)]),
    )


def _describe_files(prepared: PreparedPart, rule: str) -> list[str]:
    """What was met in the files that may explain missing values, such as cells that hold errors."""
    return [f"{remark}." for remark in prepared.raw.remarks] if rule.endswith(" missing") else []


def _describe_cure(engine: Engine, prepared: PreparedPart, aside: SetAside) -> str:
    most = round_up(aside.largest_share)
    if aside.rule == NO_SALE:
        return describe_status(engine, prepared, most)
    cures = {
        "customer_id missing": _(
            "If the field is filled on the first line of a group only, declare fill_down: [column]; if these "
            "sales belong to nobody, anonymous: {{reason: …, at_most: {most}}}"
        ),
        COPY_KEPT: _(
            "Declare duplicates: keep where equal lines are two purchases, reject where they are copies"
        ),
        "wrong field count": _("Check delimiter and quotes"),
        "currency missing": _(
            "If they are all in one currency, write coalesce(currency, 'EUR') with its code"
        ),
        "other currency": _("Convert them with a rate in the expression, or exclude them with a reason"),
        "kind not allowed": _("Declare which lines are returns (returns: …), in place of kind"),
        "negative amount that is no return": _("Declare which lines are returns (returns: …)"),
        "control character in customer_id": _("If blanks surround the ids, declare id_format: trimmed"),
    }
    general = _(
        "Mend it, exclude it with a reason, or raise the limit: "
        "limits: [{{rule: {rule}, at_most: {most}, reason: …}}]"
    )
    if aside.rule.startswith(ANONYMOUS):
        general = _("Raise at_most to {most} if that is right")
    return cures.get(aside.rule, general).format(most=most, rule=aside.rule)


def _describe_forms(engine: Engine, prepared: PreparedPart, rule: str) -> str:
    """The forms that texts have which could not be read, their digits and letters masked."""
    column = rule.removesuffix(" not readable").removesuffix(" not allowed")
    if column == rule or column not in prepared.part.columns:
        return ""
    node, kind = (
        prepared.parse(prepared.part.columns[column]),
        required_kind(INPUTS[prepared.table].columns.get(column)),
    )
    texts = list_texts_as_numbers(node, kind, prepared.columns) if kind == "number" else [node]
    failing = (
        f"select _at from {sql_identifier(f'validated_{prepared.key}')} where _rule = {sql_literal(rule)}"
    )
    counts: dict[str, int] = {}
    for text in texts:
        if result_kind(text, prepared.columns) != "text":
            continue
        exact = prepared.columns[text.value].exact if text.kind == "column" else ""
        sql = exact or compile_sql(text, "text", prepared.columns)  # error values as they stand there
        rows = engine.execute(f"""
            select {mask_sql(f"trim({sql})")} as form, count(*)
            from {sql_identifier(prepared.raw.name)} r {prepared.joins_sql()}
            where r._at in ({failing})
            group by all order by 2 desc, 1 limit {MAX_FORMS}
        """).fetchall()
        counts |= {form: count for form, count in rows if form}
    listed = ", ".join(f"{form} ({count})" for form, count in counts.items())
    return _(", in forms such as {forms}").format(forms=listed) if listed else ""
