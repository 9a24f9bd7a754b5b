"""Each template of deploy/sources: valid, switched off, and proved by pages in the manner of its system, through the real spider.

`tests/cases/sources/<template>/captures.json`: `site` (path → saved page), what is to be captured, how many voices, and
words that may stand nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openpyxl
import pytest
import yaml
from reading_cases import CASES
from site_on_loopback import ROOT, House, Site

from crawlers.drafting import Looked, draft
from pipeline.privacy.staging_keys import distinct_voices
from pipeline.records import SHANGHAI, Capture
from pipeline.settings.sources import Source
from pipeline.settings.yaml_files import load_models

TEMPLATES = ROOT / "deploy" / "sources"
SITES = sorted(p.parent for p in (CASES / "sources").glob("*/captures.json"))
EXPORTS = {
    "vendor-export-sheet": (
        ["序号", "标题", "正文", "发布时间", "作者", "来源网站", "原文链接"],
        [
            ["1", "听证会怎么报名", "想去旁听公开听证会，怎么报名？", "2026/11/19 下午 8:01", "麦穗儿", "某论坛", "https://bbs.example/1"],
            ["2", "", "服务大厅中午没人值班，我的电话13900002222。", "2026-11-20 13:20:00", "豆浆油条", "某论坛", "https://bbs.example/2"],
            ["2", "", "服务大厅中午没人值班，我的电话13900002222。", "2026-11-20 13:20:00", "豆浆油条", "某论坛", "https://bbs.example/2"],
            ["3", "", "建议错峰值班。", "2026年11月20日 13:45", "麦穗儿", "某贴吧", "https://bbs.example/3"],
        ],
    ),
    "vendor-export-csv": (
        ["日期", "站点", "昵称", "内容", "地域", "链接地址", "情感"],
        [
            ["2026-11-19 20:01", "某论坛", "麦穗儿", "想去旁听公开听证会，怎么报名？", "清江", "https://bbs.example/1", "中性"],
            ["2026-11-20 13:20", "某论坛", "豆浆油条", "服务大厅中午没人值班，我的电话13900002222。", "清江", "https://bbs.example/2", "负面"],
            ["2026-11-20 13:20", "某论坛", "豆浆油条", "服务大厅中午没人值班，我的电话13900002222。", "清江", "https://bbs.example/2", "负面"],
            ["2026-11-20 13:45", "某贴吧", "麦穗儿", "建议错峰值班。", "", "https://bbs.example/3", "中性"],
        ],
    ),
}  # fmt: skip


def test_every_template_is_valid_explained_switched_off_and_proved() -> None:
    sources = load_models(TEMPLATES, Source)
    assert not any(s.enabled for s in sources)
    assert {s.id for s in sources} == {p.stem for p in TEMPLATES.glob("*.yaml")} == {p.name for p in SITES} | {*EXPORTS}
    for path in TEMPLATES.glob("*.yaml"):
        first, second = path.read_text(encoding="utf-8").splitlines()[:2]
        assert first.startswith("# ") and second == "# yaml-language-server: $schema=source.schema.json"


@dataclass
class Crawled:
    """All templates switched on and read in one run; captures by source, sites by template."""

    reports: dict[str, dict[str, Any]]
    captures: dict[str, list[Capture]]
    sites: dict[str, Site]
    everything: str
    left: list[Path]


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    house, sites, servers = House(tmp_path_factory.mktemp("ready") / "home"), {}, []
    for folder in SITES:
        site = sites[folder.name] = Site()
        servers.append(site.serve())
        for path, name in case_of(folder.name)["site"].items():
            kind = "text/xml" if name.endswith(".xml") else "text/html"
            site.put(path, (folder / name).read_bytes(), Content_Type=kind)
        urls = [site.url + u[len("://".join(urlsplit(u)[:2])) :] for u in template(folder.name)["urls"]]
        enable(house, folder.name, urls=urls, delay_seconds=0, allow_private=True)
    for name in EXPORTS:
        export(house.folder / template(name)["folder"], name)
        enable(house, name)
    reports = house.crawl()
    captures: dict[str, list[Capture]] = {}
    for capture in house.captures():
        captures.setdefault(capture.source_id, []).append(capture)
    everything = house.everything_on_disk(skip=("evidence", "config")).decode("utf-8", "replace")
    left = [p for name in EXPORTS for p in (house.folder / template(name)["folder"]).rglob("*") if p.is_file()]
    yield Crawled(reports, captures, sites, everything, left)
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("name", [p.name for p in SITES])
def test_a_site_in_the_manner_of_the_system(name: str, crawled: Crawled) -> None:
    case, report, captures = case_of(name), crawled.reports[name], crawled.captures.get(name, [])
    assert sorted(map(told, captures)) == sorted(map(expected, case["captures"])), report
    assert report["status"] == "ok" and report["refused"] == case.get("refused", {}), report
    paths = crawled.sites[name].paths
    assert len(paths) == len(set(paths)) == 1 + len(case["site"])  # robots.txt, and each page once
    institution = template(name)["channel"] in ("official", "media")
    for capture, wanted in ((c, w) for c in captures for w in case["captures"] if told(c) == expected(w)):
        assert capture.outlet == wanted.get("outlet", capture.outlet)
        assert capture.url == (wanted.get("url", capture.url) if institution else "")
        assert bool(capture.evidence) == institution
    assert distinct_voices([c.voice for c in captures]) == case.get("voices", 0)
    assert [w for w in case.get("never", []) if w in crawled.everything] == []


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_a_vendor_s_export(name: str, crawled: Crawled) -> None:
    report, captures = crawled.reports[name], crawled.captures[name]
    assert report["captured"] == 3 and report["unchanged"] == 1 and not report["quarantined"], report
    assert [(c.text, f"{c.published_at.astimezone(SHANGHAI):%d %H:%M}") for c in captures if c.published_at] == [
        ("想去旁听公开听证会，怎么报名？", "19 20:01"),
        ("服务大厅中午没人值班，我的电话[电话]。", "20 13:20"),
        ("建议错峰值班。", "20 13:45"),
    ]
    assert distinct_voices([c.voice for c in captures]) == 2
    assert all(c.channel == "public" and c.url == c.source_ref == "" for c in captures)
    assert crawled.left == []  # public: deleted on commit
    assert [w for w in ("麦穗儿", "豆浆油条", "13900002222", "bbs.example") if w in crawled.everything] == []


@pytest.mark.parametrize("name", [p.name for p in SITES if p.name not in ("message-board", "rss-bridge")])
def test_a_draft_names_the_template(name: str) -> None:
    path, page = next(iter(case_of(name)["site"].items()))
    looked = Looked(f"https://www.example.org{path}", (CASES / "sources" / name / page).read_bytes())
    assert f"# 像是 {name}.yaml 说的系统" in draft(looked)


def case_of(name: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((CASES / "sources" / name / "captures.json").read_text(encoding="utf-8"))
    return case


def export(folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    header, rows = EXPORTS[name]
    if name.endswith("csv"):
        lines = "\r\n".join(",".join(row) for row in [header, *rows])
        (folder / "导出.csv").write_bytes(lines.encode("gb18030"))
        return
    book = openpyxl.Workbook()
    for row in [["舆情监测数据导出"], header, *rows]:
        book.worksheets[0].append(row)
    book.save(folder / "导出.xlsx")


def template(name: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((TEMPLATES / f"{name}.yaml").read_text(encoding="utf-8"))
    return data


def enable(house: House, name: str, **changes: Any) -> None:
    house.write(f"sources/{name}.yaml", {**template(name), **changes, "enabled": True})


def told(capture: Capture) -> tuple[str, str, str, str]:
    at = f"{capture.published_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if capture.published_at else ""
    return capture.title, capture.text, at[: 10 if capture.published_precision == "day" else 16], capture.channel


def expected(wanted: dict[str, str]) -> tuple[str, str, str, str]:
    return wanted["title"], wanted["text"], wanted["date"], wanted["channel"]
