"""What is wrong, where, by the name of the rule that it breaks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    rule: str
    where: str  # type:id, then the panel and column
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}: {self.text}"
