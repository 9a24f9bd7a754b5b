"""Which items an analyst reads next. Pure: candidates and a seed in, choices out.

A fifth is drawn at random from all candidates, also those that were decided for another reason (a sample of what is left
would be one of easy texts), so that precision and recall can be estimated from it without bias. A fifth are those that score
highest in a rare topic. The rest are those that the model is least certain of.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from models.taxonomy import ROLES, SENTIMENTS
from pipeline.records import Item

Part = Literal["uncertain", "rare", "random"]
BATCH = 20
RANDOM_SHARE = RARE_SHARE = 0.2
RARE_BELOW = 0.05  # a topic that fewer of the candidates carry is rare


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item of the period. `doubt`: label → 0 (certain) to 1; `topics`: those given, with probability.

    `drawn`: in the random sample already; `asked`: decided, skipped, or waiting with somebody.
    """

    id: str
    revision: int
    story_id: str
    channel: str
    doubt: dict[str, float]
    topics: dict[str, float]
    drawn: bool = False
    asked: bool = False

    @property
    def mean_doubt(self) -> float:
        return sum(self.doubt.values()) / max(len(self.doubt), 1)


@dataclass(frozen=True, slots=True)
class Chosen:
    item: Candidate
    part: Part
    why: str = ""  # the label that the model doubts most, or the rare topic


def choose(candidates: Iterable[Candidate], seed: str, size: int = BATCH) -> list[Chosen]:
    """At most `size` items in the order in which they are asked: 20 % random, 20 % rare topics, the rest uncertain.

    Uncertain ones also fill the place of a part that has too few. Near-copies are asked about once a batch, except at random.
    """
    every = sorted(candidates, key=lambda c: c.id)
    source = random.Random(seed)  # noqa: S311 - a fair draw, not a secret
    undrawn = [c for c in every if not c.drawn]
    drawn = source.sample(undrawn, min(round(size * RANDOM_SHARE), len(undrawn)))
    tasks = [Chosen(c, "random") for c in drawn]
    stories = {c.story_id for c in drawn}
    left = [c for c in every if not c.asked]
    tasks += _rare(rare_topics(every), left, source, stories, min(round(size * RARE_SHARE), size - len(tasks)))
    for c in sorted(left, key=lambda c: (-c.mean_doubt, c.id)):
        if len(tasks) >= size:
            break
        if c.story_id not in stories:
            tasks.append(Chosen(c, "uncertain", max(c.doubt, key=lambda label: c.doubt[label], default="")))
            stories.add(c.story_id)
    source.shuffle(tasks)
    return tasks


def rare_topics(candidates: Sequence[Candidate]) -> list[str]:
    """Topics that fewer than one in twenty candidates carry."""
    held = Counter(topic for c in candidates for topic in c.topics)
    return sorted(topic for topic, count in held.items() if count < RARE_BELOW * len(candidates))


def _rare(
    topics: list[str], left: Sequence[Candidate], source: random.Random, stories: set[str], most: int
) -> list[Chosen]:
    """The highest-scored of each topic in turn; which come first changes from batch to batch. Adds to `stories`."""
    source.shuffle(topics)
    ranked = {t: sorted((c for c in left if t in c.topics), key=lambda c: (c.topics[t], c.id)) for t in topics}
    found: list[Chosen] = []
    while len(found) < most and any(ranked.values()):
        for topic in topics:
            best = ranked[topic].pop() if ranked[topic] else None
            if best is not None and best.story_id not in stories and len(found) < most:
                found.append(Chosen(best, "rare", topic))
                stories.add(best.story_id)
    return found


def candidate_of(item: Item) -> Candidate:
    """What choosing needs of an item; its text is not kept."""
    said = item.labels
    topics = {str(t): float(p) for t, p in (said.get("topics") or {}).items()}
    doubt = {
        "role": _of_classes(float(said.get("role_p", 1)), len(ROLES)),
        "sentiment": _of_classes(float(said.get("sentiment_p", 1)), len(SENTIMENTS)),
        "needs_answer": _of_one(float(said.get("needs_answer_p", 0))),
        "sensitive": _of_one(float(said.get("sensitive_p", 0))),
        "topics": max((_of_one(p) for p in topics.values()), default=0.0),
    }
    return Candidate(item.id, item.revision, item.story_id, item.channel, doubt, topics)


def _of_classes(p: float, count: int) -> float:
    """1 where all classes are equally likely, 0 where one is certain."""
    return min(max((1 - p) / (1 - 1 / count), 0.0), 1.0)


def _of_one(p: float) -> float:
    return 1 - abs(2 * p - 1)
