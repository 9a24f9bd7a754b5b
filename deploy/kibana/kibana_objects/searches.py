"""Saved searches: lists for every day, and examples that teach the quotes.

In KQL an unquoted run of Chinese is cut into pairs of characters of which any may match; in quotes it is one phrase.
"""

from __future__ import annotations

from kibana_objects.saved import SavedSearch
from kibana_objects.views import HEARD, INCIDENT_ANY_TIME, ISSUE, MATERIAL, SOURCE

OURS = "role: (addressed or subject or mentioned)"
UNSURE = "labels.role_p < 0.6"
_ITEM_COLUMNS = ("title", "channel", "outlet", "role", "topics", "level")

ALL_MATERIAL = SavedSearch(
    "all-material", "全部材料", "本院的官方发布、媒体报道和来信来电，新的在前。", MATERIAL, _ITEM_COLUMNS
)
TO_ANSWER = SavedSearch(
    "to-answer", "须答复的来信来电", "群众向本院提出、需要答复的来信来电。", MATERIAL,
    ("title", "source_ref", "received_at", "topics", "level"), "channel: submission and role: addressed and needs_answer: true",
)  # fmt: skip
PHRASE = SavedSearch(
    "teach-phrase", "检索示范一：成词要加引号",
    "写 text: \"不起诉\" 才是整个词；不加引号会拆成“不起”“起诉”，凡有“起诉”的都会出来。把引号里的词换成要找的词即可。",
    MATERIAL, _ITEM_COLUMNS, 'title: "不起诉" or text: "不起诉"',
)  # fmt: skip
BOTH = SavedSearch(
    "teach-both", "检索示范二：两个词都要有",
    "and 是“都要有”，or 是“有一个就行”，not 是“不要”；每个词各加引号，混用时加括号。", MATERIAL, _ITEM_COLUMNS,
    'text: "检察" and (text: "电话" or text: "热线") and not text: "电视剧"',
)  # fmt: skip
WORD = SavedSearch(
    "teach-word", "检索示范三：按分好的词精确找",
    "words 是分词后的实词，整词相等才算，适合做统计；text 是逐字检索，适合查找原话。", MATERIAL, (*_ITEM_COLUMNS, "words"),
    'words: "诈骗"',
)  # fmt: skip
NARROW = SavedSearch(
    "teach-fields", "检索示范四：用字段缩小范围",
    "渠道、关系、等级等用代码：channel: media，role: addressed，level <= 2，outlet: \"清江日报\"；时间用右上角的时间选择。",
    MATERIAL, _ITEM_COLUMNS, "channel: media and level <= 2 and needs_answer: true",
)  # fmt: skip
RED_ORANGE = SavedSearch(
    "red-orange", "红色和橙色议题", "等级Ⅰ、Ⅱ的议题，最近还在谈的在前。公众人数一律向下取整到 k 的倍数。", ISSUE,
    ("level", "title", "heat", "voices", "items", "needs_answer"), "level <= 2",
)  # fmt: skip
OPEN_INCIDENTS = SavedSearch(
    "open-incidents", "未办结的处置事件", "不限时间；快到期限的在前。", INCIDENT_ANY_TIME,
    ("level", "short_id", "title", "state", "next_due_at", "running", "missed", "tasks_open"), "not state: closed",
    (("next_due_at", "asc"),),
)  # fmt: skip
LATE_SOURCES = SavedSearch(
    "late-sources", "迟到的信源", "超过约定时间没有新内容的信源；不限时间。", SOURCE,
    ("name", "channel", "status", "last_new_at", "last_ok_at", "fresh_within_hours"), "enabled: true and late: true",
    (("last_new_at", "asc"),),
)  # fmt: skip
UNSURE_LABELS = SavedSearch(
    "unsure", "把握不大的识别", "模型对“与本院的关系”的把握低于六成，值得人工看一眼。", MATERIAL,
    ("title", "role", "labels.role_p", "sentiment", "topics", "model"), UNSURE,
)  # fmt: skip
HEARD_CELLS = SavedSearch(
    "heard-cells", "公众讨论的人数格", "公众讨论只有这样的格子：检察院、站点类别、时段、标签、人数；没有个人发言，人数不足 k 的不写。", HEARD,
    ("site_group", "period", "dimension", "label", "count"),
)  # fmt: skip

SEARCHES = (
    ALL_MATERIAL, TO_ANSWER, PHRASE, BOTH, WORD, NARROW, RED_ORANGE, OPEN_INCIDENTS, LATE_SOURCES, UNSURE_LABELS, HEARD_CELLS,
)  # fmt: skip
