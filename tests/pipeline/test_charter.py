"""The charter in the structure of things: no place for an author, a closed list of tasks, no way to silence anybody."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from making import item
from pydantic import BaseModel

import pipeline
from pipeline.desk.tables import Base
from pipeline.index.documents import to_document
from pipeline.index.query import FIELDS
from pipeline.index.sqlite import SqliteIndex
from pipeline.response.plans import PUBLISHING, TASK_NAMES, Plan, PlanTask, TaskKind
from pipeline.staging import Staging

ROOT = Path(__file__).resolve().parents[2]

# Parts of a name that would hold who said something (charter 1).
PERSONAL = frozenset(
    "author authors handle avatar ip device devices nick nickname uid imei mac fingerprint cookie poster commenter follower "
    "followers fans weibo wechat openid gender age birthday phone mobile email homepage".split()
)
# Read only to be digested and dropped while parsing: names of a page's element, of a column in the office's own export, of a
# member of a public JSON answer.
READ_AND_DROPPED = {"Selectors.post_author", "Columns.author", "Fields.author"}


def personal(name: str) -> set[str]:
    return PERSONAL & set(re.split(r"[_\W]+", name.lower()))


def classes() -> Iterator[type]:
    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        if ".migrations" in module.name:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and value.__module__ == module.name:
                yield value


def test_no_dataclass_and_no_setting_has_a_field_for_who_said_it() -> None:
    found: set[str] = set()
    seen = 0
    for one in classes():
        names = [f.name for f in fields(one)] if is_dataclass(one) else []
        names += list(one.model_fields) if issubclass(one, BaseModel) else []
        seen += len(names)
        found |= {f"{one.__name__}.{name}" for name in names if personal(name)}
    assert seen > 300
    assert found == READ_AND_DROPPED


def test_no_column_of_any_table_has_one(tmp_path: Path) -> None:
    columns = {f"{t.name}.{c.name}" for t in Base.metadata.sorted_tables for c in t.columns}
    SqliteIndex(tmp_path / "index.db").close()
    Staging(tmp_path / "staging").close()
    for path in (tmp_path / "index.db", tmp_path / "staging" / "staging.db"):
        db = sqlite3.connect(path)
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns |= {f"{t}.{row[1]}" for t in tables for row in db.execute(f"PRAGMA table_info({t})")}
        db.close()
    assert len(columns) > 200
    assert [name for name in sorted(columns) if personal(name.partition(".")[2])] == []


def test_no_document_and_no_query_asks_for_one() -> None:
    assert [name for name in to_document(item(1)) if personal(name)] == []
    assert [name for name in (*FIELDS, *FIELDS.values()) if personal(name)] == []
    assert not set(FIELDS) & {"作者", "用户", "账号", "昵称", "头像", "发帖人", "楼主"}


def test_the_kinds_of_task_are_a_closed_list() -> None:
    """Charter 7, word for word."""
    assert [kind.value for kind in TaskKind] == [
        "verify_facts", "contact_department", "draft_statement", "approve_statement", "publish", "reply", "refer_complaint",
        "correct_record", "fix_service", "warn_public", "review",
    ]  # fmt: skip
    assert set(TASK_NAMES) == {kind.value for kind in TaskKind} and set(TASK_NAMES) >= PUBLISHING == {
        "publish",
        "warn_public",
    }


@pytest.mark.parametrize("kind", ["remove_post", "report_account", "trace_author", "drown_out", "delete", "举报", ""])
def test_no_plan_can_add_to_it(kind: str) -> None:
    with pytest.raises(ValueError, match="章程第 7 条"):
        PlanTask.model_validate({"kind": kind, "title": "t"})
    with pytest.raises(ValueError):
        Plan.model_validate({"id": "p1", "name": "n", "first_step": "s", "tasks": [], "remove": True})


SILENCING_WORDS = re.compile(
    r"remove|delete|takedown|report_?user|report_?account|trace|unmask|identify|drown|ban\b|block_?user|mute|downrank|astroturf",
    re.I,
)
SILENCING = re.compile(
    r"删帖|删除|撤稿|举报|投诉账号|追查|追踪|溯源|封号|禁言|屏蔽|压制|控评|水军|刷评|引导舆论|降权|沉帖|查找发帖人|落地查人"
)


def test_no_field_of_a_plan_and_no_address_of_the_desk_offers_silencing() -> None:
    names = [*Plan.model_fields, *PlanTask.model_fields, *(t.value for t in TaskKind), *TASK_NAMES.values()]
    source = (ROOT / "console" / "app.py").read_text(encoding="utf-8")
    addresses = re.findall(r'\("(/[^"]*)", [a-z_.]+\)', source)
    assert len(addresses) > 25
    assert [n for n in (*names, *addresses) if SILENCING_WORDS.search(n) or SILENCING.search(n)] == []


def test_no_button_link_or_form_of_the_desk_offers_it() -> None:
    offers = re.compile(r"<(?:button|a|summary|option|label)\b[^>]*>.*?</|(?:action|formaction|href)=\"[^\"]*\"", re.S)
    templates = sorted((ROOT / "console" / "templates").glob("*.html"))
    assert len(templates) > 15
    for path in templates:
        for offer in offers.findall(path.read_text(encoding="utf-8")):
            assert not SILENCING.search(offer) and not SILENCING_WORDS.search(offer), (path.name, offer)


def test_no_shipped_plan_rule_or_mail_speaks_of_it() -> None:
    shipped = [p for p in (ROOT / "deploy").rglob("*.yaml") if p.parent.name == "plans" or p.name == "rules.yaml"]
    shipped += [*(ROOT / "deploy" / "office").glob("*.yaml"), ROOT / "pipeline" / "response" / "messages.py"]
    assert len(shipped) > 8
    for path in shipped:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [
            line
            for line in lines
            if SILENCING.search(re.sub("不[^，。；]*", "", line)) and not line.lstrip().startswith("#")
        ] == [], path.name
