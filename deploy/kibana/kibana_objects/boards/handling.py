"""处置与时限: how fast the office answers, and what an answer does."""

from __future__ import annotations

from kibana_objects.charts import bars, donut, number, search
from kibana_objects.columns import by_time, count, each, highest, median, percentile, share, top, total
from kibana_objects.saved import Control, Dashboard
from kibana_objects.searches import OPEN_INCIDENTS
from kibana_objects.views import INCIDENT, INCIDENT_ANY_TIME, ISSUE

BOARD = Dashboard(
    "board-handling", "4 处置与时限", "处置事件的状态、时限的按时与逾期、签收和回应用时、回应前后的量。", "now-30d/d",
    (
        (6, (
            (12, number("未办结的事件", INCIDENT_ANY_TIME, count("件"), "not state: closed")),
            (12, number("没有逾期的事件占比", INCIDENT, share("占比", "missed: 0"))),
            (12, number("签收用时（中位数）", INCIDENT, median("acknowledge_seconds", "中位数"))),
            (12, number("回应用时（中位数）", INCIDENT, median("answer_seconds", "中位数"))),
        )),
        (12, (
            (16, donut("事件的状态", INCIDENT, each("state", "状态"), count("件"))),
            (32, bars("每日新开的事件", INCIDENT, by_time(), count("件"), each("level", "等级"))),
        )),
        (12, (
            (24, bars("时限：按时与逾期", INCIDENT, by_time(), [total("met", "按时"), total("missed", "逾期")])),
            (12, bars("按时完成的时限", INCIDENT, top("deadlines_met", "时限"), count("事件"), style="bar_horizontal")),
            (12, bars("逾期的时限", INCIDENT, top("deadlines_missed", "时限"), count("事件"), style="bar_horizontal")),
        )),
        (12, (
            (24, bars("各等级的签收用时", INCIDENT, each("level", "等级"), [
                median("acknowledge_seconds", "中位数"), percentile("acknowledge_seconds", "九成以内", 90)], style="bar")),
            (24, bars("各等级的回应用时", INCIDENT, each("level", "等级"), [
                median("answer_seconds", "中位数"), percentile("answer_seconds", "九成以内", 90)], style="bar")),
        )),
        (14, (
            (32, bars("回应前后各三天的材料", ISSUE, top("title.keyword", "议题", 15), [
                highest("items_before_answer", "回应前"), highest("items_after_answer", "回应后")], kql="answered_at: *",
                style="bar_horizontal")),
            (16, bars("各预案启动次数", INCIDENT, top("plan_id", "预案"), count("事件"), style="bar_horizontal")),
        )),
        (14, ((48, search(OPEN_INCIDENTS.key, "未办结的处置事件")),)),
    ),
    (Control("level", "等级", INCIDENT),),
)  # fmt: skip
