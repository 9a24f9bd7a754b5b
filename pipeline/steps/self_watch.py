"""What the system must say about itself: old items read at once, posts that expired unheard, failed mails, engines away."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.desk.tables import Counter
from pipeline.notify.identity import notification_id
from pipeline.privacy.staging_keys import rounded_down
from pipeline.records import CHANNEL_NAMES, SHANGHAI, Item
from pipeline.response.announce import Post, tell
from pipeline.steps.troubles import TELL_AFTER, standing

UNUSUAL_LEAST = 200  # below it, posts that expire unheard are what a quiet town looks like
UNUSUAL_TIMES = 3.0


def summarise_backfill(session: Session, items: Sequence[Item], known: Sequence[str], post: Post, now: datetime) -> int:
    """Tell once what was read late (published more than 48 h before). Such items start no alert and no clock.

    `items` are those of the window, `known` the ids told of in the last round; returns how many were new.
    """
    told = set(known)
    new = [i for i in items if i.doc_id not in told]
    if new:
        offices = sorted({i.office_id for i in new})
        for office_id in offices:
            own = [i for i in new if i.office_id == office_id]
            duty = post.oncall.who(now, [office_id])
            subject, text = _summary(own, post)
            key = (office_id, *sorted(i.doc_id for i in own))
            tell(session, post, [duty.on_call], key, "summary", subject, text, [office_id], now)
    return len(new)


def _summary(items: Sequence[Item], post: Post) -> tuple[str, str]:
    by_channel = Tally(CHANNEL_NAMES[i.channel] for i in items)
    days = sorted(i.occurred_at.astimezone(SHANGHAI).date() for i in items)
    span = str(days[0]) if days[0] == days[-1] else f"{days[0]} 至 {days[-1]}"
    lines = [
        f"这次读到 {len(items)} 件较早的材料（发布于 {span}），已入库作为平时的对照，不触发告警、不起算时限。",
        "",
        *(f"  · {name} {count} 件" for name, count in by_channel.most_common()),
        "",
        f"检索：{post.desk_url}/search",
    ]
    return f"补录 {len(items)} 件较早的材料", "\n".join(lines) + "\n"


def self_alerts(session: Session, offices: Sequence[str], post: Post, now: datetime, k: int) -> int:
    """Once a day each: an unusual number of public posts expired unheard; notifications not sent; an engine that stays away."""
    today = now.astimezone(SHANGHAI).date()
    new = 0
    values = {
        row.day: row.value
        for row in session.scalars(
            select(Counter).where(
                Counter.name == "staging.expired", Counter.day >= (today - timedelta(days=7)).isoformat()
            )
        )
    }
    expired = values.pop(today.isoformat(), 0)
    usual = sum(values.values()) / 7
    if unusual(expired, usual):
        expired = rounded_down(expired, k)  # a public count, like every other (charter 2)
        text = (
            f"今天至少有 {expired} 条公众讨论在 72 小时内没有凑够人数，已按章程销毁（是此前一周日均的 {UNUSUAL_TIMES:.0f} 倍以上）。\n\n"
            "可能是议题过于分散，也可能是抓取或聚类出了问题。请看“信源”页各来源的状态。\n\n"
            f"信源：{post.desk_url}/sources\n"
        )
        new += _say(session, post, "expired", "未被听见的公众讨论异常多", text, offices, now)
    failed = session.get(Counter, ("dispatch.failed", today.isoformat()))
    if failed is not None and failed.value:
        text = f"今天有 {failed.value} 条通知被邮件服务器拒收，没有送达。请核对 oncall.yaml 里的邮箱。\n\n值班台：{post.desk_url}/\n"
        new += _say(session, post, "failed", "有通知没有送达", text, offices, now)
    for trouble in standing(session):
        if now - trouble.since >= TELL_AFTER:
            since = trouble.since.astimezone(SHANGHAI)
            text = (
                f"自 {since:%m-%d %H:%M} 起：{trouble.words}。\n\n"
                "请管理员检查，恢复后会自动继续。\n\n"
                f"值班台：{post.desk_url}/\n"
            )
            new += _say(session, post, f"trouble:{trouble.part}", trouble.words.partition("（")[0], text, offices, now)
    return new


def unusual(today: int, usual: float) -> bool:
    """Much more than on a usual day, and not just a few."""
    return today >= UNUSUAL_LEAST and today > UNUSUAL_TIMES * usual


def _say(
    session: Session, post: Post, what: str, subject: str, text: str, offices: Sequence[str], now: datetime
) -> int:
    people = post.oncall.people_for(("on_call", "leader"), now, offices)
    day = now.astimezone(SHANGHAI).date().isoformat()
    return tell(
        session, post, people, (what, day, notification_id(*offices)), "self_alert", subject, text, offices, now
    )
