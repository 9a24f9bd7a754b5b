"""议题分析: what people talk about, where, in which words."""

from __future__ import annotations

from kibana_objects.boards.shared import HEARD_TOPICS, ROUNDED
from kibana_objects.charts import bars, cloud, heatmap, note, table
from kibana_objects.columns import by_time, count, each, highest, top, total
from kibana_objects.saved import Dashboard
from kibana_objects.searches import OURS
from kibana_objects.views import HEARD, ISSUE, MATERIAL

_WRITTEN = f'channel: media and {OURS} and not outlet: ""'
_PLACED = f'{OURS} and not region: ""'
_HELP = f"""{ROUNDED}

**检索要加引号**：`text: "不起诉"` 是整个词；不加引号会拆成“不起”“起诉”分别去找。示范见“检索示范”开头的保存的检索。"""

BOARD = Dashboard(
    "board-issues", "2 议题分析", "议题的热度、话题走势、关键词、媒体和地区。", "now-7d/d",
    (
        (14, (
            (28, bars("议题热度", ISSUE, top("title.keyword", "议题"), highest("heat", "热度"), style="bar_horizontal")),
            (20, note("怎么看", _HELP)),
        )),
        (14, (
            (48, table("议题一览", ISSUE, [each("level", "等级"), top("title.keyword", "议题", 20)], [
                highest("heat", "热度"), highest("voices", "公众人数"), highest("items", "材料"), highest("media_items", "媒体报道"),
                highest("submissions", "来信来电"), highest("occurred_at", "最近"),
            ])),
        )),
        (12, (
            (24, bars("材料的话题走势", MATERIAL, by_time(), count(), top("topics", "话题", 14), OURS)),
            (24, bars("公众讨论的话题走势（人数）", HEARD, by_time(), total("count", "人数"), top("label", "话题", 14), HEARD_TOPICS)),
        )),
        (12, (
            (24, heatmap("话题与日期", MATERIAL, by_time(), top("topics", "话题", 14), count(), OURS)),
            (24, cloud("材料里的词", MATERIAL, top("words", "词", 60), count(), OURS)),
        )),
        (12, (
            (16, bars("议题的关键词", ISSUE, top("keywords", "关键词", 20), count("议题"), style="bar_horizontal")),
            (16, bars("媒体", MATERIAL, top("outlet", "媒体", 15), count(), kql=_WRITTEN, style="bar_horizontal")),
            (16, bars("地区", MATERIAL, top("region", "地区", 15), count(), kql=_PLACED, style="bar_horizontal")),
        )),
        (12, (
            (24, bars("为什么是这个等级", ISSUE, top("factors", "因素"), count("议题"), each("level", "等级"), style="bar_horizontal_stacked")),
            (24, bars("各站点类别的议题", ISSUE, top("site_groups", "站点类别"), count("议题"), style="bar_horizontal")),
        )),
    ),
)  # fmt: skip
