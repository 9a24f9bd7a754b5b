"""`drop`: every waiting file once. It is settled only after its last batch is committed, so a kill loses and doubles nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crawlers.drop.files import read_rows, settle, still_arriving, waiting
from crawlers.drop.rows import draft_of
from crawlers.sealing import Sink
from pipeline.errors import QuarantineError, RetryLater
from pipeline.settings.sources import Columns


def take_files(sink: Sink, stopping: Callable[[], bool]) -> None:
    """Read the folder of `sink.source`. Files are left where the spool can't be written or `stopping()` says so."""
    for path in waiting(sink.home, sink.source):
        if stopping():
            sink.tally.stopped = True
            return
        try:
            if not _take(path, sink, stopping):
                sink.tally.stopped = True
                return
        except RetryLater as error:
            sink.tally.spool_error = str(error)
            return


def _take(path: Path, sink: Sink, stopping: Callable[[], bool]) -> bool:
    """One file; False where it was left because we are to stop."""
    columns = sink.source.columns or Columns(text="")  # a drop source has columns: its model says so
    name = sink.mask(path.name)
    try:
        for number, row in read_rows(path):
            sink.tally.found += 1
            if stopping():
                return False
            try:
                sink.add(draft_of(row, columns, sink))
            except QuarantineError as error:
                sink.tally.quarantine(error.reason, error.detail, f"{name} 第 {number} 行")
    except QuarantineError as error:
        if still_arriving(path):
            return True
        sink.tally.quarantine(error.reason, error.detail, name)
    except OSError as error:
        sink.tally.quarantine("bad_file", error.strerror or "", name)
        return True
    sink.flush()
    settle(sink.home, sink.source, path, sink.now)
    sink.tally.fetched += 1
    return True
