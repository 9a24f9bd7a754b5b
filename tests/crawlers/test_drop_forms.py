"""Forms of exports: old workbooks, HTML and XML under the name of .xls, JSON Lines, dates, copies, bombs."""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt
from site_on_loopback import NOW, House

from crawlers.drop.cells import date_of
from crawlers.drop.files import expire_done
from crawlers.drop.tables import read_rows
from crawlers.run import crawl
from pipeline.errors import QuarantineError

HEADER = ["受理编号", "受理时间", "来电人", "诉求类别", "诉求内容"]
ROW = ["Q1", "2026-11-20 09:12", "甲", "投诉", "热线打了三天没有人接"]
COLUMNS = dict(zip(("source_ref", "received_at", "author", "title", "text"), HEADER, strict=True))


@pytest.fixture
def drop(house: House, tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    source(house, folder)
    return folder


def source(house: House, folder: Path, channel: str = "submission") -> None:
    given = {"id": "line", "name": "12309 热线", "kind": "drop", "channel": channel, "folder": str(folder)}
    house.write("sources/line.yaml", {**given, "columns": COLUMNS})


def run(house: House, now: datetime = NOW) -> dict[str, Any]:
    home = house.home
    return crawl(home, home.sources, now, lambda line: None)["line"].to_dict()


def old(path: Path) -> Path:
    """As if copied in some time ago."""
    os.utime(path, (time.time() - 300, time.time() - 300))
    return path


def xls(path: Path, rows: list[list[Any]]) -> None:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("登记表")
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD HH:MM:SS")
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            sheet.write(r, c, cell, day) if isinstance(cell, datetime) else sheet.write(r, c, cell)
    book.save(str(path))


@pytest.mark.parametrize(
    ("cell", "local", "precision"),
    [
        ("2026-11-25 08:18", "2026-11-25T08:18", "minute"),
        ("2026/11/25", "2026-11-25T00:00", "day"),
        ("2026年11月25日", "2026-11-25T00:00", "day"),
        ("2026年11月25日 下午3时05分", "2026-11-25T15:05", "minute"),
        ("2026/11/25 上午 08:18:09", "2026-11-25T08:18:09", "minute"),
        ("2026/11/25 上午 12:05", "2026-11-25T00:05", "minute"),
        ("2026/11/25 下午 12:05", "2026-11-25T12:05", "minute"),
        ("2026-11-25 8:18:00 PM", "2026-11-25T20:18", "minute"),
        ("2026/11/25 周三 下午 03:18", "2026-11-25T15:18", "minute"),
        ("2026.11.25 8：18", "2026-11-25T08:18", "minute"),
        ("２０２６－１１－２５　０８：１８", "2026-11-25T08:18", "minute"),
        ("2026-11-25T08:18:00.000+0800", "2026-11-25T08:18", "minute"),
        ("2026-11-25 00:00:00", "2026-11-25T00:00", "day"),
        ("20261125", "2026-11-25T00:00", "day"),
        ("20261125 08:18", "2026-11-25T08:18", "minute"),
        ("20261125081800", "2026-11-25T08:18", "minute"),
        ("46351", "2026-11-25T00:00", "day"),
        (46351.0, "2026-11-25T00:00", "day"),
        ("46351.3458333333", "2026-11-25T08:18", "minute"),
        (46351.3458333333, "2026-11-25T08:18", "minute"),
        (datetime(2026, 11, 25, 8, 18), "2026-11-25T08:18", "minute"),
    ],
)
def test_dates_of_chinese_exports(cell: Any, local: str, precision: str) -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    assert date_of(cell, now) == (datetime.fromisoformat(local + "+08:00").astimezone(UTC), precision)


@pytest.mark.parametrize("cell", ["2026-11-25 晚上 12:30", "99999", 46351000.0, "2026-02-30", "2030-11-25 08:18"])
def test_no_date_is_better_than_a_wrong_one(cell: Any) -> None:
    with pytest.raises(QuarantineError, match="bad_date"):
        date_of(cell, NOW)


def test_old_workbooks_are_read(house: House, drop: Path) -> None:
    xls(drop / "a.xls", [["登记表"], HEADER, ROW, ["Q2", datetime(2026, 11, 20, 10, 30), "乙", "咨询", "窗口几点开门"]])
    assert run(house)["captured"] == 2
    second = next(c for c in house.captures() if c.source_ref == "Q2")
    assert second.received_at == datetime(2026, 11, 20, 2, 30, tzinfo=UTC) and second.title == "咨询"


def test_what_systems_call_xls(house: House, drop: Path) -> None:
    def table(rows: list[list[str]]) -> str:
        return "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)

    page = f"<html><head><meta charset=gb2312></head><body><table>{table([HEADER, ['H1', *ROW[1:]]])}</table></body></html>"
    (drop / "html.xls").write_bytes(page.encode("gb18030"))
    cells = "".join(f'<Cell><Data ss:Type="String">{c}</Data></Cell>' for c in HEADER)
    values = f'<Cell><Data>X1</Data></Cell><Cell><Data>2026-11-20</Data></Cell><Cell ss:Index="5"><Data>{ROW[4]}</Data></Cell>'
    (drop / "xml.xls").write_text(
        '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
        'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="a"><Table>'
        f"<Row>{cells}</Row><Row>{values}</Row></Table></Worksheet></Workbook>",
        encoding="utf-8",
    )
    (drop / "text.xls").write_bytes("\r\n".join("\t".join(r) for r in (HEADER, ["T1", *ROW[1:]])).encode("utf-16"))
    assert run(house)["captured"] == 3
    assert {c.source_ref: c.text for c in house.captures()} == dict.fromkeys(("H1", "X1", "T1"), ROW[4])


def test_json_lines(house: House, drop: Path) -> None:
    lines = [json.dumps(dict(zip(HEADER, ROW, strict=True)), ensure_ascii=False), "", "{broken", '["list"]']
    lines.append(json.dumps({**dict(zip(HEADER, ["Q2", *ROW[1:]], strict=True)), "附": {"深": 1}}))
    (drop / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    report = run(house)
    assert report["captured"] == 2
    assert [(q["reason"], q["place"]) for q in report["quarantined"]] == [
        ("bad_row", "a.jsonl 第 3 行"),
        ("bad_row", "a.jsonl 第 4 行"),
    ]


def test_a_file_is_taken_once_also_under_another_name(house: House, drop: Path) -> None:
    text = "\n".join(",".join(r) for r in (HEADER, ROW, ["Q2", "某日", "乙", "咨询", "时间写错"]))
    for day, name in enumerate(("a.csv", "a.csv", "同一份 (副本).csv")):
        (drop / name).write_text(text, encoding="utf-8")
        report = run(house, NOW + timedelta(hours=day))
        assert report["status"] == "ok" and ("已经读过的文件 1 次" in report["message"]) == bool(day)
        assert report["refused"] == ({"copy": 1} if day else {}) and len(report["quarantined"]) == (day == 0)
    assert len(house.captures()) == 1 and not list(drop.glob("*.csv"))
    assert len(list((drop / "done").iterdir())) == 3


def test_what_was_set_aside_is_reported_without_its_words(house: House, drop: Path) -> None:
    bad = ["Q2", "某日", "张三丰", "咨询", "我的电话13912345678"]
    (drop / "来电13912345678.csv").write_text("\n".join(",".join(r) for r in (HEADER, ROW, bad)), encoding="utf-8")
    run(house)
    (report,) = (drop / "quarantine").iterdir()
    rows = list(csv.reader(report.read_text(encoding="utf-8-sig").splitlines()))
    assert rows == [["位置", "原因", "说明"], ["第 3 行", "日期无法读懂", "改正后重新投放"]]
    assert "13912345678" not in report.name
    here = house.home.sources[0]
    assert expire_done(house.home, here, NOW + timedelta(days=6)) == 0
    assert expire_done(house.home, here, NOW + timedelta(days=7, minutes=1)) == 2
    source(house, drop, channel="public")
    (drop / "people.csv").write_text("\n".join(",".join(r) for r in (HEADER, bad)), encoding="utf-8")
    run(house)
    (report,) = [p for p in drop.rglob("*") if p.is_file()]
    assert report.parent.name == "quarantine" and "张三丰" not in report.read_text(encoding="utf-8-sig")


def test_bombs_end_in_a_refusal(house: House, drop: Path) -> None:
    book = openpyxl.Workbook()
    book.save(drop / "bomb.xlsx")
    with zipfile.ZipFile(drop / "bomb.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.xml", b"0" * 30_000_000)
    wide = openpyxl.Workbook()
    sheet = wide.active
    assert sheet is not None
    for row in range(1, 60):
        sheet.cell(row, 16_384, "far")
    sheet.cell(1_048_576, 1, "deep")
    wide.save(drop / "wide.xlsx")
    claims = xlwt.Workbook()
    for number in range(6):
        tab = claims.add_sheet(f"s{number}")
        tab.write(0, 0, "a")
        tab.write(65_535, 255, "b")
    claims.save(str(drop / "claims.xls"))
    entities = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
        f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9)
    )
    (drop / "laughs.xls").write_text(entities + "]><table><tr><td>&j;</td><td>b</td></tr></table>", encoding="utf-8")
    for path in drop.iterdir():
        old(path)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    report = run(house)
    reasons = {q["place"]: q["reason"] for q in report["quarantined"]}
    assert reasons["bomb.xlsx"] == "zip_bomb" and report["captured"] == 0
    assert {"wide.xlsx", "claims.xls"} <= reasons.keys() and not [p for p in drop.iterdir() if p.is_file()]
    assert time.monotonic() - began < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KB


@pytest.mark.parametrize("suffix", [".xls", ".xlsx", ".csv", ".jsonl"])
def test_no_damaged_file_crashes_the_reader(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".xls":
        xls(path, [HEADER, ROW])
    elif suffix == ".xlsx":
        book = openpyxl.Workbook()
        assert book.active is not None
        book.active.append(HEADER)
        book.active.append(ROW)
        book.save(path)
    else:
        path.write_text(",".join(HEADER) + "\n" + json.dumps(dict(zip(HEADER, ROW, strict=True))), encoding="utf-8")
    good, chance = path.read_bytes(), random.Random(5)
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(chance.randint(1, 30)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        path.write_bytes(bytes(bad[: chance.randint(1, len(bad))] if chance.random() < 0.3 else bad))
        try:
            for number, row in read_rows(path):
                assert number and isinstance(row, dict)
        except QuarantineError:
            pass
