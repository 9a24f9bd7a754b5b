"""Errors, named by what the caller must do.

TingjianError
├── ConfigurationError   fix a file and start again (names file, line, field)
├── RetryLater           the same call may succeed later; nothing was changed
├── QuarantineError      this input can't be used as it is: set it aside with the reason, go on with the next
├── Unreadable           sealed under a staging key that is dead: count it as expired, never retry
├── Refused              the charter or a permission forbids it; the message says which rule
└── Conflict             somebody else changed it first: load again
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path


class TingjianError(Exception):
    """Base of every error that this product raises on purpose."""


class ConfigurationError(TingjianError):
    """A configuration file is wrong. `str()` is a Chinese sentence naming file, line and field."""

    def __init__(self, message: str, *, file: Path | None = None, line: int | None = None, field: str = "") -> None:
        self.file, self.line, self.field, self.message = file, line, field, message
        place = "" if file is None else f"{file}" + (f" 第 {line} 行" if line else "")
        super().__init__("：".join(p for p in (place, field, message) if p))


class RetryLater(TingjianError):
    """Try again, not before `after` where the other side said so."""

    def __init__(self, message: str, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class QuarantineError(TingjianError):
    """`reason` is a short machine word (`bad_date`, `empty_text`); `detail` must be free of page text."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail


class Unreadable(TingjianError):
    """What was sealed can't be opened any more: its key has died (charter 2)."""


class Refused(TingjianError):
    """The charter or a permission forbids it."""


class Conflict(TingjianError):
    """The row changed since it was read."""


# What `QuarantineError.reason` is called in front of users.
REASONS: dict[str, str] = {
    "bad_date": "日期无法读懂",
    "bad_envelope": "封装损坏，无法拆开",
    "bad_file": "文件无法读取",
    "bad_gzip": "压缩内容损坏",
    "bad_mail": "不是邮件或已损坏",
    "bad_manifest": "批次清单损坏",
    "bad_mapping": "表达式用不到这样的内容上",
    "bad_row": "表格行有误",
    "empty_text": "正文为空",
    "index_refused": "索引不接受这一条",
    "missing_column": "表格缺少要读的列",
    "no_columns": "来源没有写 columns",
    "no_sitemaps": "robots.txt 没有写网站地图",
    "no_header": "表格没有表头",
    "no_identity": "条目没有编号也没有网址",
    "no_items": "api.items 指的地方不是列表",
    "no_posts": "主题页上找不到楼层，可能改版了",
    "not_feed": "不是订阅",
    "not_html": "不是网页",
    "not_json": "不是 JSON",
    "not_sitemap": "不是站点地图",
    "not_xml": "不是 XML",
    "too_large": "太大",
    "unexpected": "读取时出了意外",
    "zip_bomb": "解压后大得不正常，没有打开",
}
_DATABASE_WORDS: dict[int, str] = {
    sqlite3.SQLITE_FULL: "磁盘已满，请清理后再试",
    sqlite3.SQLITE_IOERR: "磁盘读写出错，可能已满",
    sqlite3.SQLITE_BUSY: "正被另一个进程占用",
    sqlite3.SQLITE_LOCKED: "正被另一个进程占用",
    sqlite3.SQLITE_READONLY: "文件只读",
    sqlite3.SQLITE_CANTOPEN: "文件打不开",
    sqlite3.SQLITE_NOMEM: "内存不足",
}
_DISK_WORDS: dict[int, str] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "磁盘已满，请清理后再试"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "没有写入权限"),
    errno.EMFILE: "打开的文件太多",
}


@contextmanager
def storage(what: str) -> Iterator[None]:
    """A full, read-only or locked store under `what` becomes RetryLater in Chinese words; a mistake in SQL stays one."""
    try:
        yield
    except sqlite3.OperationalError as error:
        words = _DATABASE_WORDS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)  # extended codes name the call
        if words is None:
            raise
        raise RetryLater(f"{what}暂时用不了：{words}") from error
    except OSError as error:
        words = _DISK_WORDS.get(error.errno or 0, error.strerror or type(error).__name__)
        raise RetryLater(f"{what}暂时用不了：{words}") from error
