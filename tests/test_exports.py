"""Random exports written by other libraries come back to the cent; damage is counted or refused."""

import csv
import random
from collections import defaultdict
from decimal import Decimal

import duckdb
import openpyxl
import pandas as pd
import pytest
from fixtures.store import Store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crcm_lib.errors import DataError
from crcm_lib.schema import tables

HEADER = ("who", "when", "what", "paid")
DIALECTS = {
    "excel": {"delimiter": ","},
    "tabs": {"delimiter": "\t"},
    "semicolons": {"delimiter": ";", "quoting": csv.QUOTE_NONNUMERIC},
    "pipes": {"delimiter": "|", "quoting": csv.QUOTE_ALL},
    "unix": {"delimiter": ",", "lineterminator": "\n", "quoting": csv.QUOTE_ALL},
}
WRITERS = (*DIALECTS, "pandas", "parquet", "workbook")
ID = st.text(st.sampled_from("ABCxyz0123456789-_#äßЖ中客 ,;|\"'"), min_size=1, max_size=9).map(str.strip)
ITEM = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Co", "Cn")), max_size=12)
RECORD = st.tuples(
    ID.filter(bool).map("K{}".format),
    st.datetimes(pd.Timestamp("2020-01-01"), pd.Timestamp("2024-12-31")).map(
        lambda t: t.replace(microsecond=0)
    ),
    ITEM.filter(lambda text: text.strip().lower() not in ("total", "sum")),
    st.integers(1, 10**9).map(lambda cents: Decimal(cents) / 100),
)
RECORDS = st.lists(RECORD, min_size=1, max_size=40)
SETTINGS = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def write(writer: str, records: list, folder) -> dict:
    """Write records as an export; what its description declares."""
    rows = [(who, str(when), what, f"{paid:.2f}") for who, when, what, paid in records]
    if writer in DIALECTS:
        with open(folder / "log.txt", "w", newline="", encoding="utf-8") as stream:
            lines = csv.writer(stream, **DIALECTS[writer])
            lines.writerows([HEADER, *rows])
        return {"path": "log.txt", "delimiter": DIALECTS[writer]["delimiter"]}
    if writer == "workbook":
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("Orders")
        sheet.append(HEADER)
        for who, when, what, paid in records:
            sheet.append((who, when, what.lstrip("="), float(paid)))
        book.save(folder / "log.xlsx")
        return {"path": "log.xlsx"}
    frame = pd.DataFrame(records, columns=HEADER)
    if writer == "parquet":
        frame.to_parquet(folder / "log.parquet")
        return {"path": "log.parquet"}
    frame.to_csv(folder / "log.csv", index=False)
    return {"path": "log.csv"}


def described(store: Store, declared: dict) -> Store:
    columns = {"customer_id": "who", "time": "`when`", "product_id": "what", "amount": "paid"}
    return store.part(columns=columns, decimal=".", duplicates="keep", **declared)


def spend(out) -> dict[str, Decimal]:
    rows = duckdb.execute(
        f"select customer_id, sum(amount) from read_parquet('{out}/clean/transactions.parquet') group by all"
    ).fetchall()
    return dict(rows)


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=4, **SETTINGS)
@given(records=RECORDS)
def test_an_export_comes_back_to_the_cent(tmp_path_factory, writer, records):
    store = Store(tmp_path_factory.mktemp("export"))
    out = described(store, write(writer, records, store.folder)).clean()
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for who, _when, _what, paid in records:
        expected[who] += paid
    assert spend(out) == dict(expected)
    assert store.about.tables == {"transactions": len(records)}


def spoil(rows: list[list[str]], kind: str, at: int) -> None:
    """Damage one record so that its money cannot be read, or is nobody's."""
    row = rows[at]
    if kind == "cell":
        row[3] = random.Random(at).choice(["n/a", "free", "--", "12 pcs", "#REF!"])
    elif kind == "form":
        row[3] = random.Random(at).choice(
            [f"({row[3]})", f"{row[3]}-", f"¥{row[3]}", row[3].replace(".", ",")]
        )
    elif kind == "id":
        row[0] = random.Random(at).choice(["", "  ", "K\u200b1", "\x07"])
    elif kind == "day":
        row[1] = random.Random(at).choice(["soon", "31/13/2024", "", "1900-01-01"])
    elif kind == "short":
        del row[2]
    else:
        row.insert(2, "surplus")


@pytest.mark.parametrize("kind", ["cell", "form", "id", "day", "short", "long"])
@settings(max_examples=5, **SETTINGS)
@given(records=st.lists(RECORD, min_size=8, max_size=60), share=st.floats(0.01, 0.6), seed=st.integers(0, 99))
def test_damage_is_counted_or_refused_and_no_money_is_lost(tmp_path_factory, kind, records, share, seed):
    store = Store(tmp_path_factory.mktemp("damage"))
    rows = [[who, str(when), what, f"{paid:.2f}"] for who, when, what, paid in records]
    struck = sorted(random.Random(seed).sample(range(len(rows)), max(1, round(share * len(rows)))))
    for at in struck:
        spoil(rows, kind, at)
    with open(store.folder / "log.csv", "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([HEADER, *rows])
    store = described(store, {"path": "log.csv"})
    try:
        out = store.clean()
    except DataError as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert any(word in said for word in ("above the limit", "are written as", "not ISO 8601", "none of"))
        return
    rejects = tables.read(out, "rejects").query("severity == 'reject'")
    assert rejects["rule"].value_counts().max() <= 2, "more than a slip of the pen went by"
    assert sorted(rejects["record"]) == [at + 1 for at in struck]
    kept = sum(paid for at, (_who, _when, _what, paid) in enumerate(records) if at not in struck)
    assert sum(spend(out).values()) == kept


@settings(max_examples=10, **SETTINGS)
@given(
    content=st.binary(max_size=400), name=st.sampled_from(["log.csv", "log.tsv", "log.xlsx", "log.parquet"])
)
def test_bytes_that_are_no_export_are_refused_in_words(tmp_path_factory, content, name):
    store = Store(tmp_path_factory.mktemp("bytes"))
    (store.folder / name).write_bytes(content)
    with pytest.raises(DataError):
        described(store, {"path": name}).clean()
