"""`tingjian source`, as its user types it, against a real site on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from site_on_loopback import NOW, ROOT, House, Site
from test_kinds import FORUM, forum

from pipeline.settings import load_model
from pipeline.settings.sources import Source

LONG = (
    "清江市人民检察院昨日通报一起公益诉讼案件的办理情况，案件涉及饮用水源地保护，检察机关已向主管部门制发检察建议。" * 3
)


def tingjian(*words: str | Path, cwd: Path, now: bool = True) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "flows", "source", *map(str, words), *(["--now", NOW.isoformat()] if now else [])],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "no_proxy": "*", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=90,
    )
    return done.returncode, done.stdout, done.stderr


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def portal(site: Site) -> None:
    rows = "".join(
        f'<li><span>2026-11-{20 - n}</span><a href="/xw/t{n}.html">第{n}条要闻消息标题</a></li>' for n in range(12)
    )
    site.put(
        "/xw/",
        "<html><head><title>要闻动态_清江市人民检察院</title></head><body><div class='nav'>"
        + "".join(f"<a href='/n{n}/'>导航栏目名称{n}</a>" for n in range(20))
        + f"</div><div class='commonList_con'><ul>{rows}</ul></div><a href='/xw/index_1.html'>下一页</a></body></html>",
    )
    for n in range(12):
        site.article(f"/xw/t{n}.html", f"第{n}条要闻消息标题", LONG + "\n联系电话13900001111。")


def test_an_institutions_source_is_shown_masked_and_nothing_is_kept(site: Site, house: House) -> None:
    portal(site)
    house.source("list", "listing", "official", [site.url + "/xw/"], selectors={"link": ".commonList_con a"})
    before = files(house.folder)
    code, out, err = tingjian("check", house.folder / "config/sources/list.yaml", cwd=house.folder)
    assert code == 0 and err == ""
    assert (
        "2026-11-20 09:30  第0条要闻消息标题" in out
        and "标题  5/5" in out
        and "发言人" not in out
        and "测试日报，正文" in out
        and f"{site.url}/xw/t0.html" in out
    )
    assert "13900001111" not in out and LONG[:60] in out and "中途停止" not in out
    assert files(house.folder) == before and not house.home.staging.exists()
    details = [p for p in site.paths if "/t" in p and "robots" not in p]
    assert len(details) == 5 and "/xw/index_1.html" not in site.paths
    assert {h["User-Agent"].split(";")[0] for _, h in site.log} == {"Tingjian/0.1 (+press@example.org"}


def test_of_the_public_only_counts_are_shown(site: Site, house: House) -> None:
    forum(site, replies=6)
    house.source("forum", "thread", "public", [site.url + "/f"], selectors=FORUM)
    before = files(house.folder)
    code, out, _err = tingjian("check", house.folder / "config/sources/forum.yaml", cwd=house.folder)
    assert code == 0 and "正文  7/7" in out and "时间  7/7" in out and "不保存）  7/7" in out
    assert not [w for w in ("第0层", "热线打不通", "网名", "检察院的电话", "/t/1") if w in out]
    assert files(house.folder) == before


def test_a_drop_folder_is_read_and_left_as_it_is(house: House, tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    export = tmp_path / "drop" / "a.csv"
    export.write_text("编号,内容,来电人\nQ1,热线打不通,张三\nQ2,,李四\n", encoding="gb18030")
    columns = {"text": "内容", "source_ref": "编号", "author": "来电人"}
    given = {"id": "line", "name": "热线", "kind": "drop", "channel": "submission", "folder": str(tmp_path / "drop")}
    house.write("sources/line.yaml", {**given, "columns": columns})
    code, out, _err = tingjian("check", house.folder / "config/sources/line.yaml", cwd=house.folder)
    assert code == 0 and "正文  1/1" in out and "受理编号  1/1" in out and "a.csv 第 3 行：正文为空" in out
    assert "热线打不通" not in out and export.exists() and files(tmp_path / "drop") == ["a.csv"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "id: x1\nname: n\nkind: listing\nchannel: official\nurls: ['http://a.example/']\nselectors:\n  lnk: a\n",
            "第 7 行：selectors.lnk",
        ),
        ("id: x1\nname: n\nkind: rss\nchannel: official\n", "第 3 行：kind：只能是"),
        ("id: x1\nname: [\n", "YAML 写法有误"),
        (
            "id: x1\nname: n\nkind: listing\nchannel: media\nurls: ['http://a.example/']\nselectors:\n  link: 'ul >'\n",
            "第 7 行：selectors.link：选择器写错了",
        ),
        (
            "id: x1\nname: n\nkind: listing\nchannel: media\nurls: ['http://a.example/']\nselectors:\n  link: a\n  body: '//div['\n",
            "第 8 行：selectors.body：选择器写错了",
        ),
    ],
)
def test_a_mistake_names_file_line_and_field(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text, encoding="utf-8")
    code, out, err = tingjian("check", file, cwd=tmp_path)
    assert code == 2 and words in err and str(file) in err and out == ""


def test_a_site_that_gives_nothing_ends_with_the_reason(site: Site, house: House) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /", Content_Type="text/plain")
    house.source("list", "listing", "official", [site.url + "/xw/"], selectors={"link": "a"})
    code, out, _err = tingjian("check", house.folder / "config/sources/list.yaml", cwd=house.folder)
    assert code == 1 and "robots.txt 不允许" in out


def drafted(site: Site, path: str, folder: Path) -> tuple[Source, str]:
    """What `source new` writes for a page, loaded, and its text."""
    code, out, err = tingjian("new", site.url + path, "--allow-private", cwd=folder)
    assert code == 0, err
    file = folder / "drafted.yaml"
    file.write_text(out, encoding="utf-8")
    return load_model(file, Source), out


def test_a_list_is_drafted_and_the_draft_reads_it(site: Site, tmp_path: Path) -> None:
    portal(site)
    file = tmp_path / "new.yaml"
    code, out, err = tingjian("new", site.url + "/xw/", "--allow-private", "-o", file, cwd=tmp_path)
    assert code == 0 and str(file) in out, err
    text, source = file.read_text(encoding="utf-8"), load_model(file, Source)
    assert source.kind == "listing" and source.selectors.link == "div.commonList_con ul li a" and not source.enabled
    assert source.name == "清江市人民检察院" and "这一页上有 12 条" in text
    code, _out, err = tingjian("new", site.url + "/xw/", "--allow-private", "-o", file, cwd=tmp_path)
    assert code == 1 and "已经存在" in err and file.read_text(encoding="utf-8") == text
    file.write_text(text.replace("delay_seconds: 3", "delay_seconds: 0"), encoding="utf-8")
    code, out, _err = tingjian("check", file, cwd=tmp_path)
    assert code == 0 and "第0条要闻消息标题" in out


def test_feeds_and_sitemaps_are_found(site: Site, tmp_path: Path) -> None:
    portal(site)
    page = site.pages["/xw/"]
    assert not callable(page)
    page.body = page.body.replace(
        b"<title>", b"<link rel='alternate' type='application/rss+xml' href='/rss.xml'><title>"
    )
    site.put(
        "/rss.xml",
        f"<rss version='2.0'><channel><item><title>a</title><link>{site.url}/xw/t1.html</link></item></channel></rss>",
    )
    site.put("/robots.txt", f"User-agent: *\nAllow: /\nSitemap: {site.url}/map.xml", Content_Type="text/plain")
    site.put(
        "/map.xml",
        f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>{site.url}/xw/t1.html</loc></url></urlset>",
    )
    source, text = drafted(site, "/xw/", tmp_path)
    assert source.kind == "feed" and source.urls == [site.url + "/rss.xml"]
    assert "# kind: listing" in text and "# kind: sitemap" in text and f'# urls: ["{site.url}/map.xml"]' in text
    assert drafted(site, "/rss.xml", tmp_path)[0].kind == "feed"


def test_a_forum_and_json_are_drafted(site: Site, tmp_path: Path) -> None:
    topics = "".join(
        f"<tr><th><a class='s xst' href='/thread-{n}-1-1.html'>第{n}个讨论话题的题目</a></th></tr>" for n in range(5)
    )
    site.put(
        "/forum-2-1.html",
        f"<html><head><meta name='generator' content='Discuz! X3.4'><title>城市杂谈_清江论坛</title></head><body><table>{topics}</table></body></html>",
    )
    source, text = drafted(site, "/forum-2-1.html", tmp_path)
    assert source.kind == "thread" and source.channel == "public" and source.selectors.link == "a.s.xst"
    assert source.selectors.post == "div[id^=post_]" and "打散" in text
    rows = [{"docId": n, "docTitle": "标题", "docContent": LONG, "publishTime": "2026-11-20"} for n in range(3)]
    site.put("/api", json.dumps({"code": 0, "data": {"list": rows}}), Content_Type="application/json")
    source, _text = drafted(site, "/api", tmp_path)
    assert source.api is not None and source.api.items == "data.list" and source.api.fields.text == "docContent"


def test_a_profile_or_a_private_address_is_no_source(site: Site, tmp_path: Path) -> None:
    site.put("/blog", "", status=302, Location="/space/uid-5.html")
    site.put("/space/uid-5.html", "<html><body><a href='/'>某人的空间</a></body></html>")
    for url, flags, words in (
        (site.url + "/u/5", ["--allow-private"], "个人主页不能作为来源"),
        (site.url + "/blog", ["--allow-private"], "个人主页不能作为来源"),
        (site.url + "/", [], "内网地址"),
        ("ftp://a.example/", [], "不是网页地址"),
    ):
        code, out, err = tingjian("new", url, *flags, cwd=tmp_path)
        assert code == 1 and words in err and out == "", (url, err)


def test_the_schema_knows_every_template(tmp_path: Path) -> None:
    code, out, _err = tingjian("schema", cwd=tmp_path, now=False)
    schema = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    for path in (ROOT / "deploy").rglob("sources/*.yaml"):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert [e.message for e in check.iter_errors(data)] == [], path
        assert "office" not in path.parts or "$schema=source.schema.json" in path.read_text(encoding="utf-8"), path
    assert code == 0 and list(check.iter_errors({"id": "x1", "name": "n", "kind": "rss", "channel": "media"}))
    explained = {n: p.get("description") for n, p in schema["properties"].items()}
    assert all(words and any("\u4e00" <= c <= "\u9fff" for c in words) for words in explained.values()), explained
