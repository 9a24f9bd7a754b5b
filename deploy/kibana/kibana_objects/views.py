"""Data views: what an analyst may look at, by the fields of `pipeline.index.mapping`, with Chinese names and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from models.taxonomy import LABEL_NAMES, ROLE_NAMES, SENTIMENT_NAMES, TOPIC_NAMES, TOPICS
from pipeline.index.mapping import FIELDS, INCIDENTS, ISSUES, ITEMS, SIGNALS, SOURCES
from pipeline.levels import LEVEL_NAMES
from pipeline.records import CHANNEL_NAMES

TIME_FIELD = "occurred_at"
_KINDS = {
    "keyword": "string", "text": "string", "date": "date", "boolean": "boolean", "integer": "number", "long": "number",
    "float": "number",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A field as Lens sees it: `kind` is string, number, date or boolean."""

    kind: str
    aggregatable: bool
    searchable: bool
    text: bool


@dataclass(frozen=True, slots=True)
class View:
    """A data view over the office's alias of one kind of index; `timed` ones follow the dashboard's time range."""

    key: str
    kind: str
    name: str
    timed: bool = True

    @property
    def fields(self) -> Mapping[str, Field]:
        return fields_of(self.kind)


@cache
def fields_of(kind: str) -> Mapping[str, Field]:
    """Dotted name → field, of one kind of index."""
    return dict(_flat("", FIELDS[kind]))


def _flat(before: str, properties: Mapping[str, Any]) -> list[tuple[str, Field]]:
    found: list[tuple[str, Field]] = []
    for name, about in properties.items():
        if inner := about.get("properties"):
            found += _flat(f"{before}{name}.", inner)
            continue
        text = about["type"] == "text"
        known = Field(_KINDS[about["type"]], about.get("doc_values", not text), about.get("index", True), text)
        found.append((before + name, known))
        found += _flat(f"{before}{name}.", about.get("fields", {}))
    return found


MATERIAL = View("items", ITEMS, "材料（官方、媒体、来信来电）")
HEARD = View("signals", SIGNALS, "公众讨论（只有人数格，没有个人发言）")
ISSUE = View("issues", ISSUES, "议题")
INCIDENT = View("incidents", INCIDENTS, "处置事件")
INCIDENT_ANY_TIME = View("incidents-any-time", INCIDENTS, "处置事件（不限时间）", timed=False)
SOURCE = View("sources", SOURCES, "信源（不限时间）", timed=False)
VIEWS = (MATERIAL, HEARD, ISSUE, INCIDENT, INCIDENT_ANY_TIME, SOURCE)  # the desk's audit is for its own page: no view

_STATES = {"open": "待签收", "acknowledged": "处置中", "answered": "已回应", "closed": "已办结"}
_CLOCKS = {
    "acknowledge": "签收", "first_statement": "首次权威发布", "press_conference": "新闻发布会", "answer": "作出回应",
    "procedural_reply": "程序性答复", "result": "办理结果", "progress": "进展告知",
}  # fmt: skip
_YES_NO = {"true": "是", "false": "否"}
LOOKUPS: dict[str, Mapping[str, str]] = {
    "channel": CHANNEL_NAMES,
    **dict.fromkeys(("role", "labels.role"), ROLE_NAMES),
    **dict.fromkeys(("sentiment", "labels.sentiment"), SENTIMENT_NAMES),
    "topics": TOPIC_NAMES,
    "label": {**LABEL_NAMES, "true": "是"},
    "level": {str(number): name for number, name in LEVEL_NAMES.items()},
    "period": {"hour": "小时", "day": "天"},
    "dimension": {
        "all": "合计", "topic": "话题", "sentiment": "态度", "role": "与本院的关系", "needs_answer": "需要答复",
        "sensitive": "涉及受保护利益",
    },
    "published_precision": {"minute": "到分钟", "day": "到天", "unknown": "不详"},
    "subject_kind": {"issue": "议题", "item": "单件材料", "source": "信源"},
    "state": _STATES,
    "status": {"ok": "正常", "failing": "读取失败", "blocked": "不允许抓取", "empty": "没有新内容"},
    "kind": {"feed": "订阅", "listing": "列表页", "sitemap": "站点地图", "thread": "论坛主题", "api": "接口", "drop": "导入文件夹"},
    "factors": {"harm": "对人的损害", "reach": "传播范围", "speed": "升温速度", "uptake": "媒体跟进", "unanswered": "未答复时间"},
    **dict.fromkeys(("deadlines_met", "deadlines_missed", "deadlines_running"), _CLOCKS),
    **dict.fromkeys(("needs_answer", "sensitive", "backfill", "labels.needs_answer", "labels.sensitive", "enabled", "late"), _YES_NO),
}  # fmt: skip
_SECONDS = ("acknowledge_seconds", "answer_seconds", "close_seconds")
_SHARES = ("labels.role_p", "labels.sentiment_p", "labels.needs_answer_p", "labels.sensitive_p")

FIELD_NAMES: dict[str, str] = {
    "occurred_at": "时间", "first_seen": "首次发现", "indexed_at": "入库时间", "published_at": "发布时间", "received_at": "收到时间",
    "published_precision": "发布时间精度", "title": "标题", "title.keyword": "标题（全文）", "text": "正文", "words": "词",
    "words_version": "分词版本", "id": "材料编号", "doc_id": "文档编号", "story_id": "同文编号", "story_key": "本院同文编号",
    "office_id": "检察院", "channel": "渠道", "source_id": "信源编号", "site": "站点", "site_group": "站点类别", "outlet": "媒体",
    "outlet_weight": "媒体权重", "region": "地区", "regions": "地区", "role": "与本院的关系", "sentiment": "态度", "topics": "话题",
    "needs_answer": "需要答复", "sensitive": "涉及受保护利益", "level": "等级", "issue_id": "议题编号", "duplicates": "同文篇数",
    "revision": "修订号", "backfill": "补采旧文", "content_hash": "内容摘要值", "source_ref": "受理编号", "url": "网址",
    "evidence": "证据文件", "extractor": "提取器版本", "model": "模型版本", "labels.role": "识别：关系",
    "labels.role_p": "识别：关系的把握", "labels.sentiment": "识别：态度", "labels.sentiment_p": "识别：态度的把握",
    "labels.needs_answer": "识别：需要答复", "labels.needs_answer_p": "识别：需要答复的概率", "labels.sensitive": "识别：受保护利益",
    "labels.sensitive_p": "识别：受保护利益的概率",
    **{f"labels.topics.{topic}": f"识别：{TOPIC_NAMES[topic]}的概率" for topic in TOPICS},
    "signal_id": "人数格编号", "period": "时段", "dimension": "维度", "label": "标签", "count": "人数（向下取整到 k 的倍数）",
    "keywords": "关键词", "phrases": "共同说法", "phrases.keyword": "共同说法（全文）", "outlets": "媒体", "site_groups": "站点类别",
    "factors": "定级因素", "first_at": "首次出现", "answered_at": "回应时间", "updated_at": "更新时间", "heat": "热度",
    "voices": "公众人数（向下取整到 k 的倍数）", "items": "材料件数", "media_items": "媒体报道件数", "official_items": "官方发布件数",
    "submissions": "来信来电件数", "items_before_answer": "回应前三天的材料", "items_after_answer": "回应后三天的材料",
    "answer_seconds": "回应用时", "incident_id": "事件编号", "short_id": "短号", "subject_kind": "对象", "subject_id": "对象编号",
    "state": "状态", "plan_id": "预案", "deadlines_met": "按时完成的时限", "deadlines_missed": "逾期的时限",
    "deadlines_running": "进行中的时限", "acknowledged_at": "签收时间", "closed_at": "办结时间", "next_due_at": "下一个期限",
    "met": "按时个数", "missed": "逾期个数", "running": "进行中个数", "tasks": "任务数", "tasks_open": "未完成任务数",
    "acknowledge_seconds": "签收用时", "close_seconds": "办结用时", "name": "名称", "kind": "类型", "status": "最近一次采集",
    "last_ok_at": "最近成功", "last_run_at": "最近一次采集时间", "last_new_at": "最近有新内容", "enabled": "启用", "late": "迟到", "fresh_within_hours": "应在多少小时内更新",
}  # fmt: skip


def formats(view: View) -> dict[str, Any]:
    """`fieldFormatMap`: codes shown by their names, seconds as durations, probabilities as percentages."""
    made: dict[str, Any] = {}
    for name in view.fields:
        if name in LOOKUPS:
            entries = [{"key": key, "value": value} for key, value in LOOKUPS[name].items()]
            made[name] = {"id": "static_lookup", "params": {"lookupEntries": entries}}
        elif name in _SECONDS:
            made[name] = {
                "id": "duration",
                "params": {"inputFormat": "seconds", "outputFormat": "asHours", "outputPrecision": 1},
            }
        elif name in _SHARES or name.startswith("labels.topics."):
            made[name] = {"id": "percent", "params": {"pattern": "0.0%"}}
    return made


def labels(view: View) -> dict[str, Any]:
    """`fieldAttrs`: the Chinese name of each field."""
    return {name: {"customLabel": FIELD_NAMES[name]} for name in view.fields if name in FIELD_NAMES}
