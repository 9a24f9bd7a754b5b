"""The labelled issues of tests/cases/issues, with the forwards that a small program adds: 2,000 posts and articles.

What people and editors do to a text on its way is done here, the same at every run: a prefix, a remark before it, an emoji
behind, a sentence cut off, the beginning only, another outlet's line. The texts themselves were written one by one.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from dataclasses import dataclass, replace
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "cases" / "issues"
TOTAL = 2000
HALVES = ("development", "test")
SHORTEST = 28  # characters of a text that anybody forwards

REMARKS = (
    "转", "转发", "扩散一下", "大家看看", "唉", "无语了", "群里看到的", "求证", "朋友圈都在发", "是真的吗",
    "帮转", "马克", "持续关注", "有点意思", "看得心里堵", "支持", "我们这边也在说", "顶", "来了", "评论区说说",
)  # fmt: skip
TAILS = ("", "", "", "！！", "😡", "👍", "…", "#沅北#", " @沅北发布", "🙏🙏", "（转）", "～", "😂", " 扩散！")
OUTLETS = ("沅北日报", "沅北晚报", "沅北网", "河畔周刊", "省法治报", "早间播报", "岚水新闻网", "法治在线")
_SENTENCE = re.compile(r"(?<=[。！？!?；])")


@dataclass(frozen=True, slots=True)
class Told:
    """One post or article. `hour`: hours since the first day began; `copy_of`: the id of the text it repeats, or ""."""

    id: str
    issue: str
    half: str
    hour: float
    channel: str
    site: str
    text: str
    title: str = ""
    thread: str = ""
    copy_of: str = ""

    @property
    def belongs(self) -> str:
        """The issue; chatter belongs to itself and its copies alone."""
        return self.issue or f"chatter:{self.copy_of or self.id}"


@dataclass(frozen=True, slots=True)
class LabelledIssue:
    """`terms`: a title that holds one of them says what the issue is about."""

    issue: str
    half: str
    terms: tuple[str, ...]


def load_issues() -> list[LabelledIssue]:
    rows = [json.loads(line) for line in (FOLDER / "issues.jsonl").read_text(encoding="utf-8").splitlines()]
    return [LabelledIssue(r["issue"], r["half"], tuple(r["terms"])) for r in rows]


def load_texts() -> list[Told]:
    """What was written, and forwards of it, 2,000 in all, oldest first."""
    written = [
        Told(**json.loads(line))
        for half in HALVES
        for line in (FOLDER / f"{half}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return sorted(written + _forwards(written), key=lambda t: (t.hour, t.id))


def set_hash() -> str:
    """16 hex digits over all 2,000 texts and the issues' terms: floors hold for this set only."""
    digest = hashlib.sha256()
    for told in load_texts():
        digest.update("\x1f".join(str(getattr(told, name)) for name in Told.__slots__).encode() + b"\x1e")
    for issue in load_issues():
        digest.update("\x1f".join((issue.issue, issue.half, *issue.terms)).encode() + b"\x1e")
    return digest.hexdigest()[:16]


def _forwards(written: list[Told]) -> list[Told]:
    rng = random.Random(20261125)
    sources = [t for t in written if t.channel != "submission" and len(t.text) >= SHORTEST]
    # A few texts go round, most do not; what belongs to no issue seldom does.
    weights = [(rng.paretovariate(1.1) if t.issue else 0.3) for t in sources]
    weights = [min(w, 12.0) for w in weights]
    made: list[Told] = []
    for number, source in enumerate(rng.choices(sources, weights, k=TOTAL - len(written))):
        hour = round(source.hour + min(rng.expovariate(1 / 9), 60.0) + 0.05, 2)
        made.append(replace(_forward(source, rng), id=f"{source.id}-{number:04d}", hour=hour, copy_of=source.id))
    return made


def _forward(source: Told, rng: random.Random) -> Told:
    if source.channel == "official":
        return replace(source, site=rng.choice(("区县院公众号", "政务号")), text=_reprinted(source.text, rng))
    if source.channel == "media" and rng.random() < 0.6:
        title = source.title if rng.random() < 0.7 else re.split(r"[ ｜：]", source.title)[0]
        return replace(source, site=rng.choice(OUTLETS), title=title, text=_reprinted(source.text, rng))
    text = f"【{source.title}】{source.text}" if source.title else source.text
    sentences = [s for s in _SENTENCE.split(text) if s]
    if len(sentences) > 1 and rng.random() < 0.35:
        text = "".join(sentences[:-1])
    elif rng.random() < 0.2:
        text = text[: max(SHORTEST, int(len(text) * rng.uniform(0.6, 0.9)))] + "…"
    if rng.random() < 0.5:
        text = f"{rng.choice(REMARKS)}{rng.choice('：，！ ')}{text}"
    if rng.random() < 0.25:
        text = f"{rng.choice(REMARKS)}//@某某：{text}"
    site = rng.choice(("微语", "老街论坛", "城事圈", "短视频评论", "业主群公开页"))
    return replace(source, channel="public", site=site, title="", thread="", text=text + rng.choice(TAILS))


def _reprinted(text: str, rng: random.Random) -> str:
    begin = rng.choice(("", "", "本报讯 ", "据沅北日报消息，", "（记者 通讯员）", "编者按："))
    end = rng.choice(("", "", "", "（来源：沅北日报）", "责任编辑：校对二组", "更多内容请关注本网。"))
    return f"{begin}{text}{end}"
