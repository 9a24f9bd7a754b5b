"""A crawl that is killed loses nothing and doubles nothing; one that is asked to stop keeps what it has."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

from site_on_loopback import House, Site

LONG = "清江市人民检察院昨日通报一起公益诉讼案件的办理情况，检察机关已向主管部门制发检察建议。" * 5


def slow_site(site: Site, house: House, pages: int) -> None:
    site.put("/", "".join(f'<a class="a" href="/{n}.html">{n}</a>' for n in range(pages)))
    for n in range(pages):
        site.article(f"/{n}.html", f"第{n}条要闻消息的标题", LONG)
        answer = site.pages[f"/{n}.html"]
        answer.wait = 0.2  # type: ignore[union-attr]
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"})


def wait_for(site: Site, requests: int) -> None:
    deadline = time.monotonic() + 30
    while len(site.paths) < requests and time.monotonic() < deadline:
        time.sleep(0.02)


def test_sigterm_spools_what_was_found(site: Site, house: House) -> None:
    slow_site(site, house, 80)
    process = house.start()
    wait_for(site, 30)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and err == ""
    report = json.loads(out.splitlines()[-1])["news"]
    assert 0 < report["captured"] < 80 and len(house.captures()) == report["captured"]
    assert report["status"] == "ok" and "中途停止" in report["message"]
    before = len(site.paths)
    assert house.crawl()["news"]["captured"] == 80 - report["captured"]
    assert len(site.paths) - before == 80 - report["captured"] + 2  # robots.txt and the list
    assert len({c.id for c in house.captures()}) == len(house.captures()) == 80


def test_sigkill_loses_and_doubles_nothing(site: Site, house: House) -> None:
    slow_site(site, house, 40)
    for requests in (10, 25):
        process = house.start()
        wait_for(site, len(site.paths) + requests)
        process.kill()
        process.communicate(timeout=30)
    house.crawl()
    assert len({c.id for c in house.captures()}) == 40
    assert house.crawl()["news"]["captured"] == 0


def test_sigkill_in_the_middle_of_a_drop_file(house: House, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    rows = "".join(f"Q{n},2026-11-20 10:00,热线第{n}次没有人接\n" for n in range(3000))
    (drop / "big.csv").write_text("编号,时间,内容\n" + rows, encoding="utf-8-sig")
    house.write(
        "sources/line.yaml",
        {
            "id": "line",
            "name": "热线",
            "kind": "drop",
            "channel": "submission",
            "folder": str(drop),
            "columns": {"text": "内容", "source_ref": "编号", "received_at": "时间"},
        },
    )
    process = house.start()
    ready = house.home.spool / "ready"
    deadline = time.monotonic() + 30
    while not list(ready.glob("*.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.communicate(timeout=30)
    assert (drop / "big.csv").exists()
    house.crawl()
    captures = house.captures()
    assert len({c.id for c in captures}) == 3000 and len(captures) <= 3500
    assert not (drop / "big.csv").exists() and (drop / "done" / "big.csv").exists()
