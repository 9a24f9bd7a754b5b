"""The cluster is away at the start, killed in the middle, hangs: clocks, escalations and sending go on, the desk says so."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import httpx
from desk_rows import OFFICE, TEMPLATES
from elastic_office import ElasticOffice, opened, spool
from sqlalchemy import select

from pipeline.desk.accounts import create_user, start_session
from pipeline.desk.database import Database
from pipeline.desk.tables import Incident, Notification
from pipeline.index.elastic import ElasticIndex
from pipeline.notify.outbox import unfinished
from pipeline.settings import load_home
from pipeline.steps.ingest import ingest
from pipeline.steps.reconcile import findings
from pipeline.steps.troubles import standing
from tests.elasticsearch_node.node import Node, free_port
from tests.elasticsearch_node.proxy import answering

ROOT = Path(__file__).resolve().parents[3]
SOON = 30.0  # seconds in which a message must be out, whatever the cluster does
# The shipped dispatcher, with a minute of three seconds.
DISPATCHER = """
import sys
from datetime import timedelta
from flows import cli, dispatching
dispatching.AT_LEAST = dispatching.AGAIN_AFTER = timedelta(seconds=3)
sys.argv = ["tingjian", "dispatch", "--loop", "--data-dir", sys.argv[1]]
cli.main()
"""
LEAK = "某某市检察院干警泄露未成年被害人个人信息，家属要求说明。"


def until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def installation(folder: Path, url: str) -> ElasticOffice:
    """An office whose settings name the cluster; nothing is asked of it yet."""
    config = folder / "config"
    config.parent.mkdir()
    subprocess.run(["cp", "-r", str(TEMPLATES), str(config)], check=True)
    path = config / "tingjian.yaml"
    text = path.read_text(encoding="utf-8").replace("port: 8600", f"port: {free_port()}")
    engine = f'  engine: elasticsearch\n  hosts: ["{url}"]\n  prefix: "away-"\n'
    path.write_text(text.replace("  engine: sqlite\n", engine), encoding="utf-8")
    home = load_home(folder)
    db = Database(home.database_url)
    db.migrate()
    return ElasticOffice(home, db, ElasticIndex(home.settings.index, [OFFICE]))


@contextmanager
def running(office: ElasticOffice, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    log = (office.home.folder / "test.log").open("ab")
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(15)
        log.close()


def mails(office: ElasticOffice) -> list[str]:
    files = sorted((office.home.folder / "outbox").glob("*.eml"))
    return [str(message_from_bytes(f.read_bytes(), policy=policy.default)["Subject"]) for f in files]


def nobody_took(office: ElasticOffice, title: str) -> None:
    """An orange incident of two hours ago: both steps of its escalation are due."""
    with office.db.write() as session:
        opened(
            session,
            key=title,
            title=title,
            subject_id=title,
            group_key=title,
            now=datetime.now(UTC) - timedelta(hours=2),
        )


def escalated(office: ElasticOffice, title: str) -> bool:
    with office.db.read() as session:
        rows = session.scalars(
            select(Notification).where(Notification.kind == "escalation", Notification.state == "sent")
        )
        return any(title in row.subject + row.text for row in rows)


def unsent(office: ElasticOffice) -> bool:
    with office.db.read() as session:
        return bool(unfinished(session))


def troubles(office: ElasticOffice) -> str:
    with office.db.read() as session:
        return "".join(trouble.words for trouble in standing(session))


def heard(office: ElasticOffice, name: str) -> None:
    """One report that opens an incident of its own."""
    now = datetime.now(UTC)
    spool(office, name, text=LEAK + name, now=now, title=f"检察干警泄露未成年人隐私：{name}")
    assert ingest(office.home, office.db, office.index, now).items == 1


def alerted(office: ElasticOffice, name: str) -> bool:
    with office.db.read() as session:
        return any(name in row.title + row.subject_id for row in session.scalars(select(Incident)))


def signed_in(office: ElasticOffice) -> httpx.Client:
    now = datetime.now(UTC)
    with office.db.write() as session:
        token = start_session(session, create_user(session, "li", "李值班", "duty", [OFFICE], now), now, 12)
    client = httpx.Client(base_url=office.home.desk_url, trust_env=False, timeout=40)
    client.cookies.set("tingjian", token, domain="127.0.0.1")
    return client


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_cluster_that_is_away_at_the_start(tmp_path: Path) -> None:
    office = installation(tmp_path / "office", f"http://127.0.0.1:{free_port()}")
    at = ("--data-dir", str(office.home.folder))
    nobody_took(office, "集群没有启动时的事")
    with (
        running(office, "-c", DISPATCHER, at[1]),
        running(office, "-m", "console.serve", *at),
        signed_in(office) as desk,
    ):
        until(lambda: escalated(office, "集群没有启动时的事"), SOON)
        until(lambda: "研判暂停" in troubles(office), SOON)
        until(lambda: answers(desk), SOON)
        page = desk.get("/")
        assert page.status_code == 200 and "集群没有启动时的事" in page.text
        assert "研判暂停" in page.text and "索引用不了，这一页缺少来自索引的内容" in page.text
        found = desk.get("/search", params={"q": "检察院"})
        assert found.status_code == 503 and "Elasticsearch 暂时用不了：连不上" in found.text
    said = subprocess.run(
        [sys.executable, "-m", "flows", "status", *at], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 75 and "现有 读不到" in said.stdout and "✗ 索引：Elasticsearch 暂时用不了" in said.stdout
    office.db.close()


def test_another_version_is_refused_at_the_start_and_said_where_we_run_already(tmp_path: Path) -> None:
    with answering("Elasticsearch", "9.1.0") as url:
        office = installation(tmp_path / "office", url)
        at = ("--data-dir", str(office.home.folder))
        for command in ("up", "ingest", "watch"):
            if command == "ingest":
                spool(office, "first", now=datetime.now(UTC))
            said = subprocess.run(
                [sys.executable, "-m", "flows", command, *at], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert said.returncode == 2 and "本程序只与 8.x 配合" in said.stderr, (command, said)
        nobody_took(office, "版本不合时的事")
        with (
            running(office, "-c", DISPATCHER, at[1]),
            running(office, "-m", "console.serve", *at),
            signed_in(office) as desk,
        ):
            until(lambda: escalated(office, "版本不合时的事"), SOON)
            until(lambda: answers(desk), SOON)
            until(lambda: "本程序只与 8.x 配合" in troubles(office), SOON)
            assert (page := desk.get("/")).status_code == 200 and "本程序只与 8.x 配合" in page.text
            assert (page := desk.get("/search", params={"q": "检察院"})).status_code == 503 and "8.x" in page.text
        office.db.close()


def test_a_node_killed_and_one_that_hangs(mortal: Node, tmp_path: Path) -> None:
    office = installation(tmp_path / "office", mortal.url)
    at = ("--data-dir", str(office.home.folder))
    with (
        running(office, "-c", DISPATCHER, at[1]) as dispatcher,
        running(office, "-m", "console.serve", *at),
        signed_in(office) as desk,
    ):
        heard(office, "甲")
        until(lambda: alerted(office, "甲"), 90)
        until(lambda: answers(desk), SOON)
        assert "索引用不了" not in desk.get("/").text and troubles(office) == ""

        mortal.kill()
        nobody_took(office, "集群死掉时的事")
        until(lambda: escalated(office, "集群死掉时的事"), 90)
        until(lambda: "研判暂停" in troubles(office), 90)
        assert "索引用不了" in (page := desk.get("/").text) and "集群死掉时的事" in page
        mortal.start()
        heard(office, "乙")
        until(lambda: alerted(office, "乙"), 120)
        until(lambda: not troubles(office), SOON)
        until(lambda: "索引用不了" not in desk.get("/").text, SOON)

        mortal.pause()  # accepts, answers nothing
        try:
            heard_at = time.monotonic()
            nobody_took(office, "集群不回音时的事")
            until(lambda: any("集群不回音时的事" in subject for subject in mails(office)), SOON)
            print(f"sent {time.monotonic() - heard_at:.1f} s after it was committed")
            assert desk.get("/incidents").status_code == 200
        finally:
            mortal.resume()
        heard(office, "丙")
        until(lambda: alerted(office, "丙"), 120)
        until(lambda: not unsent(office), SOON)
        assert dispatcher.poll() is None
    assert findings(office.home, office.db, office.index, datetime.now(UTC)) == []
    office.index.close()
    office.db.close()
