"""What every command needs: the home folder, the clock, the engines."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from models.errors import ModelsError
from pipeline.alerts.rules import load_rules
from pipeline.desk.database import Database
from pipeline.errors import ConfigurationError, RetryLater, TingjianError
from pipeline.index import open_index
from pipeline.index.engine import Index
from pipeline.records import SHANGHAI
from pipeline.response.plans import load_plans
from pipeline.settings import Home, load_home
from pipeline.steps.roster import load_post

DEFAULT_HOME = Path(".tingjian")
EXIT_CONFIGURATION, EXIT_RETRY = 2, 75  # 75: EX_TEMPFAIL of sysexits.h


@dataclass(frozen=True, slots=True)
class Context:
    """One command's world; `now` is the injected clock."""

    home: Home
    db: Database
    index: Index
    now: datetime


class Time(click.ParamType[datetime]):
    """`2026-11-21T08:00` (Asia/Shanghai unless it names a zone)."""

    name = "时间"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            time = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"“{value}”不是时间；写作 2026-11-21T08:00（北京时间）或 2026-11-21T00:00+00:00", param, ctx)
        return (time if time.tzinfo else time.replace(tzinfo=SHANGHAI)).astimezone(UTC)


F = TypeVar("F", bound=Callable[..., Any])


def home_option(function: F) -> F:
    """`--data-dir`, also from TINGJIAN_HOME."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=DEFAULT_HOME,
        envvar="TINGJIAN_HOME",
        show_default=True,
        help="数据目录；配置在其中的 config/ 里。",
    )(function)


def now_option(function: F) -> F:
    """`--now`: run as if it were then."""
    return click.option("--now", type=Time(), default=None, help="按这个时间运行（默认现在），如 2026-11-21T08:00。")(
        function
    )


def clock(now: datetime | None) -> datetime:
    """The one place where commands ask for the real time."""
    return now or datetime.now(UTC)


@contextmanager
def opened(data_dir: Path, now: datetime | None = None) -> Iterator[Context]:
    """Load the configuration, migrate and open the engines; close them at the end."""
    home = load_home(data_dir)
    db = Database(home.database_url)
    db.migrate()
    index = open_index(home)
    try:
        yield Context(home, db, index, clock(now))
    finally:
        index.close()
        db.close()


def check_configuration(home: Home, now: datetime) -> list[str]:
    """Read plans, rules and roster too; returns warnings. Raises ConfigurationError with file, line and field."""
    load_rules(home.config / "rules.yaml", load_plans(home.config / "plans"))
    return load_post(home).oncall.workdays.warnings(now.astimezone(SHANGHAI).date())


def run_command(command: Callable[[], Any]) -> None:
    """Run the command line; errors become one Chinese sentence and an exit code (2 configuration, 75 try later)."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        command()
    except ConfigurationError as error:
        _leave(f"配置有误：{error}", EXIT_CONFIGURATION)
    except RetryLater as error:
        _leave(f"稍后再试：{error}", EXIT_RETRY)
    except ModelsError as error:
        _leave(str(error), EXIT_CONFIGURATION)
    except TingjianError as error:
        _leave(str(error), 1)
    except OSError as error:
        if (words := _why_file(error)) is None:
            raise
        _leave(words, EXIT_RETRY)


def _leave(words: str, code: int) -> None:
    click.echo(words, err=True)
    sys.exit(code)


def _why_file(error: OSError) -> str | None:
    place = error.filename or "数据目录"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"磁盘已满，写不进 {place}：请清理后再运行，已提交的数据都在。"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"没有权限使用 {place}：请检查它的所有者和权限。"
    return None
