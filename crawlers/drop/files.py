"""Export files of the office's own systems: found, read into rows, settled when taken. The bytes are foreign all the same."""

from __future__ import annotations

import csv
import io
import os
import re
import time
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from crawlers.reading.decode import decode
from pipeline.errors import QuarantineError
from pipeline.settings import Home, Source

KEEP_DONE = timedelta(days=7)  # charter 4
MOST_BYTES = 50_000_000
MOST_UNZIPPED = 400_000_000
MOST_ROWS = 200_000
SETTLING_SECONDS = 60.0  # a file that can't be read may still be being copied
EXTRA = "\0extra"  # key of a row with more cells than the header: which is which is not known
Cell = str | float | datetime | None
Row = Mapping[str, Cell]


def waiting(home: Home, source: Source) -> list[Path]:
    """Export files that were not taken yet, by name."""
    folder = home.path(source.folder)
    if not folder.is_dir():
        return []
    return sorted(
        p
        for p in folder.iterdir()
        if p.is_file() and not p.is_symlink() and p.suffix.lower() in (".csv", ".xlsx") and p.name[0] not in ".~"
    )


def still_arriving(path: Path) -> bool:
    """Whether the file changed within the last minute (by the machine's clock: this is about the disk)."""
    return time.time() - path.stat().st_mtime < SETTLING_SECONDS


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """(row number as a spreadsheet shows it, header → cell). Raises QuarantineError: too_large, bad_file, no_header."""
    if path.stat().st_size > MOST_BYTES:
        raise QuarantineError("too_large", "file")
    rows = _xlsx(path) if path.suffix.lower() == ".xlsx" else _csv(path)
    header: list[str] = []
    for number, cells in rows:
        if number > MOST_ROWS:
            raise QuarantineError("too_large", "rows")
        words = [str(c).strip() if c is not None else "" for c in cells]
        if not any(words):
            continue
        if not header:
            if sum(1 for w in words if w) > 1:  # above it stands perhaps a merged title
                header = words
            continue
        row = dict(zip(header, [*cells, *([None] * len(header))], strict=False))  # short rows end in empty cells
        if any(words[len(header) :]):
            row[EXTRA] = None
        yield number, row
    if not header:
        raise QuarantineError("no_header")


def settle(home: Home, source: Source, path: Path, now: datetime) -> None:
    """The file's rows are committed: into `done/` for 7 days, or gone where people's posts were in it (charter 4)."""
    if source.channel == "public":
        path.unlink(missing_ok=True)
        return
    done = path.parent / "done"
    done.mkdir(mode=0o700, exist_ok=True)
    target = done / path.name
    if target.exists():
        target = done / f"{path.stem}-{now:%Y%m%dT%H%M%S}{path.suffix}"
    os.utime(path, (now.timestamp(), now.timestamp()))
    path.rename(target)


def expire_done(home: Home, source: Source, now: datetime) -> int:
    """Delete files taken more than 7 days before `now`; returns how many (upkeep calls it)."""
    gone = 0
    for path in (home.path(source.folder) / "done").glob("*"):
        if path.is_file() and now.timestamp() - path.stat().st_mtime > KEEP_DONE.total_seconds():
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def _csv(path: Path) -> Iterator[tuple[int, list[Cell]]]:
    """Where a quote that never closes has swallowed rows, the lines are read as they stand."""
    text, _charset = decode(path.read_bytes())
    delimiter = max(",\t;", key=text[:4000].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        rows = []
    if not rows or any(_swallows(row, delimiter) for row in rows):
        rows = [line.split(delimiter) for line in text.splitlines()]
    for number, row in enumerate(rows, 1):
        yield number, list(row)


def _swallows(row: list[str], delimiter: str) -> bool:
    """Whether a cell holds a line that looks like another row: as many cells, the first of them of the same shape."""
    inner = (line.split(delimiter) for cell in row for line in cell.splitlines()[1:])
    return any(len(cells) >= len(row) > 1 and _shape(cells[0]) == _shape(row[0]) for cells in inner)


def _shape(cell: str) -> str:
    return re.sub(r"\d+", "0", cell.strip())


def _xlsx(path: Path) -> Iterator[tuple[int, list[Cell]]]:
    import openpyxl  # half a second that a crawl without files does not spend
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(i.file_size for i in archive.infolist()) > MOST_UNZIPPED:
                raise QuarantineError("too_large", "unzipped")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # some exporters write a wrong size
            for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
                yield (
                    number,
                    [
                        c if isinstance(c, (str, int, float, datetime)) else (None if c is None else str(c))
                        for c in cells
                    ],
                )
        finally:
            book.close()
    except (
        zipfile.BadZipFile,
        InvalidFileException,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        OSError,
        EOFError,
        SyntaxError,
        AttributeError,
    ) as error:
        raise QuarantineError("bad_file", type(error).__name__) from None
