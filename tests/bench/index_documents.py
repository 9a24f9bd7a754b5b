"""Synthetic documents for `index.py`: a stream, the same for the same seed, never held.

Texts are recombined from the sentences of the repository's own (fictional) corpus, so that words, pairs of characters and
labels are distributed and go together as in Chinese; invented places, names and numbers give the long tail. Lengths are
log-normal: media around 620 characters, official 750, submissions 170. Time runs over 180 days with the hours of a working
day; 3 % are older than first seen by up to the whole time, one media text in seven tells the day only. A third lies in an
issue (large and small, a week each), a third of the media texts are near-copies of a story.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from models.scorer import Scorer
from pipeline.records import SHANGHAI, Channel, Item

END = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
DAYS = 180
OFFICES = ("city", "district")
CHANNELS: dict[Channel, tuple[float, float, float]] = {  # share, median length, spread
    "media": (0.60, 620, 0.6),
    "official": (0.15, 750, 0.5),
    "submission": (0.25, 170, 0.7),
}
LONGEST = 6000
_STYLES = {
    "media": {"news", "account_article", "topic", "microblog"},
    "official": {"news", "notice", "account_article"},
    "submission": {"petition", "question", "call_note", "reply", "scam_victim", "comment"},
}
_HOURS = [2, 1, 1, 1, 1, 2, 4, 7, 11, 13, 13, 11, 9, 9, 11, 12, 12, 11, 9, 8, 8, 7, 5, 3]  # in Shanghai
_PLACES = "清江云溪桐岭石泉柳河东西南北白鹿青松金沙银杏玉带长安平新兴大小上下古城关林水山阳湖湾桥塘坪岗"
_DEEDS = (
    "查看 采访 核实 递交 走访 询问 登记 取证 拍照 签字 复印 等候 排队 投诉 上访 求助 调解 送达 清点 封存 交接 验收 试吃 检修 测量 "
    "施工 搬迁 装卸 报到 值守 巡查 劝说 协商 签收 缴费 退款 报名 面谈 听证 宣讲 发传单 义诊 植树 晨练 摆摊 送货 接孩子 修车"
).split()
_NAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"


@dataclass(frozen=True, slots=True)
class _Text:
    labels: dict[str, Any]
    sentences: tuple[tuple[str, tuple[str, ...]], ...]  # with the segmenter's words


class Documents:
    """Reads and segments the corpus once (about 30 MB); `stream` may be asked for any number of times."""

    def __init__(self, root: Path, scorer: Scorer) -> None:
        self._model, self._words_version = scorer.version, scorer.words_version
        texts = [
            _Text(row, tuple((s, tuple(dict.fromkeys(scorer.words(s)))) for s in _sentences(row["text"])))
            for path in sorted((root / "models" / "corpus").glob("*.jsonl"))
            for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        ]
        texts = [t for t in texts if t.sentences]
        self._texts = {c: [t for t in texts if t.labels["style"] in styles] for c, styles in _STYLES.items()}
        self._alike: dict[str, list[_Text]] = {}
        for text in texts:
            self._alike.setdefault(_kind(text.labels), []).append(text)

    def stream(self, seed: str, many: int) -> Iterator[Item]:
        """`many` documents in the order in which they were first seen. Another seed: other documents and ids."""
        rng = random.Random(seed)
        stories: deque[Item] = deque(maxlen=300)
        for number in range(many):
            item = self._item(rng, number / many)
            if item.channel == "media":
                if stories and rng.random() < 0.35:
                    item = _copy(rng, item, rng.choice(stories))
                else:
                    stories.append(item)
            yield item

    def _item(self, rng: random.Random, share: float) -> Item:
        channel = rng.choices(list(CHANNELS), [c[0] for c in CHANNELS.values()])[0]
        base = rng.choice(self._texts[channel])
        text, words = self._body(rng, base, channel)
        seen = _moment(rng, share)
        published, precision = _published(rng, seen, channel)
        labels, chances = base.labels, {f"{n}_p": round(rng.betavariate(6, 1.5), 3) for n in ("role", "sentiment")}
        week = int(share * DAYS // 7)
        issue = f"issue-{week:02d}-{min(300, int(rng.paretovariate(0.9))):03d}" if rng.random() < 0.35 else ""
        ident = f"{rng.getrandbits(128):032x}"
        outlet = f"某报{min(300, int(rng.paretovariate(0.8)))}" if channel == "media" else ""
        site = f"site{min(120, int(rng.paretovariate(0.7)))}.example.org"
        return Item(
            id=ident, office_id=OFFICES[rng.random() < 0.2], revision=1, channel=channel, source_id=site.split(".")[0],
            site=site, site_group="新闻网站" if channel == "media" else "本院", title=_title(rng, text, channel), text=text,
            occurred_at=published or seen, first_seen=seen, indexed_at=seen, content_hash=f"{rng.getrandbits(128):032x}",
            story_id=ident, role=labels["role"], sentiment=labels["sentiment"], topics=tuple(labels["topics"]),
            needs_answer=labels["needs_answer"], sensitive=labels["sensitive"],
            labels={
                "role": labels["role"], "sentiment": labels["sentiment"], "needs_answer": labels["needs_answer"],
                "sensitive": labels["sensitive"], "needs_answer_p": 0.5, "sensitive_p": 0.5, **chances,
                "topics": {topic: round(rng.uniform(0.5, 1), 3) for topic in labels["topics"]},
            },
            level=rng.choices((1, 2, 3, 4), (1, 5, 24, 70))[0], words=words, published_at=published,
            published_precision=precision, url=f"https://{site}/{ident[:12]}.html" if channel != "submission" else "",
            outlet=outlet, outlet_weight=round(rng.lognormvariate(0, 0.5), 2), region=f"第{rng.randint(1, 20)}区",
            source_ref=f"QJ-{rng.randint(1, 10**7)}" if channel == "submission" else "", issue_id=issue,
            backfill=published is not None and seen - published > timedelta(hours=48), extractor="1", model=self._model,
            words_version=self._words_version,
        )  # fmt: skip

    def _body(self, rng: random.Random, base: _Text, channel: Channel) -> tuple[str, tuple[str, ...]]:
        _, median, spread = CHANNELS[channel]
        wanted = min(LONGEST, max(20, int(rng.lognormvariate(math.log(median), spread))))
        chosen = [_invented(rng), *base.sentences]
        length = sum(len(s) for s, _ in chosen)
        alike = self._alike[_kind(base.labels)]
        while length < wanted:
            piece = rng.choice(rng.choice(alike).sentences) if rng.random() < 0.9 else _invented(rng)
            chosen.append(piece)
            length += len(piece[0])
        rng.shuffle(chosen)
        paragraphs = ("\n" if n % 4 == 3 else "" for n in range(len(chosen)))
        text = "".join(s + end for (s, _), end in zip(chosen, paragraphs, strict=True)).strip()
        return text, tuple(dict.fromkeys(word for _, words in chosen for word in words))


def _sentences(text: str) -> list[str]:
    return [s for s in re.findall(r"[^。！？!?\n]+[。！？!?]?", text) if len(s) > 4]


def _kind(labels: dict[str, Any]) -> str:
    return f"{labels['role']}/{labels['topics'][0] if labels['topics'] else ''}"


def _invented(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    place, person = "".join(rng.choices(_PLACES, k=3)), rng.choice(_NAMES)
    street = "".join(rng.choices(_PLACES, k=2)) + rng.choice("路街巷村")
    first, second = rng.choice(_DEEDS), rng.choice(_DEEDS)
    day = f"{rng.randint(1, 12)}月{rng.randint(1, 28)}日"
    return f"{day}，{person}某在{place}{street}{rng.randint(1, 999)}号{first}、{second}。", (place, street, first, second)


def _title(rng: random.Random, text: str, channel: Channel) -> str:
    if channel == "submission" and rng.random() < 0.7:
        return ""
    return re.split(r"[。！？!?\n]", text, maxsplit=1)[0][: rng.randint(12, 28)]


def _moment(rng: random.Random, share: float) -> datetime:
    """When it was first seen: days in order, hours as people work."""
    day = (END - timedelta(days=DAYS) + timedelta(days=share * DAYS)).astimezone(SHANGHAI)
    hour = rng.choices(range(24), _HOURS)[0]
    at = day.replace(hour=hour, minute=rng.randint(0, 59), second=rng.randint(0, 59), microsecond=0)
    return min(at.astimezone(UTC), END)


def _published(rng: random.Random, seen: datetime, channel: Channel) -> tuple[datetime | None, Any]:
    if channel == "submission":
        return None, "unknown"
    if rng.random() < 0.03:
        return seen - timedelta(days=rng.uniform(2, DAYS)), "minute"
    if channel == "media" and rng.random() < 1 / 7:
        return seen.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0).astimezone(UTC), "day"
    return seen - timedelta(minutes=int(rng.expovariate(1 / 120))), "minute"


def _copy(rng: random.Random, item: Item, story: Item) -> Item:
    """A near-copy: the story's text with another first sentence, at the copy's own time and place."""
    sentence, words = _invented(rng)
    return replace(
        item, text=sentence + story.text, title=story.title, words=tuple(dict.fromkeys((*words, *story.words))),
        story_id=story.story_id, role=story.role, sentiment=story.sentiment, topics=story.topics, labels=story.labels,
        needs_answer=story.needs_answer, sensitive=story.sensitive, issue_id=story.issue_id, office_id=story.office_id,
    )  # fmt: skip
