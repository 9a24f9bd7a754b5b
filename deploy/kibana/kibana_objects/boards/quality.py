"""模型质量: what the classifier says, how sure it is, whether that drifts, what was decided otherwise."""

from __future__ import annotations

from kibana_objects.charts import bars, donut, heatmap, number, search, table
from kibana_objects.columns import average, by_time, count, each, groups, median, percentile, ranges, share, top
from kibana_objects.saved import Control, Dashboard
from kibana_objects.searches import UNSURE, UNSURE_LABELS
from kibana_objects.views import MATERIAL
from models.taxonomy import ROLE_NAMES, ROLES, SENTIMENT_NAMES, SENTIMENTS

_CHANGED = {
    **{f"关系：{ROLE_NAMES[v]}": f"labels.role: {v} and not role: {v}" for v in ROLES},
    **{f"态度：{SENTIMENT_NAMES[v]}": f"labels.sentiment: {v} and not sentiment: {v}" for v in SENTIMENTS},
    "需要答复": "labels.needs_answer: true and needs_answer: false",
    "不需要答复": "labels.needs_answer: false and needs_answer: true",
}
_ANY_CHANGE = " or ".join(f"({kql})" for kql in _CHANGED.values())
_SURE = {
    "低于六成": UNSURE,
    "六成到九成": "labels.role_p >= 0.6 and labels.role_p < 0.9",
    "九成以上": "labels.role_p >= 0.9",
}
_SPANS: dict[str, tuple[float | None, float | None]] = {
    "低于六成": (None, 0.6), "六成到七成五": (0.6, 0.75), "七成五到九成": (0.75, 0.9), "九成以上": (0.9, None),
}  # fmt: skip

BOARD = Dashboard(
    "board-quality", "5 模型质量", "标签数量、把握不大的占比、漂移、识别后改定的。只看材料，不含公众讨论。", "now-28d/d",
    (
        (12, (
            (16, bars("关系标签", MATERIAL, by_time(), count(), each("labels.role", "关系"))),
            (16, bars("态度标签", MATERIAL, by_time(), count(), each("labels.sentiment", "态度"), style="bar_percentage_stacked")),
            (16, bars("话题标签", MATERIAL, by_time(), count(), top("topics", "话题", 14))),
        )),
        (12, (
            (10, number("把握不大的占比", MATERIAL, share("低于六成", UNSURE))),
            (22, bars("把握的分布走势", MATERIAL, by_time(), count(), groups("把握", _SURE), style="bar_percentage_stacked")),
            (16, donut("需要答复的判断", MATERIAL, each("labels.needs_answer", "需要答复"), count())),
        )),
        (12, (
            (24, bars("漂移：把握的中位数与最低一成", MATERIAL, by_time(), [
                median("labels.role_p", "关系：中位数"), percentile("labels.role_p", "关系：最低一成", 10),
                median("labels.sentiment_p", "态度：中位数"), percentile("labels.sentiment_p", "态度：最低一成", 10)], style="line")),
            (24, bars("漂移：概率的平均值", MATERIAL, by_time(), [
                average("labels.needs_answer_p", "需要答复"), average("labels.sensitive_p", "受保护利益")], style="line")),
        )),
        (12, (
            (24, heatmap("哪种关系拿不准", MATERIAL, ranges("labels.role_p", "把握", _SPANS), each("labels.role", "关系"), count())),
            (24, table("各模型版本", MATERIAL, [top("model", "模型"), top("words_version", "分词")], [
                count(), median("labels.role_p", "把握的中位数"), share("低于六成", UNSURE)])),
        )),
        (12, (
            (10, number("识别后改定的占比", MATERIAL, share("改定", _ANY_CHANGE))),
            (38, bars("识别后改定的（按模型原判）", MATERIAL, groups("模型原判", _CHANGED), count(), style="bar_horizontal")),
        )),
        (14, ((48, search(UNSURE_LABELS.key, "把握不大的识别")),)),
    ),
    (Control("channel", "渠道", MATERIAL), Control("model", "模型版本", MATERIAL)),
)  # fmt: skip
