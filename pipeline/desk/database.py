"""Open the desk's database: SQLite (WAL, BEGIN IMMEDIATE) or PostgreSQL, migrated to the newest schema.

Both give the same: one write transaction at a time, so that what it read stays true, and reads of one moment. PostgreSQL
gets there by an advisory lock that a write takes first; sending, crawling and scoring happen outside transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session as DatabaseSession
from sqlalchemy.orm import sessionmaker

from pipeline.errors import ConfigurationError, RetryLater, storage

_MIGRATIONS = Path(__file__).with_name("migrations")
_WRITE_LOCK = 0x7469_6E67  # "ting": of this database, shared by all our processes
_LOCK_SECONDS, _CONNECT_SECONDS = 30, 10
_NOT_REACHED = "连不上或连接中断（检查服务器是否在运行，地址是否正确）"
_REFUSED = "数据库不让进：检查用户、密码、库名和它的权限"
_PASSING = ("slots", "closed the connection")  # said after the password was asked for, and yet no mistake of ours
_POSTGRESQL_WORDS = {
    "55P03": "正被另一个进程占用",
    "53100": "磁盘已满，请清理后再试",
    "53300": "连接太多",
}


class Database:
    """`with database.write() as s:` commits one transaction or nothing; `with database.read() as s:` never writes."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        if self.url.get_backend_name() == "postgresql" and "+" not in self.url.drivername:
            self.url = self.url.set(drivername="postgresql+psycopg")
        postgresql = self.url.get_backend_name() == "postgresql"
        connect_args = {"connect_timeout": _CONNECT_SECONDS} if postgresql else {}
        self.engine: Engine = create_engine(self.url, pool_pre_ping=True, connect_args=connect_args)
        if postgresql:
            event.listen(self.engine, "connect", _postgresql_connect)
            event.listen(self.engine, "begin", _postgresql_begin)
        else:
            event.listen(self.engine, "connect", _sqlite_connect)
            event.listen(self.engine, "begin", _sqlite_begin)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def write(self) -> Iterator[DatabaseSession]:
        """One transaction; it takes the write lock at once, so that what it read stays true.

        Raises RetryLater where the database can't be used now (disk full, locked, server gone). Nothing was changed then,
        unless a server went away in the moment of the commit; so what is written must be fit to be written again.
        Raises ConfigurationError where a server does not let us in (user, password, name of the database).
        """
        with (
            _trouble(),
            self.engine.connect().execution_options(tingjian_write=True) as connection,
            self._sessions(bind=connection) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def read(self) -> Iterator[DatabaseSession]:
        """A snapshot; changes are rolled back. Raises RetryLater as `write` does."""
        with _trouble(), self._sessions() as session:
            yield session
            session.expunge_all()  # rows stay readable after the rollback that closing brings

    def migrate(self) -> None:
        """Bring the schema to the newest revision; safe to run at every start."""
        if self.url.database and self.engine.dialect.name == "sqlite":
            with storage("数据目录"):
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with (
            _trouble(),
            self.engine.connect().execution_options(tingjian_write=True) as connection,
            connection.begin(),
        ):
            head = ScriptDirectory.from_config(config).get_current_head()
            if MigrationContext.configure(connection).get_current_revision() == head:
                return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _trouble() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if isinstance(error.orig, sqlite3.OperationalError):
            with storage("数据库"):
                raise error.orig from error
        if _refused(error.orig):
            raise ConfigurationError(_REFUSED, field="database_url") from error
        words = _POSTGRESQL_WORDS.get(getattr(error.orig, "sqlstate", None) or "", _NOT_REACHED)
        raise RetryLater(f"数据库暂时用不了：{words}") from error


def _refused(error: BaseException | None) -> bool:
    """Whether the server asked who we are and then said no. (A failed connection has no SQLSTATE, and its words a language.)"""
    tried = getattr(error, "pgconn", None)
    asked = tried is not None and (tried.used_password or tried.needs_password)
    return asked and not any(words in str(error) for words in _PASSING)


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves (SQLAlchemy's SQLite notes)
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={_LOCK_SECONDS}000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Any) -> None:
    write = connection.get_execution_options().get("tingjian_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgresql_connect(connection: Any, _record: Any) -> None:
    from psycopg.types.string import StrDumper  # brings libpq, which SQLite needs not load

    class WithoutNul(StrDumper):
        """PostgreSQL refuses NUL in text; one hostile character must not stop a step."""

        def dump(self, obj: str) -> bytes:
            return bytes(super().dump(obj.replace("\0", "")) or b"")

    connection.adapters.register_dumper(str, WithoutNul)


def _postgresql_begin(connection: Any) -> None:
    if connection.get_execution_options().get("tingjian_write", False):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
