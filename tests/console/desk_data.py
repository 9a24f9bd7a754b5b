"""A data folder for the desk's tests: real configuration files, real database, real index; rows through the ORM."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from pipeline.desk.database import Database
from pipeline.desk.tables import (
    BatchRow,
    DigestRow,
    Incident,
    IssueItem,
    IssueRedirect,
    IssueRow,
    Notification,
    Quarantined,
    SourceState,
)
from pipeline.index import open_index
from pipeline.index.engine import Index
from pipeline.records import SHANGHAI, Item, Signal
from pipeline.response.announce import Post
from pipeline.response.incidents import open_incident
from pipeline.response.oncall import load_oncall
from pipeline.response.plans import load_plans
from pipeline.settings import Home, load_home

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 13, 20, tzinfo=SHANGHAI).astimezone(UTC)
HOSTILE = '<script>alert("x")</script>'
CITY, DISTRICT = "qingjiang", "yunxi"

OFFICES = """
offices:
  - id: qingjiang
    name: 清江市人民检察院
    short_name: 清江市检察院
    subordinate: [清江市云溪区人民检察院]
    region: 清江市
    own_channels:
      - {id: portal, name: 门户网站, url: "https://own.example/", key_pages: [{name: 联系我们, url: "https://own.example/c"}]}
  - {id: yunxi, name: 清江市云溪区人民检察院, short_name: 云溪区检察院, superior: [清江市人民检察院], region: 云溪区}
"""
SETTINGS = """
k: 5
model_folder: no-model
desk: {host: 127.0.0.1, port: %d, mail_folder: mail, allowed_hosts: [desk.example.org]}
"""
SOURCES = {
    "rb": "{id: rb, name: 清江日报, kind: feed, channel: media, urls: ['http://news.example.org/rss.xml'], fresh_within_hours: 24}",
    "gov": "{id: gov, name: 清江检察网, kind: feed, channel: official, urls: ['http://gov.example.org/rss.xml']}",
    "hotline": "{id: hotline, name: 12309 热线导出, kind: drop, channel: submission, folder: drop,"
    " push_key_env: TINGJIAN_PUSH_HOTLINE, columns: {text: 诉求内容}}",
    "forum": "{id: forum, name: 清江社区, kind: thread, channel: public, urls: ['http://bbs.example.org/f'],"
    " selectors: {link: a, post: .p}, fresh_within_hours: 12}",
    "yx": "{id: yx, name: 云溪发布, kind: feed, channel: official, urls: ['http://yx.example.org/rss.xml'], offices: [yunxi]}",
}


def at(days: float = 0, hours: float = 0) -> datetime:
    return NOW - timedelta(days=days, hours=hours)


def configure(folder: Path, port: int = 8600) -> Home:
    config = folder / "config"
    (config / "sources").mkdir(parents=True)
    (config / "office.yaml").write_text(OFFICES, "utf-8")
    (config / "tingjian.yaml").write_text(SETTINGS % port, "utf-8")
    for name, text in SOURCES.items():
        (config / "sources" / f"{name}.yaml").write_text(text, "utf-8")
    shutil.copytree(REPOSITORY / "deploy" / "office" / "plans", config / "plans")
    shutil.copy(REPOSITORY / "deploy" / "office" / "oncall.yaml", config / "oncall.yaml")
    return load_home(folder)


def item(key: str, title: str, text: str, **more: object) -> Item:
    """A media item of the city's office, changed by `more`."""
    when = more.pop("when", at(1))
    assert isinstance(when, datetime)
    topics = more.get("topics", ("case_handling",))
    base = Item(
        id=hashlib.md5(key.encode()).hexdigest(),
        office_id=CITY,
        revision=1,
        channel="media",
        source_id="rb",
        site="news.example.org",
        site_group="本地媒体",
        title=title,
        text=text,
        occurred_at=when,
        first_seen=when + timedelta(minutes=20),
        indexed_at=when + timedelta(minutes=21),
        content_hash="0" * 32,
        story_id=key,
        role="subject",
        sentiment="neutral",
        topics=("case_handling",),
        needs_answer=False,
        sensitive=False,
        labels={
            "role": "subject",
            "role_p": 0.91,
            "sentiment": "neutral",
            "sentiment_p": 0.74,
            "topics": dict.fromkeys(topics, 0.83),  # type: ignore[call-overload]
            "needs_answer": False,
            "needs_answer_p": 0.2,
            "sensitive": False,
            "sensitive_p": 0.1,
        },
        level=3,
        published_at=when,
        published_precision="minute",
        url=f"http://news.example.org/{key}.html",
        outlet="清江日报",
        issue_id="issue-decision",
    )
    return replace(base, **more)  # type: ignore[arg-type]


STORY = (
    "11月18日,清江市人民检察院对一起故意伤害案作出不起诉决定,引发当地居民讨论。\n"
    "检察院工作人员表示,决定依据现有证据作出,被害人可在收到决定书后七日内申诉。\n"
    "多名居民希望检察院公开说明理由,并就是否举行公开听证作出答复。"
)


def items() -> list[Item]:
    found = [
        item("a1", "一起伤害案不起诉,居民盼检察院说明理由", STORY, when=at(0, 5), needs_answer=True, evidence="rb/a1.html.gz", duplicates=1),
        item("a2", "“为什么不起诉”:清江一案引热议", STORY.replace("居民", "网友"), when=at(1, 2), outlet="江北晚报"),
        item(
            "a3", "清江检察院提醒:检察机关不会电话要求转账", "近日有人冒充检察官,要求市民把钱转入所谓“安全账户”。凡是这样说的都是诈骗。",
            when=at(2), channel="official", source_id="gov", outlet="清江检察网", topics=("impersonation_scam", "official_release"), level=2,
            issue_id="issue-scam",
        ),
        item(
            "s1", "", "我连续三天拨打 12309,一直没有人接听,请问什么时候能打通?", when=at(3), channel="submission", source_id="hotline",
            outlet="", url="", source_ref="QJ-2026-1118-07", role="addressed", topics=("service_access", "help_request"),
            needs_answer=True, received_at=at(3), issue_id="issue-phone",
        ),
        item("f1", "网传检察院大楼停电三天", "有帖子称检察院大楼停电三天,尚未得到证实。", when=at(4), topics=("false_claim",), issue_id=""),
        item("x1", f"{HOSTILE}标题", f"正文里有{HOSTILE}和<b>标签</b>。", when=at(5), issue_id="", url="javascript:alert(1)"),
        item("c1", "=HYPERLINK(\"http://evil.example\",\"点我\")", "＝1+1 公式开头的正文", when=at(5, 1), issue_id=""),
        item("d1", "云溪区检察院开展送法进校园", "云溪区检察院的检察官走进校园。", when=at(2, 3), office_id=DISTRICT, channel="official",
             source_id="yx", outlet="云溪发布", topics=("praise",), level=4, issue_id="issue-yunxi"),
    ]  # fmt: skip
    archive = [
        item(
            f"o{n}",
            f"清江检察院公益诉讼督促整治河道第 {n} 期",
            "检察机关督促有关部门清理河道。" * 6,
            when=at(6 + n * 0.8),
            issue_id="",
            level=4,
        )
        for n in range(45)
    ]
    return found + archive


def issue(key: str, title: str, level: int, **more: object) -> IssueRow:
    values: dict[str, object] = {
        "id": key,
        "office_ids": [CITY],
        "title": title,
        "keywords": ["不起诉", "听证", "说明理由"],
        "phrases": [],
        "topics": {"case_handling": 0.8, "procedure_rights": 0.3},
        "level": level,
        "reasons": [
            {"factor": "reach", "name": "传播面", "value": 32, "points": 18, "text": "公众 20 人以上、2 家媒体"},
            {"factor": "unanswered", "name": "等待回应", "value": 61, "points": 12, "text": "已等待 61 小时没有回应"},
            {"factor": "speed", "name": "速度", "value": 3.1, "points": 8, "text": "今天是平常同一时段的 3 倍"},
        ],
        "heat": 50.0 - level,
        "voices": 20,
        "items": 2,
        "media_items": 2,
        "outlets": ["清江日报", "江北晚报"],
        "site_groups": {"本地论坛": 20},
        "trend": [[f"2026-11-{15 + n}", n // 2, 0 if n < 3 else 5 * (n - 2)] for n in range(7)],
        "needs_answer": True,
        "profile": {},
        "first_at": at(5),
        "last_at": at(0, 2),
        "updated_at": at(0, 1),
    }
    return IssueRow(**{**values, **more})


def issues() -> list[IssueRow]:
    return [
        issue("issue-scam", "冒充检察官要求转账到“安全账户”", 1, voices=15, media_items=1, official_items=1, sensitive=True,
              topics={"impersonation_scam": 1.0}, keywords=["安全账户", "转账", "冒充"],
              phrases=["接到自称检察官的电话千万不要转账"], first_at=at(4),
              reasons=[{"factor": "harm", "name": "对人的危害", "value": 1, "points": 40, "text": "正在发生的诈骗"},
                       {"factor": "reach", "name": "传播面", "value": 15, "points": 15, "text": "公众 15 人以上"}]),
        issue("issue-decision", "伤害案不起诉决定引发讨论", 2),
        issue("issue-phone", "12309 热线多日无人接听", 3, media_items=0, voices=5, submissions=6, sensitive=False,
              topics={"service_access": 1.0}, keywords=["12309", "无人接听"], first_at=at(0, 9)),
        issue("issue-yunxi", "云溪区检察院送法进校园", 4, office_ids=[DISTRICT], voices=0, needs_answer=False, media_items=0, official_items=1, reasons=[]),
        issue("issue-hostile", f"议题{HOSTILE}", 4, phrases=[HOSTILE], keywords=[HOSTILE], voices=0, reasons=[], needs_answer=False),
    ]  # fmt: skip


def signals() -> list[Signal]:
    cells = []
    for back in range(7):
        start = datetime(2026, 11, 21, tzinfo=SHANGHAI) - timedelta(days=back)
        cells.append(Signal(CITY, "本地论坛", "day", start.astimezone(UTC), "all", "all", 5 * (7 - back)))
        cells.append(Signal(DISTRICT, "本地论坛", "day", start.astimezone(UTC), "all", "all", 5))
    return cells


def mail(folder: Path, name: str, subject: str, text: str, html: str = "") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "听见 <tingjian@example.org>", "duty-a@example.org", subject
    message["Date"] = at(0, 2)
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(bytes(message))


def fill(home: Home, db: Database, index: Index) -> None:
    """Everything that the pages show."""
    index.write_items(items())
    index.write_signals(signals())
    post = Post(load_oncall(home.config / "oncall.yaml"), ("folder",), home.desk_url)
    plans = load_plans(home.config / "plans")
    evidence = home.evidence / "rb"
    evidence.mkdir(parents=True)
    (evidence / "a1.html.gz").write_bytes(gzip.compress(f"<html><body>{HOSTILE}{STORY}</body></html>".encode()))
    (home.folder / "secret.txt").write_text("不该给人看", "utf-8")
    with db.write() as s:
        s.add_all(issues())
        s.add(IssueRedirect(old_id="issue-old", new_id="issue-older", merged_at=at(1)))
        s.add(IssueRedirect(old_id="issue-older", new_id="issue-decision", merged_at=at(1)))
        s.add(IssueItem(item_id=items()[0].id, office_id=CITY, issue_id="issue-decision", added_at=at(1)))
        open_incident(s, key="scam", title="冒充检察官要求转账到“安全账户”", subject_kind="issue", subject_id="issue-scam",
                      group_key="issue:issue-scam", level=1, office_ids=[CITY], plan=plans["scam-warning"], post=post, now=at(0, 3),
                      reasons=["正在发生的诈骗", "公众 15 人以上"])  # fmt: skip
        open_incident(s, key="decision", title="伤害案不起诉决定引发讨论", subject_kind="issue", subject_id="issue-decision",
                      group_key="issue:issue-decision", level=2, office_ids=[CITY], plan=plans["disputed-decision"], post=post,
                      now=at(0, 0.2), reasons=["公众 20 人以上、2 家媒体"])  # fmt: skip
        open_incident(s, key="yunxi", title="云溪区的一件事", subject_kind="issue", subject_id="issue-yunxi", group_key="issue:issue-yunxi",
                      level=4, office_ids=[DISTRICT], plan=plans["general-response"], post=post, now=at(0, 1))  # fmt: skip
        s.add(SourceState(source_id="rb", last_run_at=at(0, 1), last_ok_at=at(0, 1), last_new_at=at(0, 5), last_status="ok", fetched=40,
                          captured=9, quarantined=1, refused=0))  # fmt: skip
        s.add(SourceState(source_id="gov", last_run_at=at(0, 1), last_ok_at=at(3), last_status="blocked", message="robots.txt 无法读取(503),按不许抓取处理",
                          fetched=0, captured=0, quarantined=0, refused=3))  # fmt: skip
        s.add(SourceState(source_id="forum", last_run_at=at(0, 20), last_ok_at=at(0, 20), last_status="ok", fetched=90, captured=63,
                          quarantined=3, refused=2))  # fmt: skip
        s.add(SourceState(source_id="hotline", last_run_at=at(0, 2), last_ok_at=at(0, 2), last_status="ok", fetched=2, captured=17,
                          quarantined=1, refused=0))  # fmt: skip
        s.add(BatchRow(id="b1", source_id="forum", created_at=at(1), committed_at=at(1), taken=66, items=0, staged=63, unchanged=0,
                       quarantined=3, expired=0, reasons={}))  # fmt: skip
        s.add(
            Quarantined(
                id="q1", source_id="hotline", reason="bad_date", detail="12309-20261119.xlsx 第 6 行", seen_at=at(2)
            )
        )
        s.add(
            Quarantined(
                id="q2", source_id="forum", reason="no_text", detail="http://bbs.example.org/t/1001", seen_at=at(2)
            )
        )
        for office in (CITY, DISTRICT):
            s.add(DigestRow(id=f"{office}:2026-W46", office_ids=[office], starts_at=at(12), ends_at=at(5), title=f"{office} 第46周周报",
                            facts={}, html=f"<html><head><title>t</title></head><body><h1>一周概况</h1>{HOSTILE}<p>本周公众 20 人以上谈到不起诉决定。</p></body></html>",
                            text="一周概况\n本周公众 20 人以上谈到不起诉决定。", created_at=at(5)))  # fmt: skip
        told = (
            s.query(Notification)
            .join(Incident, Incident.id == Notification.incident_id)
            .filter(Incident.title.like("冒充%"))
            .first()
        )
        assert told is not None
        short = told.short_id
    mail(home.folder / "mail", "1.eml", f"[听见 {short}] 【红】冒充检察官要求转账", "Ⅰ级(红) 冒充检察官\n先做什么:发布提醒",
         f"<html><body><p>网页版</p>{HOSTILE}</body></html>")  # fmt: skip
    mail(home.folder / "mail", "2.eml", f"主题{HOSTILE}", f"正文{HOSTILE}")
    (home.folder / "mail" / "3.eml").write_bytes(
        b"Subject: =?utf-8?b?!!!?=\r\nDate: nonsense\r\nContent-Type: text/plain; charset=nope\r\n\r\n\xff\xfe"
    )


def build(folder: Path, port: int = 8600) -> tuple[Home, Database, Index]:
    """A filled data folder; the caller closes database and index."""
    home = configure(folder, port)
    db = Database(home.database_url)
    db.migrate()
    index = open_index(home)
    fill(home, db, index)
    return home, db, index
