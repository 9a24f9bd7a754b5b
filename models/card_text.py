"""The model card as a page: what it was trained on, how good it is, what was tried, and what it is not for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from models.evaluate import MEASURE_NAMES, MEASURES
from models.taxonomy import display_name

TRIED: Final = Path(__file__).parent / "corpus" / "TRIED.md"


def card_page(card: dict[str, Any]) -> str:
    """Markdown of one model's card (Chinese: analysts and leaders read it too)."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: dict[str, Any]) -> Iterator[str]:
    held = card["held_out"]
    yield f"# 模型卡：{card['version']}"
    yield ""
    yield "## 是什么"
    yield (
        f"线性模型（逻辑回归，词与字的 n-gram、词表和篇幅特征），分词引擎 {card['engine']}（{card['words_version']}）。"
        f"学习 {card['trained_on']} 条，语料 `{card['corpus_hash'][:12]}`，留出集 `{card['held_out_hash'][:12]}`（整族留出）。"
    )
    yield "语料与标注出自同一来源（为本项目撰写，全部虚构）；第二次标注也是同一类标注者盲标。分数只说明对这样的文本有多准。"
    yield ""
    yield f"## 留出集 {held['texts']} 条"
    yield from _table(
        ("指标", "值", "95% 区间"),
        [
            (MEASURE_NAMES[name], f"{held['measures'][name]:.3f}", "{:.3f} 至 {:.3f}".format(*held["intervals"][name]))
            for name in MEASURES
        ],
    )
    yield from _table(
        ("标签", "精确率", "召回率", "F1", "条数"),
        [
            (
                display_name(label),
                *(f"{row[key]:.2f}" for key in ("precision", "recall", "f1")),
                f"{row['support']:.0f}",
            )
            for label, row in held["labels"].items()
        ],
    )
    for title, key in (
        ("按文体，角色判对的比例", "role_accuracy_by_style"),
        ("按长度（字）", "role_accuracy_by_length"),
    ):
        rows = [(name, f"{row['accuracy']:.2f}", f"{row['texts']:.0f}") for name, row in held[key].items()]
        yield from _table((title, "比例", "条数"), rows)
    if "study" in card:
        yield from _study(card["study"])
    yield "## 试过什么"
    yield TRIED.read_text(encoding="utf-8").split("\n\n", 1)[1].strip()
    yield ""
    yield "## 不能做什么"
    yield "- “疑似不实信息”只表示文本像一个需要核实的说法，不是结论；是否属实由人核实。"
    yield "- 只看文本本身：看不见图片、上下文和发言者，也不应当看见。"
    yield "- 反讽、方言、隐语和一句话的评论最容易读错；概率低于六成的，请当作没有读懂。"
    yield "- 情感不参与定级；标签不能用来评价任何人。"


def _study(study: dict[str, Any]) -> Iterator[str]:
    yield "## 两次标注有多一致（500 条，Cohen's kappa）"
    yield from _table(
        ("标签", "kappa", "相同比例"),
        [(_name(label), f"{row['kappa']:.2f}", f"{row['same']:.2f}") for label, row in study["agreement"].items()],
    )
    yield "## 换一种留出"
    lofo = study["leave_families_out"]
    columns = (study["family_split"], study["random_split"], lofo["measures"])
    yield from _table(
        ("指标", "整族留出", "随机留出（偏高）", f"{lofo['families']} 族分 {lofo['groups']} 组轮流留出"),
        [(MEASURE_NAMES[name], *(f"{column[name]:.3f}" for column in columns)) for name in MEASURES],
    )
    yield "## 值班员的感受"
    stream = study["duty_stream"]
    yield (
        f"按真实比例模拟：一天 {stream['posts_a_day']} 条，召回率 {stream['recall']:.0%} 时。无关文本 {stream['irrelevant_texts']} 条，"
        "全部是真实的（商品和图书评论、旧报纸，取自安装的软件包）。"
    )
    rows = []
    for label in ("needs_answer", "sensitive"):
        felt = stream[label]
        cells = (_interval(felt[key], digits) for key, digits in (("precision", 3), ("false_alarms_a_day", 1)))
        rows.append((display_name(label), f"{felt['base_rate']:.1%}", *cells))
    yield from _table(("标签", "占比", "精确率", "一天误报"), rows)


def _interval(value: dict[str, float], digits: int) -> str:
    return f"{value['value']:.{digits}f}（{value['low']:.{digits}f} 至 {value['high']:.{digits}f}）"


def _name(label: str) -> str:
    return {"role": "角色", "sentiment": "情感"}.get(label) or display_name(label)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""
