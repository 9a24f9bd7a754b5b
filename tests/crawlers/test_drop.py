"""Exports of the office's own systems: bad rows, encodings, dates, files taken once."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from site_on_loopback import NOW, House

from crawlers.drop.cells import date_of
from crawlers.drop.files import expire_done
from crawlers.run import crawl
from pipeline.errors import QuarantineError

HEADER = ["受理编号", "受理时间", "来电人", "诉求类别", "诉求内容"]
COLUMNS = {
    "text": "诉求内容",
    "source_ref": "受理编号",
    "received_at": "受理时间",
    "title": "诉求类别",
    "author": "来电人",
}


@pytest.fixture
def drop(house: House, tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    house.write(
        "sources/line.yaml",
        {
            "id": "line",
            "name": "12309 热线",
            "kind": "drop",
            "channel": "submission",
            "folder": str(folder),
            "columns": COLUMNS,
        },
    )
    return folder


def run(house: House, now: datetime = NOW) -> dict[str, Any]:
    """Drop folders need no reactor, so several crawls fit into one process."""
    home = house.home
    return crawl(home, home.sources, now, lambda line: None)["line"].to_dict()


def xlsx(path: Path, rows: Sequence[Sequence[object]]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    book.save(path)


def test_bad_rows_are_set_aside_and_the_others_go_on(house: House, drop: Path) -> None:
    xlsx(
        drop / "a.xlsx",
        [
            ["十二月受理登记表"],
            HEADER,
            ["Q1", "2026-11-20 09:12", "甲", "投诉", "热线打了三天没有人接"],
            ["Q2", "2026-11-20 25:61", "乙", "投诉", "时间写错的一行"],
            ["Q3", datetime(2026, 11, 20, 10, 30), "甲", "咨询", "真正的日期单元格"],
            [],
            ["Q4", "2026/11/20", "丙", "咨询", None],
            [20261120005.0, 46346.5, "丁", "咨询", "编号和时间都是数字"],
        ],
    )
    report = run(house)
    captures = {c.source_ref: c for c in house.captures()}
    assert set(captures) == {"Q1", "Q3", "20261120005"}
    assert report["quarantined"] == [
        {"reason": "bad_date", "detail": "", "place": "a.xlsx 第 4 行"},
        {"reason": "empty_text", "detail": "", "place": "a.xlsx 第 7 行"},
    ]
    assert captures["Q3"].received_at == datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
    assert captures["20261120005"].received_at == datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
    assert captures["Q1"].title == "投诉" and captures["Q1"].url == "" and captures["Q1"].voice
    assert (drop / "done" / "a.xlsx").exists() and not (drop / "a.xlsx").exists()
    assert report["fetched"] == 1 and report["captured"] == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_csv_in_every_encoding(house: House, drop: Path, encoding: str, delimiter: str) -> None:
    lines = [
        delimiter.join(HEADER),
        delimiter.join(["Q1", "2026年11月20日 9时12分", "甲", "投诉", "㵲泉社区热线没有人接"]),
    ]
    (drop / "a.csv").write_bytes("\r\n".join(lines).encode(encoding))
    run(house)
    capture = house.captures()[0]
    assert capture.text == "㵲泉社区热线没有人接" and capture.received_at == datetime(2026, 11, 20, 1, 12, tzinfo=UTC)


def test_the_same_rows_in_a_later_export_are_heard_once(house: House, drop: Path) -> None:
    for day in (1, 2):
        (drop / f"{day}.csv").write_text(
            ",".join(HEADER) + "\n" + "".join(f"Q{n},2026-11-20 10:00,甲,投诉,第{n}件\n" for n in range(day * 2)),
            encoding="utf-8",
        )
        run(house, NOW + timedelta(days=day))
    assert sorted(c.source_ref for c in house.captures()) == ["Q0", "Q1", "Q2", "Q3"]


def test_files_of_people_are_deleted_and_the_offices_expire_after_a_week(house: House, drop: Path) -> None:
    (drop / "a.csv").write_text("受理时间,诉求内容\n2026-11-20,一件事情\n", encoding="utf-8")
    run(house)
    source = house.home.sources[0]
    assert (drop / "done" / "a.csv").stat().st_mtime == NOW.timestamp()
    assert expire_done(house.home, source, NOW + timedelta(days=6)) == 0
    assert expire_done(house.home, source, NOW + timedelta(days=7, minutes=1)) == 1
    house.write(
        "sources/line.yaml",
        {"id": "line", "name": "导出", "kind": "drop", "channel": "public", "folder": str(drop), "columns": COLUMNS},
    )
    (drop / "b.csv").write_text(",".join(HEADER) + "\nQ9,2026-11-20 10:00,甲,投诉,另一件事情\n", encoding="utf-8")
    run(house)
    public = next(c for c in house.captures() if c.channel == "public")
    assert public.source_ref == "" and public.received_at is None
    assert [p for p in drop.rglob("*") if p.is_file()] == []


def test_a_broken_workbook_is_set_aside_and_one_still_arriving_is_left(house: House, drop: Path) -> None:
    path = drop / "broken.xlsx"
    path.write_bytes(b"PK\x03\x04 and then nothing")
    report = run(house)
    assert path.exists() and report["quarantined"] == []
    old = time.time() - 120
    os.utime(path, (old, old))
    report = run(house)
    assert not path.exists() and report["quarantined"] == [
        {"reason": "bad_file", "detail": "BadZipFile", "place": "broken.xlsx"}
    ]


def test_a_quote_that_never_closes_swallows_no_row(house: House, drop: Path) -> None:
    rows = [
        ",".join(HEADER),
        'Q1,2026-11-20 10:00,甲,投诉,"他说打不通',
        "Q2,2026-11-20 10:01,乙,投诉,没有人接",
        "Q3,2026-11-20 10:02,丙,投诉,电话13912345678,还是没有人接",
        "Q4,2026-11-20 10:03,丁,咨询,窗口几点开门",
    ]
    (drop / "来电13912345678.csv").write_text("\n".join(rows), encoding="utf-8")
    report = run(house)
    assert {c.source_ref for c in house.captures()} == {"Q1", "Q2", "Q4"}
    assert [(q["reason"], q["place"].endswith("第 4 行")) for q in report["quarantined"]] == [("bad_row", True)]
    assert "13912345678" not in str(report)


def test_a_cell_of_several_lines_stays_one_cell(house: House, drop: Path) -> None:
    text = "第一行,有逗号,还有,一个\n第二行,也有,很多,逗号"
    (drop / "a.csv").write_text(",".join(HEADER) + f'\nQ1,2026-11-20 10:00,甲,投诉,"{text}"\n', encoding="utf-8")
    run(house)
    assert [c.text for c in house.captures()] == [text]


def test_a_missing_column_is_said(house: House, drop: Path) -> None:
    (drop / "a.csv").write_text("编号,内容\nQ1,一件事情\n", encoding="utf-8")
    report = run(house)
    assert report["quarantined"] == [{"reason": "missing_column", "detail": "诉求内容", "place": "a.csv 第 2 行"}]
    assert report["status"] == "failing"


@pytest.mark.parametrize("cell", ["", "昨日某时", "2026-13-01", "2026-11-20 25:61", 12.0, None, "2031-01-01"])
def test_a_bad_date_is_bad(cell: object) -> None:
    with pytest.raises(QuarantineError):
        date_of(cell, NOW)  # type: ignore[arg-type]
