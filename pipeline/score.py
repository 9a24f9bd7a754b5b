"""Reading: which offices a text concerns, and what it says to each (labels of `models`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.office_names import OfficeNames
from models.scorer import Labels, Scorer
from pipeline.settings import Office

MAX_CHARACTERS = 20_000  # a longer text is read so far; it is kept whole


@dataclass(frozen=True, slots=True)
class Reading:
    """One text as one office reads it."""

    office_id: str
    labels: Labels


class Reader:
    """Scores texts for every office they concern. The first office reads what names none."""

    def __init__(self, scorer: Scorer, offices: Sequence[Office]) -> None:
        self.scorer = scorer
        self.offices = tuple(offices)
        self._names = {o.id: names_of(o) for o in offices}
        self._own = [(o.id, _pattern(o)) for o in offices]

    def read(self, texts: Sequence[tuple[str, str, Sequence[str]]]) -> list[list[Reading]]:
        """For each (title, text, office ids of its source): one reading per office it concerns, in the order of offices."""
        bodies = [f"{title}\n{text}"[:MAX_CHARACTERS] if title else text[:MAX_CHARACTERS] for title, text, _ in texts]
        concerned = [self._concerned(body, ids) for body, (_, _, ids) in zip(bodies, texts, strict=True)]
        readings: list[list[Reading]] = [[] for _ in texts]
        for office in self.offices:
            numbers = [n for n, ids in enumerate(concerned) if office.id in ids]
            labels = self.scorer.score([bodies[n] for n in numbers], self._names[office.id]) if numbers else []
            for number, label in zip(numbers, labels, strict=True):
                readings[number].append(Reading(office.id, label))
        return readings

    def words(self, title: str, text: str) -> tuple[str, ...]:
        """The content words of a text, each once, in order of appearance."""
        return tuple(dict.fromkeys(self.scorer.words(f"{title}\n{text}"[:MAX_CHARACTERS])))

    def _concerned(self, body: str, source_offices: Sequence[str]) -> list[str]:
        named = [office_id for office_id, pattern in self._own if pattern.search(body)]
        return named or list(source_offices) or [self.offices[0].id]


def sent_to_us(labels: Labels) -> Labels:
    """Labels of a message that came in by the office's own line: it is addressed to it, whether its words name it or not.

    What the model takes for another office's matter stays so. The probability is 1: the channel says it, not the model.
    """
    return labels if labels.role == "other_office" else replace(labels, role="addressed", role_p=1.0)


def names_of(office: Office) -> OfficeNames:
    """The gazetteer that the classifier needs of an office profile."""
    return OfficeNames.of(
        own=[office.name, office.short_name, *office.aliases], superior=office.superior, subordinate=office.subordinate
    )


def _pattern(office: Office) -> re.Pattern[str]:
    names = sorted({office.name, office.short_name, *office.aliases}, key=len, reverse=True)
    return re.compile("|".join(re.escape(n) for n in names if n))
