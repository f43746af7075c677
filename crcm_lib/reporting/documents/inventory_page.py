"""The data inventory as a page (数据清单): purpose, ground and retention of each column, what is overdue."""

import pandas as pd

from crcm_lib.reporting.documents import chinese_terms as terms
from crcm_lib.reporting.documents.document_parts import (
    Document,
    Facts,
    Part,
    choose,
    name_basis,
    name_columns,
)


def write_inventory(facts: Facts, language: str) -> Document:
    """What personal data the run read, why, on which ground, for how long; and what is kept too long."""
    w = choose(language)
    return Document(
        w("Data inventory", "数据清单"),
        w(
            "Generated from the description of the source, the columns that this run read, and the policy's "
            "privacy.inventory. Grounds marked as proposed are the product's, and the company's to confirm.",
            "由数据源说明、本次运行实际读取的字段以及制度中的 privacy.inventory 自动生成。"
            "标注“建议”的合法性基础由产品预设，须由公司确认。",
        ),
        (_write_columns(facts, language), _write_retention(facts, language)),
    )


def _write_columns(facts: Facts, language: str) -> Part:
    w, rows = choose(language), []
    for row in facts.inventory.to_dict("records"):
        basis = name_basis(row["basis"], row["is_confirmed"], language)
        days = row["retention_days"]
        rows.append(
            (
                w(row["table"], terms.TABLES[row["table"]]),
                row["column"] if language == "en" else name_columns([row["column"]], language, both=True),
                row["theirs"] or w("made by cleaning", "清洗时生成"),
                w("yes", "是") if row["is_read"] else w("no", "否"),
                w(row["purpose"], row["purpose_zh"]),
                basis,
                w("not set", "未设定") if pd.isna(days) else w(f"{days:,.0f} days", f"{days:,.0f} 天"),
                w("never scored", "不得用于评分") if row["is_protected"] else "",
            )
        )
    head = (
        w("table", "表"),
        w("column", "字段"),
        w("in the source", "数据源中的名称"),
        w("read by this run", "本次已读取"),
        w("purpose", "处理目的"),
        w("lawful ground", "合法性基础"),
        w("kept for", "保存期限"),
        w("note", "备注"),
    )
    words = w(
        "Personal data may be kept no longer than their purpose needs (PIPL Art. 19; GDPR Art. 5(1)(e)). "
        "Where "
        "nothing is set the company has to decide.",
        "个人信息的保存期限应当为实现处理目的所必要的最短时间（《个人信息保护法》第十九条；GDPR "
        "第5条第1款(e)项）。未设定的，由公司确定。",
    )
    return Part(w("Columns", "字段"), (words,), head, tuple(rows))


def _write_retention(facts: Facts, language: str) -> Part:
    w = choose(language)
    rows = tuple(
        (
            w(row["table"], terms.TABLES[row["table"]]),
            f"{row['retention_days']:,}",
            f"{row['records']:,}",
            "–" if pd.isna(row["oldest"]) else f"{row['oldest']:%Y-%m-%d}",
            f"{row['overdue']:,}",
        )
        for row in facts.retention.to_dict("records")
    )
    if not rows:
        none = w("The policy sets no retention yet.", "制度尚未设定保存期限。")
        return Part(w("Kept too long", "超期数据"), (none,))
    words = w(
        "What is overdue is deleted in the source first, so that no later run reads it; `crcm purge` then "
        "removes the runs that still hold it, and `crcm forget` a single customer from all runs.",
        "超期数据应先在数据源中删除，使后续运行不再读取；再用 crcm purge 清除仍含有这些数据的旧运行，"
        "或用 crcm forget 将某一客户从所有运行中删除。",
    )
    head = (
        w("table", "表"),
        w("kept for, days", "保存期限（天）"),
        w("records", "记录数"),
        w("oldest", "最早日期"),
        w("overdue records", "超期记录数"),
    )
    return Part(w("Kept too long", "超期数据"), (words,), head, rows)
