"""A row of an export → a draft."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crawlers.drop.files import EXTRA, Cell, Row
from crawlers.reading.dates import parse_date
from crawlers.sealing import Draft, Sink
from pipeline.errors import QuarantineError
from pipeline.records import SHANGHAI, Precision
from pipeline.settings.sources import Columns

EXTRACTOR = "drop 1"
_EXCEL_EPOCH = datetime(1899, 12, 30, tzinfo=SHANGHAI)


def draft_of(row: Row, columns: Columns, sink: Sink) -> Draft:
    """Raises QuarantineError: bad_row, missing_column, empty_text, bad_date. The author's cell ends here (charter 1)."""
    if EXTRA in row:
        raise QuarantineError("bad_row")
    if columns.text not in row:
        raise QuarantineError("missing_column", columns.text)
    text = _words(row[columns.text])
    if not text:
        raise QuarantineError("empty_text")
    received: datetime | None = None
    precision: Precision = "unknown"
    if columns.received_at:
        received, precision = received_at(row.get(columns.received_at), sink.now)
    reference = _words(row.get(columns.source_ref)) if columns.source_ref else ""
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


def received_at(cell: Cell, now: datetime) -> tuple[datetime, Precision]:
    """A date cell: a real date, Excel's day number, or text in any Chinese form. Raises QuarantineError `bad_date`."""
    if isinstance(cell, datetime):
        local = cell if cell.tzinfo is not None else cell.replace(tzinfo=SHANGHAI)
        at, precision = local.astimezone(UTC), "day" if (local.hour, local.minute) == (0, 0) else "minute"
    elif isinstance(cell, (int, float)) and 20_000 < cell < 80_000:
        at = (_EXCEL_EPOCH + timedelta(days=float(cell))).astimezone(UTC).replace(microsecond=0)
        precision = "day" if float(cell).is_integer() else "minute"
    else:
        date = parse_date(_words(cell), now, relative=False)
        if date is None:
            raise QuarantineError("bad_date")
        # 25:61 beside a good day is no good date
        if date.precision == "day" and _has_clock(_words(cell)):
            raise QuarantineError("bad_date")
        at, precision = date.at, date.precision
    if at > now + timedelta(days=1) or at.year < 1990:
        raise QuarantineError("bad_date")
    return at, "day" if precision == "day" else "minute"


def _has_clock(text: str) -> bool:
    return ":" in text or "：" in text


def _cell(row: Row, header: str) -> str:
    return _words(row.get(header)) if header else ""


def _words(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # Excel keeps numbers as floats: 20261115001.0
    return str(cell).strip()
