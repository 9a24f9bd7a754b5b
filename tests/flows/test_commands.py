"""The command line: what it says, to whom, and with which exit code."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import Cli, change

from flows.cli import tingjian
from flows.context import Time

COMMANDS = sorted(tingjian.commands)


@pytest.mark.parametrize("name", ["", *COMMANDS, "demo reset", "user add", "user link"])
def test_every_command_teaches(name: str) -> None:
    done = CliRunner().invoke(tingjian, [*name.split(), "--help"])
    assert done.exit_code == 0
    assert re.search("[一-鿿]{4}", done.output), "its help is in Chinese"
    undescribed = [line for line in done.output.splitlines() if re.fullmatch(r"  --[a-z-]+( [A-Z]+)?\s*", line)]
    assert not undescribed


def test_no_half_width_punctuation_in_chinese() -> None:
    for path in (Path(__file__).parents[2] / "flows").glob("*.py"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not re.search(r"[一-鿿][,;:?!](?!\S*[\])])|[一-鿿]\(|\([一-鿿]", line), (
                f"{path.name}:{number} {line}"
            )


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-21T08:00", "2026-11-21T00:00:00+00:00"),
        ("2026-11-21", "2026-11-20T16:00:00+00:00"),
        ("2026-11-21T08:00:30+00:00", "2026-11-21T08:00:30+00:00"),
        ("2026-11-21T08:00Z", "2026-11-21T08:00:00+00:00"),
    ],
)
def test_now_is_shanghai_time_unless_it_names_a_zone(text: str, utc: str) -> None:
    assert Time().convert(text, None, None).isoformat() == utc


def test_a_now_that_is_no_time_is_refused_in_words(cli: Cli, tmp_path: Path) -> None:
    for text in ("昨天", "2026-13-01", "12:00"):
        assert "不是时间" in cli("watch", "--now", text, "--data-dir", tmp_path, code=2).stderr


def test_init_writes_what_doctor_reads_and_doctor_says_what_is_missing(cli: Cli, tmp_path: Path) -> None:
    home = tmp_path / "home"
    said = cli("init", home).stdout
    assert str(home / "config") in said and "tingjian doctor" in said
    told = cli("doctor", "--data-dir", home, code=1).stdout
    for words in ("没有启用任何来源", "crawl.contact", "office.yaml 还是样例"):
        assert words in told
    assert "配置：" not in told, "the template itself is valid"
    assert list(home.iterdir()) == [home / "config"], "looking changes nothing"


def test_init_never_overwrites(cli: Cli, office: Path) -> None:
    assert "已经存在" in cli("init", office, code=1).stderr


def test_doctor_is_content_once_all_is_filled_in(cli: Cli, office: Path) -> None:
    change(office / "config/sources/news.yaml", "enabled: false", "enabled: true")
    assert "一切正常" in cli("doctor", "--data-dir", office).stdout


def test_doctor_names_the_secret_that_is_not_set(cli: Cli, office: Path) -> None:
    channels = "channels:\n  - {id: mail, kind: smtp, username_env: MAIL_USER, password_env: MAIL_PASSWORD}\n"
    path = office / "config/tingjian.yaml"
    path.write_text(f"crawl: {{contact: press@example.org}}\n{channels}", encoding="utf-8")
    assert "MAIL_USER" in cli("doctor", "--data-dir", office, code=1).stdout


def test_a_folder_without_configuration_is_told_to_run_init(cli: Cli, tmp_path: Path) -> None:
    for name in ("up", "crawl", "status"):
        assert "tingjian init" in cli(name, "--data-dir", tmp_path, code=2).stderr


BROKEN = [  # file, what stands there, what somebody writes, field
    ("sources/news.yaml", "kind: feed", "kind: rss", "kind"),
    ("sources/news.yaml", "every_minutes: 20", "every_minuts: 20", "every_minuts"),
    ("plans/scam-warning.yaml", "kind: verify_facts", "kind: remove_post", "tasks.0.kind"),
    ("rules.yaml", "level_at_most: 3", "sentiment: negative", "rules.0"),
    ("office.yaml", "id: our-office", "id: Our Office", "offices.0.id"),
    ("oncall.yaml", "handover_hour: 9", "handover_hour: 99", "rotations.0.handover_hour"),
    ("tingjian.yaml", "k: 5", "k: 2", "k"),
    ("tingjian.yaml", "k: 5", "k: 5]", ""),
]


@pytest.mark.parametrize(("name", "old", "new", "field"), BROKEN)
def test_a_mistake_names_file_line_and_field_and_stops_the_start(
    cli: Cli, office: Path, name: str, old: str, new: str, field: str
) -> None:
    path = office / "config" / name
    change(path, old, new)
    line = next(n for n, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if new in text)
    for arguments in (["up"], ["watch"]):
        said = cli(*arguments, "--data-dir", office, code=2).stderr
        assert said.startswith("配置有误：") and f"{path} 第 {line} 行：{field}" in said, said
    assert "配置：" in cli("doctor", "--data-dir", office, code=1).stdout


def test_status_is_json_for_others_and_chinese_for_people(cli: Cli, office: Path) -> None:
    state = json.loads(cli("status", "--json", "--data-dir", office).stdout)
    assert {"stages", "newest_heartbeat", "late_sources", "open_incidents", "outbox"} <= set(state)
    assert {"in", "out", "quarantined"} <= set(state["stages"]["ingest"])
    said = cli("status", "--data-dir", office).stdout
    assert "入库" in said and "通知：无" in said and "quarantined" not in said


def test_steps_run_on_an_empty_home(cli: Cli, office: Path) -> None:
    now = ("--data-dir", office, "--now", "2026-11-21T08:00")
    assert "没有要采集的来源" in cli("crawl", *now).stdout
    assert "入库 0 批" in cli("ingest", *now).stdout
    assert "议题 0 个" in cli("watch", *now).stdout
    assert "已写好" in cli("digest", *now).stdout
    assert "已写好" not in cli("digest", *now).stdout, "one a week"
    assert "发送 1 条" in cli("dispatch", *now).stdout
    assert "保养完成" in cli("upkeep", *now).stdout
    assert len(list((office / "outbox").glob("*.eml"))) == 1


def test_an_unknown_source_is_said_with_those_there_are(cli: Cli, office: Path) -> None:
    said = cli("crawl", "nowhere", "--data-dir", office, code=2).stderr
    assert "nowhere" in said and "forum" in said


def test_user_add_and_link(cli: Cli, office: Path) -> None:
    at = ("--data-dir", office)
    first = cli("user", "add", "wang", "--display-name", "王某", "--office", "our-office", *at).stdout
    second = cli("user", "link", "wang", *at).stdout
    links = [re.search(r"http://127\.0\.0\.1:8600/sign-in/(\S+)", said) for said in (first, second)]
    assert all(links) and links[0][1] != links[1][1]
    with closing(sqlite3.connect(office / "desk.db")) as c:
        stored = "".join(
            str(row) for table in ("users", "sign_in_links") for row in c.execute(f"SELECT * FROM {table}")
        )
    assert "wang" in stored and not [link for link in links if link[1] in stored], "a token is kept only as a digest"
    assert "our-office" in cli("user", "add", "li", "--display-name", "李某", "--office", "nowhere", *at, code=2).stderr
    assert "li" in cli("user", "link", "li", *at, code=2).stderr
    assert cli("user", "add", "wang", "--display-name", "王某", "--office", "our-office", *at, code=1).stderr


def test_demo_reset_only_deletes_a_demo(cli: Cli, office: Path, tmp_path: Path) -> None:
    assert "不是演示数据" in cli("demo", "reset", "--yes", "--data-dir", office, code=1).stderr
    assert "正式配置" in cli("demo", "--once", "--data-dir", office, code=1).stderr
    assert "正式配置" in cli("up", "--demo", "--data-dir", office, code=1).stderr
    assert (office / "config/office.yaml").exists()
    demo = tmp_path / "demo-home"
    (demo / "demo").mkdir(parents=True)
    (demo / "demo/state.json").write_text("{}")
    cli("demo", "reset", "--data-dir", demo, text="n\n", code=1)
    assert demo.exists()
    cli("demo", "reset", "--data-dir", demo, text="y\n")
    assert not demo.exists()


def test_score_reads_lines_and_json_lines(cli: Cli) -> None:
    texts = [
        "接到自称检察院的电话，让我把钱转到安全账户",
        json.dumps({"id": 7, "text": "12309 打了三天没人接\n请回复"}),
        "{不是 JSON",
        "",
    ]
    rows = [json.loads(line) for line in cli("score", text="\n".join(texts) + "\n").stdout.splitlines()]
    assert len(rows) == 4 and "id" not in rows[0] and rows[1]["id"] == 7
    assert "impersonation_scam" in rows[0]["topics"]
    assert all(
        0 <= row[name] <= 1 for row in rows for name in ("role_p", "sentiment_p", "needs_answer_p", "sensitive_p")
    )
    assert all(0 <= p <= 1 for row in rows for p in row["topics"].values())
