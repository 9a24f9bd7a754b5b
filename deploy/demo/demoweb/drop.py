"""The drop folder: exports of the 12309 line appear when their day has come, each once."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sys
from pathlib import Path

import openpyxl

from demoweb.clock import Clock
from demoweb.site import NOTE
from demoweb.story import COLUMNS, DropFile, Story

LOOK_EVERY = 0.2


class DropFolder:
    """Writes files that are due; `state` remembers which were written, also when they are consumed."""

    def __init__(self, folder: Path, state: Path, story: Story, clock: Clock) -> None:
        self._folder, self._state, self._story, self._clock = folder, state, story, clock
        folder.mkdir(parents=True, exist_ok=True)
        self._written: set[str] = set(json.loads(state.read_text(encoding="utf-8"))) if state.exists() else set()

    def write_due(self) -> list[str]:
        """Names written now. A kill between file and state writes the same rows again under the same name."""
        now = self._clock.now()
        due = [f for f in self._story.drops if f.at <= now and f.name not in self._written]
        for file in due:
            _atomic(self._folder / file.name, _xlsx(file) if file.name.endswith(".xlsx") else _csv(file))
            self._written.add(file.name)
            _atomic(self._state, json.dumps(sorted(self._written)).encode())
        return [f.name for f in due]

    async def run(self, stop: asyncio.Event) -> None:
        """Look several times a second until `stop` is set. A full disk is said and tried again."""
        while not stop.is_set():
            try:
                self.write_due()
            except OSError as error:
                print(f"drop: {error}", file=sys.stderr)
            try:
                await asyncio.wait_for(stop.wait(), LOOK_EVERY)
            except TimeoutError:
                continue


def _atomic(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{path.name}.part")
    with scratch.open("wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    scratch.replace(path)


def _csv(file: DropFile) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([COLUMNS, *file.rows])
    return out.getvalue().encode("gb18030")


def _xlsx(file: DropFile) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active or book.create_sheet()
    sheet.title = "受理登记"
    for row in (COLUMNS, *file.rows):
        sheet.append(row)
    for letter, width in zip("ABCDEFG", (24, 18, 16, 16, 10, 80, 20), strict=True):
        sheet.column_dimensions[letter].width = width
    book.create_sheet("说明").append([NOTE])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
