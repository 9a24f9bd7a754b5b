"""What may be said of an issue: counts, trend, words and phrases, each only as far as the charter lets it leave staging.

Pure: documents in, an `IssueFacts` out. From public posts nothing comes that fewer than k distinct voices share, and
every public count is a multiple of k (charter 2).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from models.taxonomy import TOPIC_NAMES
from pipeline import levels
from pipeline.dedup import alike, shared_spans, wordings
from pipeline.privacy.staging_keys import distinct_voices, rounded_down
from pipeline.records import SHANGHAI, Item
from pipeline.staging import Post

Number = TypeVar("Number", int, float)

KEYWORDS, PROFILE, PHRASES = 8, 40, 5
LEADING, NAMED = 2, 4  # keywords that a headline must hold one of; those that name an issue without reports
TELLS_LEAST = 1.2  # rarity of a keyword: 检察院 tells nothing here
REPEATED = 3  # copies of one text that count for its words
HALF_LIFE = timedelta(days=2)
_AMOUNT = re.compile(
    r"(?!12309)\d+|[\d一二两三四五六七八九十百千万几半]+[多来]?[个次块元万亿米座张天年月日人名家条只台岁分点]?"
)


@dataclass(frozen=True, slots=True)
class Before:
    """What was published of the issue earlier; public counts never fall, since what expired was heard."""

    voices: int = 0
    phrases: tuple[str, ...] = ()
    trend: tuple[tuple[str, int, int], ...] = ()
    site_groups: Mapping[str, int] | None = None
    topics: Mapping[str, float] | None = None
    first_at: datetime | None = None
    answered_at: datetime | None = None
    needs_answer: bool = False
    sensitive: bool = False
    office_ids: tuple[str, ...] = ()
    profile: Mapping[str, float] | None = None

    def joined(self, other: Before) -> Before:
        """What was published of two issues that became one.

        Counts of voices are the larger of both, since nobody knows whether they were the same people; an answer to either
        was given.
        """
        trend = {day: (items, voices) for day, items, voices in self.trend}
        for day, items, voices in other.trend:
            before = trend.get(day, (0, 0))
            trend[day] = (before[0] + items, max(before[1], voices))
        return Before(
            voices=max(self.voices, other.voices), phrases=tuple(_phrases(self.phrases, other.phrases)),
            trend=tuple((day, *trend[day]) for day in sorted(trend)), site_groups=_larger(self.site_groups, other.site_groups),
            topics=_larger(self.topics, other.topics), profile=_larger(self.profile, other.profile),
            first_at=min((at for at in (self.first_at, other.first_at) if at), default=None),
            answered_at=max((at for at in (self.answered_at, other.answered_at) if at), default=None),
            needs_answer=self.needs_answer or other.needs_answer, sensitive=self.sensitive or other.sensitive,
            office_ids=tuple(sorted({*self.office_ids, *other.office_ids})),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class IssueFacts:
    """Everything the desk may show of one issue; names are those of `desk.tables.IssueRow`."""

    office_ids: list[str]
    title: str
    keywords: list[str]
    phrases: list[str]
    topics: dict[str, float]
    level: int
    reasons: list[dict[str, Any]]
    heat: float
    voices: int
    items: int
    media_items: int
    official_items: int
    submissions: int
    outlets: list[str]
    site_groups: dict[str, int]
    trend: list[list[Any]]
    needs_answer: bool
    sensitive: bool
    profile: dict[str, float]
    first_at: datetime
    last_at: datetime


def describe(
    items: Sequence[Item], posts: Sequence[Post], before: Before, k: int, now: datetime, telling: Mapping[str, float]
) -> IssueFacts | None:
    """The facts of one issue, or None while it may not be seen (fewer than two stories, and never k voices).

    `items` are whole documents, one reading each; `posts` its staged public posts; `telling`: how much a word tells
    (`cluster.rarity`), from counts that may be seen. None also where nothing could be said of it: no office, no topic, no word.
    """
    fresh = [p for p in posts if not p.backfill]
    voices = max(before.voices, rounded_down(distinct_voices([p.voice for p in fresh]), k))
    stories = {i.story_id for i in items}
    if voices < k and len(stories) < 2:
        return None
    public = _Shared(fresh, k) if voices >= k else _Shared([], k)
    topics = _topics(items, public, before.topics or {})
    trend = _trend(items, fresh if voices >= k else [], before.trend, k)
    times = [i.occurred_at for i in items if not i.backfill] or [i.occurred_at for i in items]
    times += [min(now, at) for day, _, heard in trend if heard for at in _edges(str(day))]
    times = times or [now]
    first = min([*times, before.first_at] if before.first_at else times)
    outlets = {i.outlet: i.outlet_weight for i in items if i.channel == "media" and i.outlet}
    needs_answer = before.needs_answer or any(_asks(i) for i in items) or public.flag("needs_answer")
    sensitive = before.sensitive or any(i.sensitive for i in items) or public.flag("sensitive")
    facts = levels.Facts(
        topics=topics, voices=voices, outlets=len(outlets), outlet_weight=sum(outlets.values()), burst=_burst(trend, now),
        media=bool(outlets), official=any(i.channel == "official" for i in items), addressed=sum(_asks(i) for i in items),
        sensitive=sensitive, needs_answer_since=first if needs_answer else None, answered_at=before.answered_at,
    )  # fmt: skip
    level, reasons = levels.issue_level(facts, now)
    profile = _profile(items, public, before.profile or {})
    keywords = _keywords(profile, telling)
    offices = sorted({i.office_id for i in items} | public.offices() | {*before.office_ids})
    if not offices or not (items or topics or len(keywords) > 1):
        return None
    phrases = _phrases(shared_spans([(p.text, p.voice) for p in fresh], k), before.phrases)
    groups = Counter(before.site_groups or {})
    for group in {p.site_group for p in fresh}:
        heard = rounded_down(distinct_voices([p.voice for p in fresh if p.site_group == group]), k)
        if heard:
            groups[group] = max(groups[group], heard)
    return IssueFacts(
        office_ids=offices, title=_title(items, profile, telling, keywords, topics), keywords=keywords,
        phrases=phrases if voices >= k else [], topics=topics, level=level, reasons=[r.to_dict() for r in reasons],
        heat=_heat(items, trend, now), voices=voices, items=len({i.id for i in items}),
        media_items=len({i.id for i in items if i.channel == "media"}),
        official_items=len({i.id for i in items if i.channel == "official"}),
        submissions=len({i.id for i in items if i.channel == "submission"}), outlets=sorted(outlets), site_groups=dict(groups),
        trend=trend, needs_answer=needs_answer, sensitive=sensitive, profile=profile, first_at=first, last_at=max(times),
    )  # fmt: skip


class _Shared:
    """What k distinct voices of public posts share."""

    def __init__(self, posts: Sequence[Post], k: int) -> None:
        self.posts, self.k = posts, k
        self._wordings = wordings([p.text for p in posts])
        self._words: dict[str, list[int]] = defaultdict(list)
        for number, post in enumerate(posts):
            for word in set(post.words):
                self._words[word].append(number)

    def words(self) -> list[tuple[str, int]]:
        """Words that k voices use, with a weight, a multiple of k: the more use it in words of their own."""
        spoken = ((w, numbers) for w, numbers in self._words.items() if self._enough(numbers))
        return [(word, self.k + self._own_words(numbers)) for word, numbers in spoken]

    def _own_words(self, numbers: Sequence[int]) -> int:
        """Posts that hold a word, of each wording at most `REPEATED`, rounded down to a multiple of k."""
        wordings = Counter(self._wordings[n] for n in numbers)
        return rounded_down(sum(min(REPEATED, count) for count in wordings.values()), self.k)

    def flag(self, name: str) -> bool:
        return self._enough([n for n, p in enumerate(self.posts) if any(r[name] for r in p.offices.values())])

    def topic(self, topic: str) -> float:
        """Share of the voices that speak of `topic`, of two multiples of k; 0 below k voices."""
        numbers = [n for n, p in enumerate(self.posts) if any(topic in r["topics"] for r in p.offices.values())]
        voices = rounded_down(self._voices(numbers), self.k)
        return round(voices / rounded_down(self._voices(range(len(self.posts))), self.k), 2) if voices else 0.0

    def offices(self) -> set[str]:
        ids = {o for p in self.posts for o in p.offices}
        return {o for o in ids if self._enough([n for n, p in enumerate(self.posts) if o in p.offices])}

    def _enough(self, numbers: Sequence[int]) -> bool:
        return self._voices(numbers) >= self.k

    def _voices(self, numbers: Sequence[int]) -> int:
        return distinct_voices([self.posts[n].voice for n in numbers]) if len(numbers) >= self.k else 0


def _asks(item: Item) -> bool:
    return item.needs_answer and item.role in ("addressed", "subject") and not item.backfill


def _topics(items: Sequence[Item], public: _Shared, before: Mapping[str, float]) -> dict[str, float]:
    counts = Counter(t for i in items for t in i.topics)
    shares = {t: round(n / len(items), 2) for t, n in counts.items()} if items else {}
    for topic in TOPIC_NAMES:
        shares[topic] = max(shares.get(topic, 0.0), public.topic(topic), before.get(topic, 0.0) if not items else 0.0)
    return {t: s for t, s in sorted(shares.items(), key=lambda p: (-p[1], p[0])) if s > 0}


def _day(time: datetime) -> str:
    return time.astimezone(SHANGHAI).date().isoformat()


def _trend(items: Sequence[Item], posts: Sequence[Post], before: Sequence[Sequence[Any]], k: int) -> list[list[Any]]:
    """[[day, whole documents, public voices rounded down]], oldest first, at most 14 days."""
    whole: Counter[str] = Counter(_day(i.occurred_at) for i in {i.id: i for i in items}.values())
    heard: dict[str, int] = {str(day): int(voices) for day, _, voices in before}
    by_day: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        by_day[_day(post.occurred_at)].append(post)
    for day, those in by_day.items():
        heard[day] = max(heard.get(day, 0), rounded_down(distinct_voices([p.voice for p in those]), k))
    days = sorted({*whole, *(d for d, n in heard.items() if n)})
    return [[day, whole[day], heard.get(day, 0)] for day in days][-14:]


def _burst(trend: Sequence[Sequence[Any]], now: datetime) -> float:
    """The newest day's volume over the mean of the week before it (DESIGN §4: speed)."""
    today = _day(now)
    volume = {str(day): int(n) + int(v) for day, n, v in trend}
    days = [_day(now - timedelta(days=d)) for d in range(1, 8)]
    usual = max(1.0, sum(volume.get(d, 0) for d in days) / len(days))
    return volume.get(today, 0) / usual


def _heat(items: Sequence[Item], trend: Sequence[Sequence[Any]], now: datetime) -> float:
    """Weighted reports plus (rounded) voices, halved every two days."""

    def left(at: datetime) -> float:
        return float(0.5 ** (max(timedelta(), now - at) / HALF_LIFE))

    told = sum((1 + i.outlet_weight) * left(i.occurred_at) for i in items)
    said = sum(int(v) * left(datetime.fromisoformat(str(d)).replace(hour=12, tzinfo=SHANGHAI)) for d, _, v in trend)
    return round(told + said, 2)


def _edges(day: str) -> tuple[datetime, datetime]:
    """Begin and end of a Shanghai day: as fine as the time of public posts is told."""
    begin = datetime.fromisoformat(day).replace(tzinfo=SHANGHAI)
    return begin, begin + timedelta(days=1)


def _profile(items: Sequence[Item], public: _Shared, before: Mapping[str, float]) -> dict[str, float]:
    """Word → weight, by which later documents are compared: stories that hold it (in a title: twice) plus wordings.

    Never less than before: posts expire, and what was heard of them stays the issue's.
    """
    counts: Counter[str] = Counter()
    for told in _stories(items).values():
        counts.update(told)
    for word, held in public.words():
        counts[word] += held
    weights = {word: max(float(counts[word]), before.get(word, 0.0)) for word in {*counts, *before}}
    return dict(sorted(weights.items(), key=lambda p: (-p[1], p[0]))[:PROFILE])


def _stories(items: Iterable[Item]) -> dict[str, dict[str, int]]:
    """Story → its words: 2 for one in a title, else 1. Reprints are one story; a submission's title is a category."""
    stories: dict[str, dict[str, int]] = defaultdict(dict)
    for item in items:
        told = stories[item.story_id]
        for word in item.words:
            if item.channel != "submission":
                told[word] = max(told.get(word, 0), 2 if word in item.title else 1)
            elif word not in item.title:
                told[word] = max(told.get(word, 0), 1)
    return stories


def _keywords(profile: Mapping[str, float], telling: Mapping[str, float]) -> list[str]:
    known = [w for w in profile if telling.get(w, 0.0) >= TELLS_LEAST and not _AMOUNT.fullmatch(w)]
    scored = sorted(known, key=lambda w: (-profile[w] * telling[w], w))
    kept: list[str] = []
    for word in scored:
        if len(word) > 1 and not any(word in other or other in word for other in kept):
            kept.append(word)
    return kept[:KEYWORDS]


def _larger(one: Mapping[str, Number] | None, other: Mapping[str, Number] | None) -> dict[str, Number]:
    """Each key with the larger of its values."""
    joined = dict(one or {})
    for key, value in (other or {}).items():
        joined[key] = max(joined.get(key, value), value)
    return joined


def _phrases(found: Sequence[str], before: Sequence[str]) -> list[str]:
    """Each circulating text once, in the form found now."""
    kept: list[str] = []
    for phrase in (*found, *before):
        if not any(alike(phrase, other) or alike(other, phrase) for other in kept):
            kept.append(phrase)
    return kept[:PHRASES]


def _title(
    items: Sequence[Item], profile: Mapping[str, float], telling: Mapping[str, float], keywords: Sequence[str],
    topics: Mapping[str, float],
) -> str:  # fmt: skip
    """The headline whose words the other stories and the posts share most; without reports, topic and keywords.

    A headline that holds none of the leading keywords (情况通报) gets them in front.
    """
    reports = [i for i in items if i.channel in ("media", "official") and i.title]
    if not reports:
        topic = TOPIC_NAMES.get(next(iter(topics), ""), "公众讨论")
        return f"{topic}：{'、'.join(keywords[:NAMED])}" if keywords else topic
    stories = _stories(items)

    def shared(report: Item) -> float:
        own = stories[report.story_id]
        words = [w for w in own if w in report.title and w in profile]
        return sum(telling.get(w, 0.0) * math.log(max(1.0, 1 + profile[w] - own[w])) for w in words)

    best = max(reports, key=lambda i: (round(shared(i), 6), i.outlet_weight, -len(i.title), i.id))
    if not keywords or any(word in best.title for word in keywords[:LEADING]):
        return best.title
    return f"{'、'.join(keywords[:LEADING])}：{best.title}"
