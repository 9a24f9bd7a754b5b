"""Staff accounts: one-time sign-in links, passwords (argon2), sessions. Only digests of tokens are kept.

All functions take the caller's SQLAlchemy session and `now` (aware); they write audit lines but never commit.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from pipeline.desk.audit import record
from pipeline.desk.database import Database
from pipeline.desk.tables import AuditLine, SignInLink, User
from pipeline.desk.tables import Session as SessionRow
from pipeline.errors import Refused

ROLE_NAMES: dict[str, str] = {"admin": "管理员", "analyst": "分析员", "duty": "值班员", "leader": "负责人"}
LINK_LIFE = timedelta(hours=24)
FAILURE_WINDOW = timedelta(minutes=15)
FAILURES_ALLOWED = 8
PASSWORD_MIN, PASSWORD_MAX = 10, 200
_NAME = re.compile(r"^[a-z][a-z0-9._-]{1,31}$")
_hasher = PasswordHasher()
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))  # so that an unknown name takes as long as a wrong password


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session and whose it is."""

    user: User
    csrf: str
    token_hash: str
    expires_at: datetime


def digest(token: str) -> str:
    """The only form in which a token is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def sign_in_path(token: str) -> str:
    """Where a one-time link leads, below the desk's address."""
    return f"/sign-in/{token}"


# --- people ---------------------------------------------------------------------------------------------------------


def find_user(session: Session, name: str) -> User | None:
    """The user with this sign-in name who is not disabled."""
    return session.scalar(select(User).where(User.name == name.strip().lower(), User.disabled_at.is_(None)))


def create_user(
    session: Session,
    name: str,
    display_name: str,
    role: str,
    office_ids: Sequence[str],
    now: datetime,
    actor: str = "system",
) -> User:
    """A new account without password. Raises Refused (in Chinese) for a bad or taken name or an unknown role."""
    name = name.strip().lower()
    if not _NAME.match(name):
        raise Refused("登录名用 2–32 个小写字母、数字、点、横线或下划线，以字母开头")
    if name == "system":
        raise Refused("system 这个名字留给系统使用")
    if role not in ROLE_NAMES:
        raise Refused(f"没有“{role}”这种身份")
    if session.scalar(select(func.count()).select_from(User).where(User.name == name)):
        raise Refused(f"登录名 {name} 已经有人用了")
    if role != "admin" and not office_ids:
        raise Refused("请至少选一个单位：没有单位的账号什么也看不到")
    user = User(
        id=secrets.token_hex(16),
        name=name,
        display_name=display_name.strip()[:60] or name,
        role=role,
        office_ids=sorted(set(office_ids)),
        password_hash="",
        created_at=now,
        disabled_at=None,
    )
    session.add(user)
    session.flush()
    record(session, now, actor, user.office_ids, "create_user", f"user:{name}", role=role)
    return user


def disable_user(session: Session, user: User, now: datetime, actor: str = "system") -> None:
    """End the account, its sessions and its open links. Raises Refused for the last administrator."""
    if user.role == "admin":
        others = (
            select(func.count())
            .select_from(User)
            .where(User.role == "admin", User.disabled_at.is_(None), User.id != user.id)
        )
        if not session.scalar(others):
            raise Refused("这是最后一个管理员账号，不能停用")
    user.disabled_at = now
    session.execute(delete(SessionRow).where(SessionRow.user_id == user.id))
    _void_links(session, user, now)
    record(session, now, actor, user.office_ids, "disable_user", f"user:{user.name}")


def ensure_admin(db: Database, now: datetime) -> str | None:
    """Make the administrator `admin` at the first start. Returns the token of a one-time link as long as no
    administrator has a password (the console of the machine is then the only way in), else None."""
    with db.write() as session:
        admins = session.scalars(
            select(User).where(User.role == "admin", User.disabled_at.is_(None)).order_by(User.created_at)
        ).all()
        if any(a.password_hash for a in admins):
            return None
        admin = admins[0] if admins else create_user(session, "admin", "管理员", "admin", [], now)
        return sign_in_link(session, admin, now)


# --- one-time links ---------------------------------------------------------------------------------------------------


def sign_in_link(session: Session, user: User, now: datetime) -> str:
    """The token of a new link: 24 h, once. Earlier unused links of the user die. Only its SHA-256 is stored."""
    _void_links(session, user, now)
    token = secrets.token_urlsafe(32)
    session.add(
        SignInLink(token_hash=digest(token), user_id=user.id, created_at=now, expires_at=now + LINK_LIFE, used_at=None)
    )
    session.flush()
    return token


def link_user(session: Session, token: str, now: datetime) -> User | None:
    """Whom an unused, unexpired link would sign in; nothing changes (mail scanners follow links)."""
    return session.scalar(
        select(User)
        .join(SignInLink, SignInLink.user_id == User.id)
        .where(
            SignInLink.token_hash == digest(token),
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > now,
            User.disabled_at.is_(None),
        )
    )


def redeem_link(session: Session, token: str, now: datetime) -> User | None:
    """Use a link up; None where it is unknown, used or expired. Of two at once, one wins."""
    user = link_user(session, token, now)
    if user is None:
        return None
    used = session.execute(
        update(SignInLink)
        .where(SignInLink.token_hash == digest(token), SignInLink.used_at.is_(None))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    if int(getattr(used, "rowcount", 0)) != 1:
        return None
    record(session, now, user.name, user.office_ids, "sign_in", f"user:{user.name}", by="link")
    return user


def _void_links(session: Session, user: User, now: datetime) -> None:
    session.execute(
        update(SignInLink)
        .where(SignInLink.user_id == user.id, SignInLink.used_at.is_(None))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )


# --- passwords --------------------------------------------------------------------------------------------------------


def set_password(session: Session, user: User, password: str, now: datetime, keep: str = "") -> None:
    """Store an argon2 hash and end the user's other sessions (all but token hash `keep`). Raises Refused."""
    if len(password) < PASSWORD_MIN:
        raise Refused(f"密码至少 {PASSWORD_MIN} 个字符")
    if len(password) > PASSWORD_MAX:
        raise Refused(f"密码最多 {PASSWORD_MAX} 个字符")
    if len(set(password)) < 5 or user.name in password.lower():
        raise Refused("这个密码太容易猜到：不要用重复的字符，也不要包含登录名")
    user.password_hash = _hasher.hash(password)
    session.execute(delete(SessionRow).where(SessionRow.user_id == user.id, SessionRow.token_hash != keep))
    _void_links(session, user, now)
    record(session, now, user.name, user.office_ids, "set_password", f"user:{user.name}")


def password_fits(stored: str, password: str) -> bool:
    """Slow on purpose (argon2), also for an empty `stored`; call it outside a transaction."""
    try:
        return _hasher.verify(stored or _NOBODY, password[: PASSWORD_MAX + 1]) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


def too_many_failures(session: Session, name: str, now: datetime) -> bool:
    """Eight wrong passwords for one name within 15 minutes close it for the rest of them."""
    failures = session.scalar(
        select(func.count())
        .select_from(AuditLine)
        .where(
            AuditLine.at > now - FAILURE_WINDOW,
            AuditLine.action == "sign_in_failed",
            AuditLine.subject == f"user:{name}",
        )
    )
    return (failures or 0) >= FAILURES_ALLOWED


def note_failure(session: Session, user: User | None, now: datetime) -> None:
    """An audit line; what was typed as an unknown name is not kept, since it may be a password."""
    name = user.name if user else "?"
    record(session, now, "system", user.office_ids if user else [], "sign_in_failed", f"user:{name}")


def note_sign_in(session: Session, user: User, now: datetime) -> None:
    record(session, now, user.name, user.office_ids, "sign_in", f"user:{user.name}", by="password")


# --- sessions ---------------------------------------------------------------------------------------------------------


def start_session(session: Session, user: User, now: datetime, hours: int) -> str:
    """The cookie's token of a new session; clears expired ones on the way."""
    session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
    token = secrets.token_urlsafe(32)
    session.add(
        SessionRow(
            token_hash=digest(token),
            user_id=user.id,
            csrf=secrets.token_urlsafe(24),
            created_at=now,
            seen_at=now,
            expires_at=now + timedelta(hours=hours),
        )
    )
    session.flush()
    return token


def signed_in(session: Session, token: str, now: datetime) -> SignedIn | None:
    """Whose session this is, or None where it ended, expired or its user is disabled."""
    row = session.execute(
        select(SessionRow, User)
        .join(User, User.id == SessionRow.user_id)
        .where(SessionRow.token_hash == digest(token), SessionRow.expires_at > now, User.disabled_at.is_(None))
    ).first()
    if row is None:
        return None
    found, user = row
    return SignedIn(user, found.csrf, found.token_hash, found.expires_at)


def end_session(session: Session, token_hash: str, user: User, now: datetime) -> None:
    """Sign out."""
    session.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash))
    record(session, now, user.name, user.office_ids, "sign_out", f"user:{user.name}")


def same_secret(one: str, other: str) -> bool:
    """Constant-time comparison of two tokens; empty ones never agree."""
    return bool(one) and hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
