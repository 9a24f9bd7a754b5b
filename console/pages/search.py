"""检索 over whole items, and its export. Public posts are not in the index (charter 2)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from urllib.parse import urlencode

from starlette.responses import Response

from console.asking import Ask
from console.hits import marked, readings
from console.saved_view import find_saved, saved_searches
from console.words import full_time, level_words
from models.taxonomy import ROLE_NAMES, SENTIMENT_NAMES, TOPIC_NAMES, display_name
from pipeline.index.engine import Bucket, Field, Search
from pipeline.index.query import QueryError, parse
from pipeline.records import CHANNEL_NAMES, SHANGHAI, WHOLE, Item

SIZE = 20
EXPORT_MOST = 5000
_DANGEROUS = tuple("=+-@\t\r\n＝＋－＠|%")
FILTERS: tuple[tuple[str, Field, frozenset[str]], ...] = (
    ("channel", "channel", WHOLE),
    ("topic", "topics", frozenset(TOPIC_NAMES)),
    ("role", "role", frozenset(ROLE_NAMES)),
    ("level", "level", frozenset("1234")),
)
NAMES = (*(name for name, _, _ in FILTERS), "from", "to", "needs", "sensitive", "stories")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form said, as it is shown again, and the search it means."""

    query: str
    values: dict[str, str]
    search: Search | None
    problem: str

    @property
    def address(self) -> str:
        """The form as a query string."""
        return urlencode({"q": self.query, **{k: v for k, v in self.values.items() if v}})


def read_search(ask: Ask, form: Mapping[str, str]) -> Asked:
    """What `form` (an address's query, a saved search) asks for. Never raises: what can't be read is said in `problem`."""
    query = form.get("q", "").strip()
    values = {name: form.get(name, "").strip() for name in NAMES}
    try:
        filters: dict[Field, tuple[str, ...]] = {
            field: (values[name],) for name, field, known in FILTERS if _known(values[name], known)
        }
        since, until = _day(values["from"]), _day(values["to"])
        if since and until and since > until:
            raise QueryError("开始日期晚于结束日期")
        search = Search(
            ask.viewer.office_ids,
            query=parse(query),
            since=since,
            until=until + timedelta(days=1) if until else None,
            filters=filters,
            needs_answer=True if values["needs"] else None,
            sensitive=True if values["sensitive"] else None,
            collapse_stories=bool(values["stories"]),
        )
    except QueryError as error:
        return Asked(query, values, None, str(error))
    return Asked(query, values, search, "")


def search(ask: Ask) -> Response:
    return show(ask, read_search(ask, ask.query))


def show(ask: Ask, asked: Asked, refused: str = "") -> Response:
    """The page with its hits; `refused`: why this search was not saved."""
    problem, hits, total, after, bars = asked.problem, [], 0, None, []
    if asked.search is not None:
        try:
            page = ask.desk.index.search(asked.search, SIZE, ask.query.get("after") or None)
            hits, after = [(h.item, marked(h)) for h in page.hits], page.after
            days = ask.desk.index.histogram(asked.search, "day")
            total = ask.desk.index.count(asked.search) if asked.search.collapse_stories else sum(d.count for d in days)
            bars = spread(days)
        except (QueryError, ValueError, OverflowError) as error:
            problem = str(error) if isinstance(error, QueryError) else "翻页位置已失效，请重新检索。"
    ask.looked(
        "search", "search", q=asked.query[:500], **{k: v[:40] for k, v in asked.values.items() if v}, total=total
    )
    return ask.page(
        "search.html",
        status=400 if problem else 422 if refused else 200,
        asked=asked,
        refused=refused,
        saved_as=ask.form.get("name", ""),
        saved=saved_searches(ask),
        opened=find_saved(ask, ask.query.get("saved", "")),
        problem=problem,
        hits=readings(ask, hits),
        total=total,
        after=after,
        histogram=bars,
        continued=bool(ask.query.get("after")),
    )


def export(ask: Ask) -> Response:
    """The same search as CSV: whole items only, at most 5,000, cells that a spreadsheet would run made harmless."""
    asked = read_search(ask, ask.query)
    if asked.search is None:
        return ask.page("error.html", 400, code=400, message=f"查询有误：{asked.problem}")
    items: list[Item] = []
    after: str | None = None
    while len(items) < EXPORT_MOST:
        page = ask.desk.index.search(asked.search, 500, after)
        items += [h.item for h in page.hits if h.item.channel in WHOLE]
        after = page.after
        if after is None or not page.hits:
            break
    items = items[:EXPORT_MOST]
    ask.looked(
        "export", "search", q=asked.query[:500], **{k: v[:40] for k, v in asked.values.items() if v}, rows=len(items)
    )
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [
            "时间",
            "单位",
            "渠道",
            "来源",
            "标题",
            "正文",
            "与本院关系",
            "倾向",
            "话题",
            "需要答复",
            "涉及受保护利益",
            "等级",
            "链接",
            "受理编号",
        ]
    )
    for item in items:
        writer.writerow([harmless(cell) for cell in _cells(item, ask.desk.office_name(item.office_id))])
    name = f"tingjian-{ask.now.astimezone(SHANGHAI):%Y%m%d-%H%M}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def harmless(cell: str) -> str:
    """A cell that begins like a formula gets an apostrophe, in half and full width (OWASP, CSV injection)."""
    return (
        "'" + cell if cell.lstrip(" \u3000\ufeff\u200b").startswith(_DANGEROUS) or cell.startswith(_DANGEROUS) else cell
    )


def spread(buckets: list[Bucket]) -> list[tuple[str, int]]:
    """Days without gaps, at least a month of them; months where the days would be more than 120."""
    if not buckets:
        return []
    first, last = date.fromisoformat(buckets[0].key), date.fromisoformat(buckets[-1].key)
    counts = {b.key: b.count for b in buckets}
    length = max((last - first).days + 1, 30)
    if length <= 120:
        days = [last - timedelta(days=n) for n in range(length - 1, -1, -1)]
        return [(d.isoformat(), counts.get(d.isoformat(), 0)) for d in days]
    months: dict[str, int] = {}
    for key, number in counts.items():
        months[key[:7]] = months.get(key[:7], 0) + number
    return sorted(months.items())[-120:]


def _known(value: str, known: frozenset[str]) -> bool:
    if value and value not in known:
        raise QueryError(f"筛选条件里没有“{value[:30]}”这个值")
    return bool(value)


def _day(value: str) -> datetime | None:
    if not value:
        return None
    try:
        return datetime.combine(date.fromisoformat(value), time(), SHANGHAI)
    except ValueError:
        raise QueryError(f"“{value[:20]}”不是日期，请写成 2026-01-31 的样子") from None


def _cells(item: Item, office: str) -> list[str]:
    yes: dict[bool, Literal["是", "否"]] = {True: "是", False: "否"}
    return [
        full_time(item.occurred_at),
        office,
        CHANNEL_NAMES[item.channel],
        item.outlet or item.site_group,
        item.title,
        item.text[:30_000],
        ROLE_NAMES.get(item.role, item.role),
        SENTIMENT_NAMES.get(item.sentiment, item.sentiment),
        "、".join(display_name(t) for t in item.topics),
        yes[item.needs_answer],
        yes[item.sensitive],
        level_words(item.level),
        item.url,
        item.source_ref,
    ]
