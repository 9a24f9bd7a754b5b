"""Tables of the office's own systems, row by row: csv, xlsx, xls (also HTML or XML by that name), JSON Lines."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from crawlers.drop.cells import Cell
from crawlers.reading.decode import decode
from crawlers.reading.tree import parse_html, text_of
from pipeline.errors import QuarantineError

MOST_BYTES = 50_000_000
MOST_MARKUP = 20_000_000  # a tree takes many times its text
MOST_UNZIPPED = 200_000_000
MOST_RATIO = 200  # a real sheet shrinks to a tenth or a thirtieth
MOST_ROWS = 200_000
MOST_COLUMNS = 256
MOST_CELLS = 20_000_000  # of one file, empty ones too: a cell at the far end makes a row of 16,384
MOST_BLANK = 10_000  # empty rows on end
EXTRA = "\0extra"  # key of a row whose cells can't be told apart
Row = Mapping[str, Cell]
Rows = Iterator[tuple[int, list[Cell]]]
# what the libraries let through; found by damaging files at random
_DAMAGED = (
    *(LookupError, ValueError, TypeError, OSError, EOFError, SyntaxError, AttributeError, ArithmeticError),
    *(AssertionError, RuntimeError, NotImplementedError, MemoryError, struct.error, zlib.error, zipfile.BadZipFile),
)


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """(row number as a spreadsheet shows it, header → cell). Raises QuarantineError: too_large, bad_file, no_header."""
    if path.stat().st_size > MOST_BYTES:
        raise QuarantineError("too_large", "file")
    if path.suffix.lower() == ".jsonl":
        yield from _json_lines(path)
        return
    header: list[str] = []
    blank = seen = 0
    for number, cells in _rows(path):
        seen, blank = seen + len(cells), blank + 1
        if number > MOST_ROWS or blank > MOST_BLANK or seen > MOST_CELLS:
            raise QuarantineError("too_large", "rows")
        words = [str(c).strip() if c is not None else "" for c in cells[:MOST_COLUMNS]]
        if not any(words):
            continue
        blank = 0
        if not header:
            if sum(1 for w in words if w) > 1:  # above it stands perhaps a merged title
                header = words
            continue
        row = dict(
            zip(header, [*cells[:MOST_COLUMNS], *([None] * len(header))], strict=False)
        )  # short rows end in empty cells
        if any(words[len(header) :]):
            row[EXTRA] = None
        yield number, row
    if not header:
        raise QuarantineError("no_header")


def _rows(path: Path) -> Rows:
    """By what the file is, not by what it is called: systems export HTML, XML and text under the name of .xls."""
    with path.open("rb") as f:
        start = f.read(64)
    if start.startswith(b"PK"):
        return _xlsx(path)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return _xls(path)
    if path.suffix.lower() != ".csv" and start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _markup(path)
    return _csv(path)


def _json_lines(path: Path) -> Iterator[tuple[int, Row]]:
    text = _text(path)
    for number, line in enumerate(text.split("\n"), 1):
        if number > MOST_ROWS:
            raise QuarantineError("too_large", "rows")
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            data = None
        if isinstance(data, dict):
            yield number, {k: v for k, v in data.items() if isinstance(v, (str, int, float)) or v is None}
        else:
            yield number, {EXTRA: None}


def _text(path: Path) -> str:
    """Text in UTF-8, UTF-16 or GB18030. Only UTF-16 has NULs, on the side where ASCII has nothing."""
    data = path.read_bytes()
    if b"\0" in data and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        little = data[1::2].count(0) > data[::2].count(0)
        return data.decode("utf-16-le" if little else "utf-16-be", "replace").replace("\0", "")
    return decode(data)[0]


def _csv(path: Path) -> Rows:
    """Where a quote that never closes has swallowed rows, the lines are read as they stand."""
    text = _text(path)
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


def _xlsx(path: Path) -> Rows:
    import openpyxl  # half a second that a crawl without files does not spend
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
        # Python's zipfile reads no more of a part than it declares here
        if sum(p.file_size for p in parts) > MOST_UNZIPPED or any(
            p.file_size > 5_000_000 and p.file_size > MOST_RATIO * p.compress_size for p in parts
        ):
            raise QuarantineError("zip_bomb")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # some exporters write a wrong size
            for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
                yield number, [c if isinstance(c, (str, int, float, datetime)) else _plain(c) for c in cells]
        finally:
            book.close()
    except (zipfile.LargeZipFile, InvalidFileException, *_DAMAGED) as error:
        raise QuarantineError("bad_file", type(error).__name__) from None


def _plain(cell: object) -> str | None:
    return None if cell is None else str(cell)


def _xls(path: Path) -> Rows:
    """Only the first sheet, and of it no cell that isn't there: five kilobytes can claim to be gigabytes."""
    import xlrd
    from xlrd.biffh import XLRDError
    from xlrd.compdoc import CompDocError
    from xlrd.xldate import XLDateError, xldate_as_datetime

    try:
        book = xlrd.open_workbook(str(path), on_demand=True, ragged_rows=True, logfile=io.StringIO())
        try:
            sheet = book.sheet_by_index(0)
            for number in range(sheet.nrows):
                cells: list[Cell] = []
                for cell in sheet.row(number):
                    if cell.ctype == xlrd.XL_CELL_DATE:
                        try:
                            cells.append(xldate_as_datetime(float(cell.value), book.datemode))
                        except (XLDateError, OverflowError):
                            cells.append(None)
                    else:
                        cells.append(cell.value if cell.ctype in (xlrd.XL_CELL_TEXT, xlrd.XL_CELL_NUMBER) else None)
                yield number + 1, cells
        finally:
            book.release_resources()
    except (XLRDError, CompDocError, *_DAMAGED) as error:
        raise QuarantineError("bad_file", type(error).__name__) from None


def _markup(path: Path) -> Rows:
    """The first table of an HTML page, or the rows of a spreadsheet in XML (2003)."""
    if path.stat().st_size > MOST_MARKUP:
        raise QuarantineError("too_large", "file")
    text = _text(path)
    for number, row in enumerate(parse_html(text).iter("tr", "row"), 1):
        cells: list[Cell] = []
        for cell in row:
            if cell.tag in ("td", "th", "cell"):
                place = cell.get("ss:index") or ""
                if place.isdecimal() and len(place) < 4:  # XML leaves out empty cells
                    cells += [None] * (int(place) - 1 - len(cells))
                cells.append(text_of(cell))
        yield number, cells[:MOST_COLUMNS]
