"""A row of an export → a draft."""

from __future__ import annotations

from datetime import datetime

from crawlers.drop.cells import date_of, words
from crawlers.drop.tables import EXTRA, Row
from crawlers.sealing import Draft, Sink
from pipeline.errors import QuarantineError
from pipeline.records import Precision
from pipeline.settings.sources import Columns

EXTRACTOR = "drop 2"


def draft_of(row: Row, columns: Columns, sink: Sink) -> Draft:
    """Raises QuarantineError: bad_row, missing_column, empty_text, bad_date. The author's cell ends here (charter 1)."""
    if EXTRA in row:
        raise QuarantineError("bad_row")
    if columns.text not in row:
        raise QuarantineError("missing_column", columns.text)
    text = words(row[columns.text])
    if not text:
        raise QuarantineError("empty_text")
    received: datetime | None = None
    precision: Precision = "unknown"
    if columns.received_at:
        received, precision = date_of(row.get(columns.received_at), sink.now)
    reference = _cell(row, columns.source_ref)
    own = reference or "h" + sink.keyed_digest(f"{received}\0{text}")
    return Draft(
        identity=f"{sink.source.id}/{own}",
        title=_cell(row, columns.title),
        text=text,
        published_at=received,
        precision=precision,
        received_at=received,
        source_ref=reference[:80],
        region=_cell(row, columns.region)[:40],
        extractor=EXTRACTOR,
        voice=sink.voice(_cell(row, columns.author)),
    )


def _cell(row: Row, header: str) -> str:
    return words(row.get(header)) if header else ""
