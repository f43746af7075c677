"""Customer ids as a population: damaged, shared by many records, nearly equal, in common between tables."""

from dataclasses import dataclass

import duckdb

from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning.prepare import PreparedPart
from crcm_lib.ingest.sources.expression_sql import sql_literal
from crcm_lib.ingest.sources.text import BLANKS, mask
from crcm_lib.schema.engine import Engine

SCIENTIFIC = r"^[0-9](\.[0-9]+)?[eE]\+[0-9]+$"
LONG, ROUNDED = "^[0-9]{16,}$", "^[0-9]{15}0+$"  # a spreadsheet keeps fifteen digits
NOBODY = (
    *(
        "null",
        "none",
        "nan",
        "nil",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "anonymous",
        "guest",
        "walk-in",
        "walk-in customer",
        "cash sale",
        "counter sale",
        "guest customer",
        "guest checkout",
        "default customer",
        "one-time customer",
        "laufkundschaft",
        "barverkauf",
        "现金客户",
        "门店散客",
        "默认客户",
        "匿名用户",
    ),
    *("walkin", "walk in", "cash", "cash customer", "no customer", "test"),
    *("散客", "游客", "匿名", "未知", "无", "零售客户", "非会员"),
)
NOBODY_FORM = r"^(0+|9{3,}|[-?.*/]+)$"  # 0, 99999, --
NOBODY_SHARE = 0.02  # of the records
SHARED_ID = "shared id"  # the rule by which `limits` lets an id that often stands for nobody be a customer
FEW_IDS = 5  # tables with fewer ids may have none in common by chance
LARGEST_SHARE, LARGER = 0.1, 10  # of the records, and how many times as many as the next
# Letters of other alphabets that are drawn like Latin ones, and full-width letters and digits.
CYRILLIC_GREEK = "АВЕЅІЈКМНОРСТУХаеіјорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧο"
LATIN = "ABESIJKMHOPCTYXaeijopcyxABEZHIKMNOPTYXo"
WIDE = "".join(chr(code) for code in range(0xFF01, 0xFF5F))
NARROW = "".join(chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F))


@dataclass(frozen=True)
class Population:
    """The ids of the usable transactions.

    Attributes
    ----------
    records, ids
        Usable records, and different ids in them.
    largest, second
        Records of the id with most of them, and of the next.
    nearly_equal
        Ids that differ from another only in leading zeros, a final .0, capitals, width, blanks, accents or
        letters drawn alike.
    """

    records: int
    ids: int
    largest: int
    second: int
    nearly_equal: int

    @property
    def has_giant(self) -> bool:
        """Whether one id has so many records that it may stand for many people."""
        return self.largest > max(LARGEST_SHARE * self.records, LARGER * self.second) and self.ids > 2


def find_spoiled(
    engine: duckdb.DuckDBPyConnection, table: str, part: int, prepared: PreparedPart
) -> list[str]:
    """Ids that a spreadsheet has damaged, and an id for nobody that many records have; what to do."""
    folded = f"lower(trim(customer_id, {sql_literal(BLANKS)}))"
    engine.execute(f"""
        create or replace temp table part_ids as
        select customer_id, count(*) as n from validated_{table}
        where _part = {part} and _rule is null group by customer_id
    """)
    records, scientific, example, long_ids, rounded = engine.execute(f"""
        select
            sum(n), count(*) filter (regexp_matches(customer_id, {sql_literal(SCIENTIFIC)})),
            min(customer_id) filter (regexp_matches(customer_id, {sql_literal(SCIENTIFIC)})),
            count(*) filter (regexp_matches(customer_id, {sql_literal(LONG)})),
            count(*) filter (regexp_matches(customer_id, {sql_literal(ROUNDED)}))
        from part_ids
    """).fetchone()
    column = f"{table}: customer_id ({prepared.part.columns['customer_id']})"
    problems = []
    if scientific:
        problem = _(
            "{column}: {count} id(s) are in scientific notation ({shape}): a spreadsheet has lost their last "
            "digits, and several customers have become one. Export them again as text"
        )
        problems.append(problem.format(column=column, count=scientific, shape=mask(example)))
    if rounded == long_ids > 2:
        problem = _(
            "{column}: all {count} ids of 16 digits or more end in zeros: a spreadsheet has rounded them. "
            "Export them again as text"
        )
        problems.append(problem.format(column=column, count=rounded))
    if table == "transactions":
        shared = engine.execute(f"""
            with largest as (
                from part_ids order by n desc, customer_id limit {round(1 / NOBODY_SHARE) + 1}
            ),
            ids as (select *, lead(n, 1, 0) over (order by n desc, customer_id) as next from largest)
            select customer_id, n from ids
            where n > {NOBODY_SHARE} * {records or 0} and n > 2 and (
                {folded} in {NOBODY}
                or (regexp_matches({folded}, {sql_literal(NOBODY_FORM)}) and n > 2 * next)
            )
            order by n desc, customer_id
        """).fetchall()
        limit = max((limit.at_most for limit in prepared.part.limits if limit.rule == SHARED_ID), default=0)
        problem = _(
            "{column}: {count} of {records} records ({share}) have the id {word!r}, which often stands for "
            "nobody. If it does, declare anonymous: {{ids: [{word!r}], reason: …, at_most: {most}}}; if it "
            "is one customer, limits: [{{rule: {rule}, at_most: {most}, reason: …}}]"
        )
        problems += [
            problem.format(
                column=column,
                count=n,
                records=records,
                share=f"{n / records:.1%}",
                word=word,
                most=round_up(n / records),
                rule=SHARED_ID,
            )
            for word, n in shared
            if n / records > limit
        ]
    return problems


def round_up(share: float) -> float:
    """A share, rounded up to hundredths.

    >>> round_up(0.401)
    0.41
    """
    return min(1.0, -int(-share * 100 // 1) / 100)


def describe_population(engine: Engine) -> Population:
    """What there is to say of the ids of the usable transactions."""
    counts = engine.execute("""
        with ids as (select count(*) as n from final_transactions where _rule is null group by customer_id)
        select coalesce(sum(n), 0), count(*), coalesce(max(n), 0), coalesce(max(n, 2)[2], 0) from ids
    """).fetchone()
    nearly = engine.execute("""
        select count(distinct customer_id) from final_transactions
        where _rule is null and list_contains(_remarks, 'id nearly equal to another')
    """).fetchone()[0]
    return Population(*(int(count) for count in counts), nearly_equal=nearly)


def flag_nearly_equal(engine: duckdb.DuckDBPyConnection, table: str) -> None:
    """Flag the records of ids that differ from another only in ways that people do not see."""
    alike, seen = sql_literal(WIDE + CYRILLIC_GREEK), sql_literal(NARROW + LATIN)
    latin = f"translate(nfc_normalize(customer_id), {alike}, {seen})"  # which one-byte letters are already
    latin = f"case when strlen(customer_id) > length(customer_id) then {latin} else customer_id end"
    folded = f"lower(trim({latin}, {sql_literal(BLANKS)}))"
    folded = f"regexp_replace(regexp_replace({folded}, '^0+([0-9])', '\\1'), '[.]0+$', '')"
    engine.execute(f"""
        create or replace temp table nearly_equal as
        with ids as (select distinct customer_id from dated_{table} where _rule is null),
        folded as (select customer_id, {folded} as form from ids)
        select customer_id from folded
        semi join (select form from folded group by form having count(*) > 1) using (form)
    """)
    if engine.execute("select count(*) from nearly_equal").fetchone()[0]:
        engine.execute(f"""
            insert into flags
            select _at, null, 'id nearly equal to another'
            from dated_{table} semi join nearly_equal using (customer_id) where _rule is null
        """)


def count_shared(engine: Engine, table: str) -> tuple[int, int]:
    """The different ids of a table, and how many of them have a usable transaction."""
    ids, shared = engine.execute(f"""
        with buyers as (select distinct customer_id from final_transactions where _rule is null),
        own as (select distinct customer_id from final_{table} where _rule is null)
        select count(*), count(b.customer_id) from own left join buyers b using (customer_id)
    """).fetchone()
    return ids, shared
