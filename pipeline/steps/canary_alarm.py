"""The way on which a missing canary is told: past outbox, dispatcher and, where need be, the database.

Whoever watches (the process of `tingjian up`, or `tingjian canary check --mail` from a cron) reads the roster and the
mail settings itself and sends at once.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from pipeline.desk.database import Database
from pipeline.errors import TingjianError
from pipeline.notify.identity import notification_id, short_id
from pipeline.notify.outcomes import Message, Sent
from pipeline.notify.senders import build_senders
from pipeline.records import SHANGHAI
from pipeline.settings import Home
from pipeline.steps.canary import Verdict, judge, passages
from pipeline.steps.roster import load_post


def look(home: Home, since: datetime | None, now: datetime) -> Verdict:
    """How the canary is; a database that does not answer is a missing canary too. Never raises for a broken engine.

    `since`: when the caller began to look; None: whatever the time, one that never was is no missing one.
    """
    db = Database(home.database_url)
    try:
        with db.read() as session:
            found = passages(session)
    except TingjianError as error:
        return Verdict("missing", f"查不到自检样本：{error}", None)
    except SQLAlchemyError as error:  # a damaged file, a schema that is not ours
        return Verdict("missing", f"查不到自检样本：数据库读不了（{type(error).__name__}）", None)
    finally:
        db.close()
    return judge(found, since or (datetime.fromtimestamp(0, now.tzinfo) if found else now), now)


def send_directly(home: Home, words: str, now: datetime) -> list[str]:
    """Mail duty and leader of every office without the outbox; returns who was not reached, and why.

    Raises ConfigurationError where roster or mail settings are wrong.
    """
    post = load_post(home)
    senders = build_senders(home)
    text = (
        f"{words}。\n\n自检样本每 15 分钟走一遍抓取、暂存、识别、入库、规则、待发，走不完说明其中一环停了，新的舆情可能也停在那里。\n"
        f"这封邮件由看守进程直接发出，不经过待发箱。请管理员检查。\n\n"
        f"运行状态：{post.desk_url}/system\n时间：{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M}\n"
    )
    missed = []
    for channel in post.channels:
        for person in post.oncall.people_for(("on_call", "leader"), now, [o.id for o in home.offices]):
            mail_id = notification_id("canary_alarm", words, now.isoformat(), channel, person.id)
            subject = "自检样本没有走完全程"
            message = Message(
                mail_id, short_id(mail_id), "self_alert", channel, person.mail, subject, text, "", now, 1, ""
            )
            outcome = senders[channel].send(message)
            if not isinstance(outcome, Sent):
                missed.append(f"{person.name}（{channel}）：{outcome.reason}")
    return missed
