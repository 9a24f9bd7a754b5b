"""Who is looking, and which rows that person may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, false, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from pipeline.desk.accounts import ROLE_NAMES, SignedIn
from pipeline.settings import Home


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in member of staff. `office_ids` of an administrator are all offices."""

    name: str
    display_name: str
    role: str
    office_ids: tuple[str, ...]
    csrf: str
    token_hash: str
    has_password: bool

    @property
    def admin(self) -> bool:
        return self.role == "admin"

    @property
    def role_name(self) -> str:
        return ROLE_NAMES.get(self.role, self.role)

    def may_see(self, office_ids: Iterable[str]) -> bool:
        """A row is seen by the offices on it; an administrator sees all."""
        return self.admin or bool(set(office_ids) & set(self.office_ids))

    def sees(self, column: InstrumentedAttribute[list[str]]) -> ColumnElement[bool]:
        """The same as a condition on a JSON column `office_ids`, on SQLite and PostgreSQL alike.

        Office ids are `[a-z0-9-]`, so that a quoted id in the JSON text is that id and nothing else.
        """
        if self.admin:
            return true()
        text: Any = cast(column, Text)
        return or_(false(), *(text.like(f'%"{office_id}"%') for office_id in self.office_ids))


def viewer_of(signed_in: SignedIn, home: Home) -> Viewer:
    user = signed_in.user
    known = [o.id for o in home.offices]
    mine = known if user.role == "admin" else [o for o in known if o in set(user.office_ids)]
    return Viewer(
        user.name,
        user.display_name,
        user.role,
        tuple(mine),
        signed_in.csrf,
        signed_in.token_hash,
        bool(user.password_hash),
    )
