"""What real exports look like: a few records spoilt on purpose, counted, so that cleaning can be checked."""

import pandas as pd

MARKUP_INDUSTRY = "<b>retail</b>"
HOSTILE_TEXTS = (
    "<img src=x onerror=alert(1)>",
    '=HYPERLINK("http://example.invalid","look")',
    "Write to buyer@example.com or call 13800138000.",
)
KEPT = (
    ("customers", "id with leading zeros", 1),
    ("customers", "id that reads as missing", 1),
    ("customers", "markup", 1),
    ("tickets", "markup", 1),
    ("tickets", "formula", 1),
    ("tickets", "address in free text", 1),
)


# rule, {column: what is written instead}, how many records; no column: the line is repeated as it is
SPOILERS = {
    "transactions": (
        ("missing id", {"customer_id": ""}, 4),
        ("unparseable time", {"time": "31/13/2025"}, 3),
        ("unparseable amount", {"amount": "n/a"}, 2),
        ("non-finite number", {"amount": "inf"}, 1),
        ("field count", {"kind": "sale,surplus"}, 1),
        ("date after the end", {"time": "2026-01-15T10:00:00"}, 3),
        ("exact duplicate", {}, 5),
    ),
    "customers": (("missing id", {"customer_id": ""}, 1), ("exact duplicate", {}, 2)),
    "contacts": (("unparseable time", {"time": "yesterday"}, 2), ("exact duplicate", {}, 2)),
    "tickets": (("missing id", {"customer_id": ""}, 1),),
    "surveys": (("unparseable score", {"score": "very good"}, 1),),
    "invoices": (("unparseable time", {"due": "soon"}, 1),),
}


def spoil(texts: dict[str, str]) -> tuple[dict[str, str], pd.DataFrame]:
    """Add spoilt records to the CSV texts; return them and the log of what should happen to each.

    Every spoilt record is an addition: setting aside what the log calls `reject` gives the simulated
    tables back.
    """
    spoilt, log = {}, [(table, rule, count, "keep") for table, rule, count in KEPT]
    for table, text in texts.items():
        header, *lines = text.rstrip("\n").split("\n")
        names, added = header.split(","), {}
        for number, (rule, change, count) in enumerate(SPOILERS.get(table, ()) if lines else ()):
            for place in range(count):
                at = ((len(lines) * (place + 1)) // (count + 1) + 7 * number) % len(lines)
                while '"' in lines[at]:  # a quoted text may hold commas; the next line will do
                    at = (at + 1) % len(lines)
                added.setdefault(at, []).append(_spoil(lines[at], names, change))
            log.append((table, rule, count, "reject"))
        records = [record for at, line in enumerate(lines) for record in (line, *added.get(at, ()))]
        if table == "transactions":
            fen = sum(round(100 * float(line.split(",")[names.index("amount")])) for line in lines)
            records.append(f"Total,,{fen / 100:.2f}" + "," * (len(names) - 3))
            log.append((table, "summary line", 1, "reject"))
        spoilt[table] = "\n".join([header, *records]) + "\n"
    return spoilt, pd.DataFrame(log, columns=["table", "rule", "records", "expected"])


def _spoil(line: str, names: list[str], change: dict[str, str]) -> str:
    fields = dict(zip(names, line.split(","), strict=True))
    return ",".join((fields | change).values())
