"""今日态势: what is there today, against the same weekday a week ago."""

from __future__ import annotations

from kibana_objects.boards.shared import HEARD_ALL, HEARD_SENTIMENT, HEARD_TOPICS
from kibana_objects.charts import bars, donut, number, search
from kibana_objects.columns import by_time, count, each, ratio, share, top, total
from kibana_objects.saved import Dashboard
from kibana_objects.searches import LATE_SOURCES, OPEN_INCIDENTS, OURS, RED_ORANGE
from kibana_objects.views import HEARD, ISSUE, MATERIAL, SOURCE

LAST_WEEK = "上周同日同时段"

BOARD = Dashboard(
    "board-today", "1 今日态势", "今天的量与上周同一天相比、负面占比、议题等级、红橙议题、迟到的信源。", "now/d",
    (
        (6, (
            (12, number("今日材料", MATERIAL, count("今日"), OURS, second=count(LAST_WEEK, shift="1w"))),
            (12, number("今日负面占比（材料）", MATERIAL, share("负面占比", "sentiment: negative"), OURS)),
            (12, number("今日需要答复", MATERIAL, count("需要答复", "needs_answer: true"), OURS)),
            (12, number("今日公众讨论人数", HEARD, total("count", "今日"), HEARD_ALL, second=total("count", LAST_WEEK, shift="1w"))),
        )),
        (12, (
            (24, bars("每小时材料：今日与上周同日", MATERIAL, by_time("1h"), [count("今日"), count("上周同日", shift="1w")], kql=OURS,
                      style="bar")),
            (24, bars("各渠道的态度", MATERIAL, top("channel", "渠道"), count(), each("sentiment", "态度"), OURS,
                      "bar_percentage_stacked")),
        )),
        (12, (
            (16, donut("今日议题的等级", ISSUE, each("level", "等级"), count("议题"))),
            (16, bars("公众在谈什么（人数）", HEARD, top("label", "话题"), total("count", "人数"), kql=HEARD_TOPICS,
                      style="bar_horizontal")),
            (16, number("今日公众讨论负面占比", HEARD,
                        ratio("负面占比", total("count", "", "label: negative"), total("count", "")), HEARD_SENTIMENT)),
        )),
        (14, (
            (24, search(RED_ORANGE.key, "最新的红色和橙色议题")),
            (24, search(OPEN_INCIDENTS.key, "未办结的处置事件")),
        )),
        (10, (
            (12, number("迟到的信源", SOURCE, count("个"), "enabled: true and late: true")),
            (36, search(LATE_SOURCES.key, "迟到的信源（明细）")),
        )),
    ),
)  # fmt: skip
