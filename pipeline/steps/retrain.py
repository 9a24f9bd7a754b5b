"""The weekly training: corrections as they still stand in the index teach and test a new model; what came of it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from models.corpus_reader import Example
from models.corrections import Correction
from models.features import prepare
from models.office_names import OTHER, OWN, RELATED, OfficeNames
from models.retrain import NAMES, Outcome
from models.retrain import retrain as train_again
from models.shelf import NothingBefore
from pipeline.desk.audit import record
from pipeline.desk.database import Database
from pipeline.desk.tables import Heartbeat
from pipeline.errors import Refused
from pipeline.index.engine import Index
from pipeline.response.announce import Post, tell
from pipeline.review.reviews import decisions
from pipeline.score import MAX_CHARACTERS, names_of
from pipeline.settings import Home
from pipeline.steps.locks import only_one
from pipeline.steps.model_news import TRAINED
from pipeline.steps.shelf import shelf_of
from pipeline.steps.troubles import note


@dataclass(frozen=True, slots=True)
class Gathered:
    """`gone`: the item is past its retention or was revised; `by_channel`: what only the channel tells, no text teaches."""

    corrections: list[Correction]
    gone: int
    by_channel: int


def retrain(home: Home, db: Database, index: Index, post: Post, now: datetime, say: Callable[[str], None]) -> Outcome:
    """Raises RetryLater where another training runs or the index is away, ModelsError where nothing can be trained."""
    with only_one(home.folder, "train"):
        found = gather(home, db, index)
        say(
            f"校对 {len(found.corrections)} 条可用；原文已到期或改动过 {found.gone} 条，关系只由渠道得知 {found.by_channel} 条，不用。"
        )
        outcome = train_again(shelf_of(home), found.corrections, say)
        problem = shelf_of(home).usable().problem
    lines = outcome.lines()
    with db.write() as session:
        session.merge(Heartbeat(name=TRAINED, beat_at=now, state={**asdict(outcome), "lines": lines}))
        note(session, "model", problem, now)
        if outcome.kind != "unchanged":
            offices = [o.id for o in home.offices]
            people = post.oncall.people_for(("on_call", "leader"), now, offices)
            key = ("retrain", outcome.kind, outcome.tried)  # the same model, refused again next week, is no news
            text = "\n".join(
                [
                    *lines,
                    "",
                    "要退回上一个：tingjian model rollback",
                    "",
                    f"模型质量：{post.desk_url}/review/quality",
                    "",
                ]
            )
            tell(session, post, people, key, "self_alert", f"分类模型：{NAMES[outcome.kind]}", text, offices, now)
    return outcome


def rollback(home: Home, db: Database, now: datetime) -> tuple[str, str]:
    """Return to the model before; (left, used now). Raises Refused where there is none, RetryLater while training runs."""
    with only_one(home.folder, "train"):
        try:
            left, used = shelf_of(home).back()
        except NothingBefore:
            raise Refused("现在用的就是随软件安装的模型，没有更早的版本可退") from None
        usable = shelf_of(home).usable()
    with db.write() as session:
        record(
            session,
            now,
            "system",
            [o.id for o in home.offices],
            "rollback_model",
            "page:quality",
            was=left,
            name=usable.version,
        )
        note(session, "model", usable.problem, now)
    return left, used or usable.version


def gather(home: Home, db: Database, index: Index) -> Gathered:
    """Every correction whose text is still there as it was read. Nothing of it is kept elsewhere (charter 8)."""
    names = {office.id: names_of(office) for office in home.offices}
    with db.read() as session:
        rows = decisions(session, names)
    found: list[Correction] = []
    gone = by_channel = 0
    for row in rows:
        item = index.get(row.item_id, [row.office_id])
        if item is None or item.revision != row.revision:
            gone += 1
            continue
        text = (f"{item.title}\n{item.text}" if item.title else item.text)[:MAX_CHARACTERS]
        labels = row.labels
        if (
            item.channel == "submission"
            and labels["role"] == "addressed"
            and not _names_one(text, names[row.office_id])
        ):
            by_channel += 1
            continue
        example = Example(
            id=f"{item.doc_id}:{item.revision}", text=text, style="correction", scenario=item.story_id, family=item.story_id,
            role=labels["role"], sentiment=labels["sentiment"], topics=frozenset(labels["topics"]),
            needs_answer=labels["needs_answer"], sensitive=labels["sensitive"],
        )  # fmt: skip
        found.append(Correction(example, names[row.office_id]))
    return Gathered(found, gone, by_channel)


def _names_one(text: str, office: OfficeNames) -> bool:
    """Whether a procuratorate is named: else nothing in a letter tells that it is addressed to one."""
    return any(mark in prepare([text], office)[0] for mark in (OWN, RELATED, OTHER))
