"""Does a set of saved objects hold together, as Kibana 8.19 reads it, and does it keep the charter?

Kibana imports much that it then can't draw, and says nothing; so nothing is written that breaks a rule here. Each rule
has a name, and each name a test that breaks it.
"""

from __future__ import annotations

from collections.abc import Sequence

from kibana_objects.check import boards, charter, envelope, lens, references, views
from kibana_objects.check.problem import Problem
from kibana_objects.check.unpack import unpacked
from kibana_objects.columns import Json
from kibana_objects.saved import Office

__all__ = ["Problem", "check"]


def check(objects: Sequence[Json], office: Office) -> list[Problem]:
    """Every problem. What is wrong in shape is not looked at further."""
    problems = envelope.problems(objects, office)
    if problems:
        return problems
    opened = [unpacked(found) for found in objects]
    return [
        *views.problems(opened, office), *references.problems(opened), *boards.problems(opened), *lens.problems(opened),
        *charter.problems(opened),
    ]  # fmt: skip
