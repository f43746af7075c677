"""Records as Arrow batches, and their way into a table of the staging engine."""

import itertools
from collections.abc import Iterable, Iterator

import duckdb
import numpy as np
import pyarrow as pa

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.expression_sql import sql_identifier
from crcm_lib.ingest.sources.progress import current_listener

BATCH = 50_000  # records in a batch
MAX_RECORDS = 1_000_000_000  # of a file or query


def from_rows(header: list[str], rows: Iterable[list[str]]) -> Iterator[pa.Table]:
    """Rows of text as batches; a row of another length than the header is cut or filled, and marked.

    Returns
    -------
    Tables with the columns `_whole` (whether the row was as long as the header) and those of the header.
    """
    width, rows = len(header), iter(rows)
    while batch := list(itertools.islice(rows, BATCH)):
        whole = [len(row) == width for row in batch]
        even = [row if fits else (row + [""] * width)[:width] for row, fits in zip(batch, whole, strict=True)]
        columns = [pa.array(values, pa.string()) for values in zip(*even, strict=True)]
        yield pa.table([pa.array(whole, pa.bool_()), *columns], ["_whole", *header])


def stage(
    engine: duckdb.DuckDBPyConnection,
    table: str,
    header: list[str],
    batches: Iterable[pa.Table],
    file: str,
) -> None:
    """Write batches of `_whole` and the header's columns to a new table, with the number of each record.

    The records are counted from 1; `file` names them to whoever is told of the progress.

    Raises
    ------
    DataError
        What the batches raise, and if there are more than a thousand million records.
    """
    schema = pa.schema([("_record", pa.int64()), ("_whole", pa.bool_()), *((c, pa.string()) for c in header)])
    failures: list[Exception] = []
    notify = current_listener()  # the engine reads in threads of its own

    def number() -> Iterator[pa.RecordBatch]:
        records = 0
        notify({"event": "reading", "file": file, "records": records})
        try:
            for batch in batches:
                numbers = np.arange(records + 1, records + 1 + len(batch))
                records += len(batch)
                if records > MAX_RECORDS:
                    raise DataError(_("more than {most} records").format(most=MAX_RECORDS))
                yield from batch.add_column(0, "_record", pa.array(numbers)).cast(schema).to_batches()
                notify({"event": "reading", "file": file, "records": records})
            notify({"event": "read", "file": file, "records": records})
        except Exception as error:  # the engine would make words of its own of it
            failures.append(error)
            raise

    with engine.cursor() as session:
        session.register("batches", pa.RecordBatchReader.from_batches(schema, number()))
        try:
            session.execute(f"create table {sql_identifier(table)} as from batches")
        except duckdb.Error:
            if failures:
                raise failures[0] from None
            raise
