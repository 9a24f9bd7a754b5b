"""信源: by outlet and channel, and who is late."""

from __future__ import annotations

from kibana_objects.boards.shared import HEARD_ALL
from kibana_objects.charts import bars, donut, number, search, table
from kibana_objects.columns import by_time, count, distinct, each, highest, share, top, total
from kibana_objects.saved import Dashboard
from kibana_objects.searches import LATE_SOURCES, OURS
from kibana_objects.views import HEARD, MATERIAL, SOURCE

BOARD = Dashboard(
    "board-sources", "3 信源", "各媒体、各渠道带来多少，信源是否新鲜。", "now-7d/d",
    (
        (12, (
            (24, bars("各渠道的材料", MATERIAL, by_time(), count(), each("channel", "渠道"), OURS)),
            (24, bars("篇数与去重后的篇数", MATERIAL, by_time(), [count("全部"), distinct("story_id", "同文只算一次")], kql=OURS,
                      style="line")),
        )),
        (14, (
            (32, table("各媒体", MATERIAL, [top("outlet", "媒体", 20)], [
                count(), distinct("story_id", "同文只算一次"), share("负面占比", "sentiment: negative"), highest("occurred_at", "最近一篇"),
            ], f'channel: media and {OURS} and not outlet: ""')),
            (16, donut("渠道", MATERIAL, each("channel", "渠道"), count(), OURS)),
        )),
        (12, (
            (24, bars("各站点类别的材料", MATERIAL, by_time(), count(), top("site_group", "站点类别"), OURS)),
            (24, bars("各站点类别的公众讨论（人数）", HEARD, by_time(), total("count", "人数"), top("site_group", "站点类别"), HEARD_ALL)),
        )),
        (16, (
            (48, table("信源的新鲜程度", SOURCE, [each("late", "迟到", direction="desc"), each("name", "信源", 100)], [
                highest("last_new_at", "最近有新内容"), highest("last_ok_at", "最近成功"), highest("last_run_at", "最近一次采集"),
                highest("fresh_within_hours", "应在多少小时内更新"),
            ], "enabled: true")),
        )),
        (12, (
            (10, number("迟到的信源", SOURCE, count("个"), "enabled: true and late: true")),
            (14, donut("最近一次采集的结果", SOURCE, each("status", "结果"), count("信源"), "enabled: true")),
            (24, search(LATE_SOURCES.key, "迟到的信源（明细）")),
        )),
    ),
)  # fmt: skip
