"""Pages per second of our spider, with evidence and without, beside a bare Scrapy spider that only yields the body; memory.

All read the same pages of one list from a server in a process of its own, eight at a time, and take turns in processes of
their own, so that a busy machine is busy for all. Seconds count from the start of the crawl to its last commit. Ours reads,
masks, seals, spools and remembers what it read. A round's ratios are ours by the bare spider's of the same round, the
figure is their median; beside it stands the ratio of the least computing time that each needed in a round, which others on
the machine disturb less than the clock.

Run: python tests/bench/crawl.py [--pages 2000] [--rounds 3] [--only ours|evidence]
`--pages 50000 --rounds 1 --only evidence` is for memory: a source reads 2,000 pages a run, so that is 25 sources, one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import multiprocessing
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import yaml  # noqa: E402

NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
A_LIST = 2000  # pages of one source in one run
_OWN = "own_milliseconds_a_page"
GOALS = {"ours": 0.85, "evidence": 0.7}
FLAT_MB = 30.0  # what memory may grow by between a fifth of the way and its end
_SENTENCES = (
    "清江市人民检察院通报一起饮用水源地保护公益诉讼案件的办理情况。",
    "检察官走进社区，向居民讲解如何辨认冒充检察机关的诈骗电话。",
    "听证会邀请人民监督员、人大代表和附近居民参加，现场回答提问。",
    "该院表示，将跟进监督整改效果，并及时向社会公布进展。",
    "当事人可以通过网上平台查询程序性信息，也可以到窗口咨询。",
)


def page(number: int) -> bytes:
    """A small article: two kilobytes, navigation above, links below."""
    words = "".join(
        f"<p>{''.join(_SENTENCES[(number + i + j) % 5] for j in range(3))}第{number}号第{i}段。</p>" for i in range(4)
    )
    links = "".join(f'<li><a href="/p/{number + i}.html">相关链接{number + i}</a></li>' for i in range(5))
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>第{number}号公益诉讼案件办理情况通报_清江新闻网</title></head>'
        '<body><div class="nav"><a href="/">首页</a><a href="/xw/">新闻</a><a href="/fz/">法治</a></div>'
        f"<h1>第{number}号公益诉讼案件办理情况通报</h1><div class='info'>发布时间：2026-11-21 09:{number % 60:02d} 来源：清江日报</div>"
        f'<div class="article">{words}</div><div class="related"><ul>{links}</ul></div>'
        '<div class="footer">版权所有 清江新闻网</div></body></html>'
    ).encode()


class Site(asyncio.Protocol):
    """As little of HTTP/1.1 as Scrapy needs."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.waiting = transport, b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while b"\r\n\r\n" in self.waiting:
            head, _, self.waiting = self.waiting.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            status, body = "200 OK", b""
            if path.startswith("/p/"):
                body = page(int(path[3:-5]))
            elif path.startswith("/list/"):
                first, last = map(int, path[6:].split("-"))
                body = "".join(
                    f'<li><a class="a" href="/p/{n}.html">第{n}号</a></li>' for n in range(first, last)
                ).encode()
            else:
                status = "404 Not Found"
            self.transport.write(
                f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )


def serve(ready: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Site, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def lists(port: int, pages: int) -> list[str]:
    return [f"http://127.0.0.1:{port}/list/{first}-{min(first + A_LIST, pages)}" for first in range(0, pages, A_LIST)]


@dataclass
class Spent:
    """Seconds by the clock, and of our own computing: a busy machine makes the first longer than the second."""

    seconds: float
    computing: float


def timed(work: Callable[[], object]) -> Spent:
    started, computing = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - started, time.process_time() - computing)


def bare(port: int, pages: int, folder: Path) -> Spent:
    """What a bare spider takes."""
    from scrapy import Request, Spider
    from scrapy.crawler import CrawlerProcess
    from scrapy.http import Response

    yielded = 0

    class Bare(Spider):
        name = "bare"
        start_urls = lists(port, pages)

        def parse(self, response: Response) -> Iterator[Request]:
            for href in response.css("a.a::attr(href)").getall():
                yield response.follow(href, self.parse_page)

        def parse_page(self, response: Response) -> Iterator[dict[str, bytes]]:
            nonlocal yielded
            yielded += 1
            yield {"body": response.body}

    def run() -> None:
        process = CrawlerProcess({"LOG_ENABLED": False, "TELNETCONSOLE_ENABLED": False})
        process.crawl(Bare)
        process.start()

    spent = timed(run)
    assert yielded == pages, yielded
    return spent


def ours(port: int, pages: int, folder: Path, *, evidence: bool = False) -> Spent:
    """What our crawl takes, up to the last commit."""
    import crawlers.web  # noqa: F401  importing is not crawling
    from crawlers.report import CrawlReport
    from crawlers.run import crawl
    from crawlers.sealing import Sink
    from pipeline.settings import load_home

    if not evidence:
        Sink.keep_page = lambda *given, **more: ""  # type: ignore[method-assign]
    (folder / "config" / "sources").mkdir(parents=True)
    for name, data in {
        "tingjian.yaml": {"crawl": {"contact": "press@example.org"}},
        "office.yaml": {"offices": [{"id": "city", "name": "清江市人民检察院", "short_name": "清江市检"}]},
        **{f"sources/s{n}.yaml": _source(n, url) for n, url in enumerate(lists(port, pages))},
    }.items():
        (folder / "config" / name).write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    home = load_home(folder)
    reports: dict[str, CrawlReport] = {}
    spent = timed(lambda: reports.update(crawl(home, home.sources, NOW, lambda line: None)))
    assert sum(r.captured for r in reports.values()) == pages, [r.to_dict() for r in reports.values()]
    return spent


def _source(number: int, url: str) -> dict[str, Any]:
    return {
        "id": f"s{number}",
        "name": f"第{number}个",
        "kind": "listing",
        "channel": "media",
        "urls": [url],
        "selectors": {"link": "a.a"},
        "delay_seconds": 0,
        "allow_private": True,
    }


KINDS: dict[str, Callable[..., Spent]] = {
    "bare": bare,
    "ours": ours,
    "evidence": lambda *given: ours(*given, evidence=True),
}


def child(kind: str, port: int, pages: int, answer: Connection, profile: Path | None) -> None:
    memory: list[float] = []
    watching = threading.Event()

    def watch() -> None:
        while not watching.is_set():
            memory.append(_resident_mb())
            time.sleep(0.2)

    threading.Thread(target=watch, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="tingjian-crawl-") as folder:
        profiler = cProfile.Profile() if profile else None
        if profiler:
            profiler.enable()
        spent = KINDS[kind](port, pages, Path(folder))
        if profiler:
            profiler.disable()
            profiler.dump_stats(str(profile))
    watching.set()
    answer.send({"spent": spent, "memory": memory})


def _resident_mb() -> float:
    match = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(match[1]) / 1024 if match else 0.0


def turn(kind: str, port: int, pages: int, profile: Path | None = None) -> dict[str, Any]:
    """One crawl in a process of its own: pages per second, megabytes a fifth of the way and at the end."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=child, args=(kind, port, pages, there, profile))
    process.start()
    while not here.poll(0.5):
        if process.exitcode is not None:
            raise SystemExit(f"{kind} ended with {process.exitcode}")
    said = here.recv()
    process.join()
    memory = said["memory"] or [0.0]
    return {
        "pages_per_second": round(pages / said["spent"].seconds, 1),
        _OWN: round(1000 * said["spent"].computing / pages, 2),
        "early_mb": round(max(memory[: max(1, len(memory) // 5)]), 1),
        "peak_mb": round(max(memory), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=list(KINDS), help="no comparison: for memory and profiles")
    parser.add_argument("--profile", type=Path, help="write a cProfile dump of --only here (slower)")
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    port: int = here.recv()
    rounds: list[dict[str, dict[str, Any]]] = []
    for number in range(options.rounds):
        kinds = [options.only] if options.only else list(KINDS)
        rounds.append({})
        for kind in kinds if number % 2 == 0 else reversed(kinds):
            rounds[-1][kind] = turn(kind, port, options.pages, options.profile if options.only else None)
            print(f"round {number + 1} {kind:9} {rounds[-1][kind]}", flush=True)
    server.terminate()
    figures: dict[str, Any] = {"pages": options.pages, "rounds": rounds}
    if not options.only:
        for kind, goal in GOALS.items():
            ratios = [r[kind]["pages_per_second"] / r["bare"]["pages_per_second"] for r in rounds]
            least = {k: min(r[k][_OWN] for r in rounds) for k in ("bare", kind)}
            figures[f"times_bare_{kind}"] = round(median(ratios), 3)
            figures[f"times_bare_{kind}_by_own_computing"] = round(least["bare"] / least[kind], 3)
            figures[f"goal_{kind}"] = goal
    figures["grown_mb"] = {
        kind: round(max(r[kind]["peak_mb"] - r[kind]["early_mb"] for r in rounds), 1) for kind in rounds[0]
    }
    print(json.dumps(figures), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
