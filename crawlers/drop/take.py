"""`drop`: every waiting file once. It is settled only after its last batch is committed, so a kill loses and doubles nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from crawlers.drop import mail, rows
from crawlers.drop.files import content_hash, report_rows, settle, still_arriving, waiting
from crawlers.drop.tables import read_rows
from crawlers.ledger import Mark
from crawlers.sealing import Draft, Sink
from pipeline.errors import REASONS, QuarantineError, RetryLater

_ADVICE = {
    "bad_row": "格数与表头对不上：补齐或删去多余的格后重新导出",
    "missing_column": "改来源文件里的 columns，或导出时带上这一列",
    "empty_text": "内容一格是空的",
    "bad_date": "改正后重新投放",
    "bad_file": "重新导出；加了密码的先去掉密码",
    "no_header": "第一行应是各列的名称",
    "no_columns": "写上我们的字段对应哪个表头",
    "too_large": "分成几个文件投放",
    "zip_bomb": "查一查这个文件从哪里来",
}


def take_files(sink: Sink, stopping: Callable[[], bool]) -> None:
    """Read the folder of `sink.source`. Files are left where the spool can't be written or `stopping()` says so."""
    known = sink.ledger.last_run(sink.source.id).complete  # else rows may have been lost: files are read once more
    sink.ledger.begin(sink.source.id)
    for path in waiting(sink.home, sink.source):
        if stopping():
            sink.tally.stopped = True
            return
        try:
            if not _take(path, sink, stopping, known):
                sink.tally.stopped = True
                return
        except RetryLater as error:
            sink.tally.spool_error = str(error)
            return
    sink.ended(sink.source.id, True)


def read_files(sink: Sink) -> None:
    """Every waiting file read for its rows, and left where it is (`tingjian source check`)."""
    for path in waiting(sink.home, sink.source):
        name = sink.mask(path.name)
        try:
            for place, found in drafts(path, sink):
                sink.tally.found += 1
                if isinstance(found, QuarantineError):
                    sink.tally.quarantine(found.reason, found.detail, f"{name} {place}")
                else:
                    sink.add(found)
        except QuarantineError as error:
            sink.tally.quarantine(error.reason, error.detail, name)
        except OSError as error:
            sink.tally.quarantine("bad_file", error.strerror or "", name)
        sink.tally.fetched += 1


def _take(path: Path, sink: Sink, stopping: Callable[[], bool], known: bool) -> bool:
    """One file; False where it was left because we are to stop."""
    name, aside = sink.mask(path.name), list[tuple[str, str, str]]()

    def set_aside(error: QuarantineError, place: str) -> None:
        sink.tally.quarantine(error.reason, error.detail, f"{name} {place}".strip())
        advice = "：".join(w for w in (sink.mask(error.detail), _ADVICE.get(error.reason, "")) if w)
        aside.append((place, REASONS.get(error.reason, error.reason), advice))

    try:
        mark_id = sink.id_of(f"file\0{sink.source.id}\0{content_hash(path)}")
        if known and sink.ledger.get(mark_id) is not None:
            sink.tally.fetched += 1
            sink.tally.refused["copy"] += 1
            settle(sink.home, sink.source, path, sink.now)
            return True
        for place, found in drafts(path, sink):
            sink.tally.found += 1
            if stopping():
                return False
            if isinstance(found, QuarantineError):
                set_aside(found, place)
            else:
                sink.add(found)
    except QuarantineError as error:
        if still_arriving(path):
            return True
        set_aside(error, "")
    except OSError as error:
        sink.tally.quarantine("bad_file", error.strerror or "", name)
        return True
    sink.note(Mark(mark_id, sink.now, sink.now, sink.now))
    sink.flush()
    if aside:
        report_rows(path, name, aside, sink.now)
    settle(sink.home, sink.source, path, sink.now)
    sink.tally.fetched += 1
    return True


def drafts(path: Path, sink: Sink) -> Iterator[tuple[str, Draft | QuarantineError]]:
    """(place, draft or why there is none) of each row or letter. Raises QuarantineError where the file can't be read."""
    if path.suffix.lower() in mail.SUFFIXES:
        for number, raw in mail.raw_letters(path):
            yield f"第 {number} 封", _or_error(mail.draft_of, raw, sink)
        return
    columns = sink.source.columns
    if columns is None:
        raise QuarantineError("no_columns")
    for number, row in read_rows(path):
        yield f"第 {number} 行", _or_error(rows.draft_of, row, columns, sink)


def _or_error(make: Callable[..., Draft], *given: object) -> Draft | QuarantineError:
    try:
        return make(*given)
    except QuarantineError as error:
        return error
