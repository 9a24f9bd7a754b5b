"""A source's YAML drafted from a look at its page: feeds, sitemaps, the list that repeats, a forum's posts."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from lxml import html

from crawlers.reading.forum import speaks_of_a_forum
from crawlers.reading.page import open_page
from crawlers.reading.thread import find_posts
from crawlers.reading.title import find_title
from crawlers.reading.tree import elements, name_of, named, select, text_of
from crawlers.spiders.entries import load_json
from crawlers.spiders.feeds import feed_entries
from crawlers.spiders.xml import sitemap_entries
from pipeline.errors import QuarantineError
from pipeline.settings.sources import is_profile
from pipeline.urls import host_key

FEWEST = 3  # links that make a list
_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json")
_DAY = re.compile(r"(?:19|20)\d\d[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}|(?<!\d)\d{2}-\d{2}(?!\d)")
_USABLE = re.compile(r"[A-Za-z_][\w-]*")
_STATE = re.compile(r"^(?:on|cur|current|active|first|last|odd|even|hover|clearfix|fl|fr|col\w*|row)$|\d{3,}", re.I)
_is_frame = named(r"nav|navbar|menu|header|top|footer|foot|crumbs?|breadcrumbs?|sidebar|side|links?|pager?|pagination")
_DISCUZ = {
    "link": "a.s.xst",
    "next_page": "a.nxt",
    "post": "div[id^=post_]",
    "post_author": ".authi a.xw1",
    "post_text": "td.t_f",
    "post_date": "em[id^=authorposton]",
    "title": "#thread_subject",
}
# publishing systems for which deploy/sources has a template, by what their list pages hold
_SYSTEMS = {
    "procuratorate-portal": re.compile(rb"commonList_con"),
    "government-jcms": re.compile(rb"<datastore|/art/20\d\d/\d\d?/\d\d?/art_"),
    "government-kaipu": re.compile(rb"createPageHTML\s*\(\s*['\"][A-Za-z]"),
    "government-trs": re.compile(rb"createPageHTML|TRS_Editor|/t20\d{6}_\d+\."),
    "government-php": re.compile(rb"index\.php\?m=content"),
    "forum-discuz-mobile": re.compile(
        rb"mobile=2.{0,20000}Powered by Discuz|Powered by Discuz.{0,20000}mobile=2", re.S
    ),
    "forum-discuz": re.compile(rb"Powered by Discuz"),
}
# names that values of public JSON usually go by
_JSON_NAMES = {
    "id": ("id", "docId", "articleId", "newsId", "tid", "uuid"),
    "url": ("url", "link", "docUrl", "href", "pubUrl"),
    "title": ("title", "docTitle", "subject", "headline", "name"),
    "text": ("content", "text", "body", "docContent", "docHtmlCon", "detail"),
    "published_at": (
        "publishTime",
        "pubDate",
        "published_at",
        "publishDate",
        "docRelTime",
        "createTime",
        "date",
        "time",
    ),
    "outlet": ("source", "docSourceName", "origin"),
}


@dataclass(slots=True)
class Looked:
    """What was found at an address. `feeds` and `sitemaps` were opened and hold entries."""

    url: str = ""
    body: bytes = b""
    content_type: str = ""
    feeds: list[str] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)
    topic_url: str = ""
    topic: bytes = b""
    topic_type: str = ""
    profile: bool = False


def feed_links(body: bytes, content_type: str) -> list[str]:
    """Feeds that a page names; [] where it is no page."""
    root = _page(body, content_type)
    if root is None:
        return []
    found = [e.get("href") for e in root.iter("link") if (e.get("type") or "").lower() in _FEED_TYPES]
    found += [e.get("href") for e in root.iter("a") if re.fullmatch(r"RSS.{0,4}|订阅|ATOM", text_of(e).strip(), re.I)]
    return [str(href) for href in dict.fromkeys(found) if href]


def first_topic(body: bytes, content_type: str, url: str) -> str:
    """Where the first topic of a forum's list is; "" where the page is no forum's list."""
    root = _page(body, content_type)
    if root is None or not _is_forum(root, url):
        return ""
    selector = _DISCUZ["link"] if select(root, _DISCUZ["link"]) else list_selector(root, url)
    links = select(root, selector) if selector else []
    return next((str(e.get("href")) for e in links if e.get("href")), "")


def list_selector(root: html.HtmlElement, url: str) -> str:
    """CSS of the links that repeat like headlines of a list; "" where nothing does."""
    groups: dict[str, dict[str, int]] = defaultdict(dict)
    for link in root.iter("a"):
        target, words = _target(link, url), text_of(link).strip()
        path = _path(link) if target and len(words) >= 6 else ""
        if path:
            row = link.getparent()
            dated = row is not None and bool(_DAY.search(row.text_content()[:300]))
            groups[path][target] = min(len(words), 40) + 20 * dated
    whole = {path: sum(links.values()) for path, links in groups.items() if len(links) >= FEWEST}
    return max(whole, key=lambda path: whole[path], default="")


def draft(looked: Looked, private: bool = False) -> str:
    """A commented YAML, switched off, with what was found and what else there would have been. `private`: an own site
    in the office's network."""
    root = _page(looked.body, looked.content_type)
    own = _itself(looked, root)
    ways = [own] if own else list(_ways(looked, root))
    title = _name(root, looked.url)
    kind, lines, why = (
        ways[0]
        if ways
        else (
            "listing",
            ["selectors:", '  link: ""   # 请填写：列表里指向正文的链接'],
            "没有找到订阅、站点地图或重复的列表",
        )
    )
    channel = "public" if kind == "thread" else "official" if ".gov.cn" in looked.url else "media"
    note = {"public": "公众讨论：只合起来听", "official": "官方发布", "media": "媒体报道"}[channel]
    text = [
        f"# 由 tingjian source new 起草：{why}。核对后把 enabled 改为 true；试读：tingjian source check 本文件",
        "# yaml-language-server: $schema=source.schema.json",
        *(f"# 像是 {name}.yaml 说的系统：照 deploy/sources 里的这份改也可以" for name in _system(looked.body)),
        f"id: {_id(looked.url)}",
        f"name: {json.dumps(title, ensure_ascii=False)}",
        f"kind: {kind}",
        f"channel: {channel}   # {note}；official 官方发布 | media 媒体 | submission 群众来信来电 | public 公众讨论",
        *lines,
        f"site_group: {'论坛' if kind == 'thread' else '政府网站' if channel == 'official' else '新闻网站'}",
        *([f"outlet: {json.dumps(title, ensure_ascii=False)}"] if channel != "public" else []),
        "delay_seconds: 3           # 两次请求至少隔几秒；robots.txt 一律遵守",
        "every_minutes: 60          # 多久读一次",
        "fresh_within_hours: 72     # 超过多久没有新内容算迟到",
        *(["allow_private: true        # 本单位自己的内网站点"] if private else []),
        "enabled: false",
    ]
    for kind, lines, why in ways[1:]:
        text += ["", f"# 也可以：{why}", *(f"# {line}" for line in (f"kind: {kind}", *lines))]
    return "\n".join(text) + "\n"


def _system(body: bytes) -> list[str]:
    """The template that fits, if one does."""
    return [name for name, holds in _SYSTEMS.items() if holds.search(body)][:1]


Way = tuple[str, list[str], str]  # kind, lines of YAML, why


def _itself(looked: Looked, root: html.HtmlElement | None) -> Way | None:
    """Where the address is no page but a feed, a sitemap or JSON."""
    try:
        if feed_entries(looked.body):
            return "feed", _urls(looked.url), "这个地址就是订阅"
    except QuarantineError:
        pass
    try:
        if sitemap_entries(looked.body)[1]:
            return "sitemap", _urls(looked.url), "这个地址就是站点地图"
    except QuarantineError:
        pass
    try:
        return (
            ("api", [*_urls(looked.url), *_json_lines(load_json(looked.body))], "这个地址是 JSON")
            if root is None
            else None
        )
    except QuarantineError:
        return None


def _ways(looked: Looked, root: html.HtmlElement | None) -> Iterator[Way]:
    if root is not None and _is_forum(root, looked.url):
        yield "thread", [*_urls(looked.url), *_forum(looked, root)], "看上去是论坛版块"
    if looked.feeds:
        yield "feed", _urls(looked.feeds[0]), "网页给出了订阅"
    selector = list_selector(root, looked.url) if root is not None else ""
    if selector and root is not None:
        count = len(select(root, selector))
        lines = ["selectors:", f"  link: {json.dumps(selector, ensure_ascii=False)}   # 这一页上有 {count} 条"]
        yield "listing", [*_urls(looked.url), *lines, "max_pages: 3"], f"网页上有 {count} 条重复的链接"
    if looked.sitemaps:
        yield "sitemap", _urls(looked.sitemaps[0]), "网站有站点地图"


def _forum(looked: Looked, root: html.HtmlElement) -> list[str]:
    selectors = dict(_DISCUZ) if select(root, _DISCUZ["link"]) else {"link": list_selector(root, looked.url)}
    if "post" not in selectors:
        selectors |= {"post": _post_selector(looked), "post_author": "", "post_text": "", "post_date": ""}
    notes = {
        "post": "主题页上的一楼",
        "post_author": "只用来数有几个人，读到时就地打散，不保存",
    }
    lines = ["selectors:"]
    for name, selector in selectors.items():
        note = notes.get(name, "") if selector else "请填写"
        lines.append(f"  {name}: {json.dumps(selector, ensure_ascii=False)}{'   # ' + note if note else ''}")
    return lines


def _post_selector(looked: Looked) -> str:
    """CSS of the blocks that the reader takes for posts on the first topic's page."""
    root = _page(looked.topic, looked.topic_type) if looked.topic else None
    posts = find_posts(root, looked.topic_url)[0] if root is not None else []
    if root is None or len(posts) < 2:
        return ""
    for block in (posts[0][0], *posts[0][0].iterancestors()):
        for name in _classes(block):
            selector = f"{block.tag!s}.{name}"
            if len(select(root, selector)) == len(posts):
                return selector
    return ""


def _json_lines(data: object) -> list[str]:
    path, items = _largest_list(data, "", 4)
    first = next((i for i in items if isinstance(i, dict)), {})
    lower = {str(k).lower(): str(k) for k in first}
    known = {
        ours: lower[n.lower()] for ours, names in _JSON_NAMES.items() for n in reversed(names) if n.lower() in lower
    }
    lines = ["api:", f"  items: {json.dumps(path or '@', ensure_ascii=False)}   # 这里有 {len(items)} 条", "  fields:"]
    for ours in _JSON_NAMES:
        value = (
            json.dumps(json.dumps(known[ours]) if not _USABLE.fullmatch(known[ours]) else known[ours])
            if ours in known
            else ""
        )
        lines.append(f"    {ours}: {value}" if value else f'    # {ours}: ""')
    return [*lines, "  # paging: {parameter: page, first: 1}   # 或 {parameter: cursor, next: data.next}"]


def _largest_list(data: object, path: str, deep: int) -> tuple[str, list[object]]:
    if isinstance(data, list) and any(isinstance(i, dict) for i in data):
        return path, data
    best: tuple[str, list[object]] = (path, [])
    if isinstance(data, dict) and deep:
        for key, value in data.items():
            if _USABLE.fullmatch(str(key)):
                found = _largest_list(value, f"{path}.{key}" if path else str(key), deep - 1)
                best = max(best, found, key=lambda one: len(one[1]))
    return best


def _page(body: bytes, content_type: str) -> html.HtmlElement | None:
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return None
    try:
        root, _charset = open_page(body, content_type)
    except QuarantineError:
        return None
    return root if root.find(".//a") is not None else None


def _is_forum(root: html.HtmlElement, url: str) -> bool:
    nodes = list(elements(root))
    names = "\n".join({name_of(e) for e in nodes})
    return bool(select(root, _DISCUZ["link"])) or speaks_of_a_forum(root, nodes, names, url)


def _target(link: html.HtmlElement, url: str) -> str:
    """Where a link leads on its own site; "" for other sites, this very page and people's own pages."""
    try:
        target = urljoin(url, (link.get("href") or "").strip()).partition("#")[0]
        same = host_key(target) == host_key(url) and target != url
    except ValueError:
        return ""
    return target if same and not is_profile(target) else ""


def _path(link: html.HtmlElement) -> str:
    """CSS from the nearest block with a name down to the link; "" inside navigation and the like, and where none has one."""
    steps = [f"a.{name}" for name in _classes(link)[:1]] or ["a"]
    for block in link.iterancestors():
        if block.tag in ("body", "html") or block.tag in ("nav", "header", "footer") or _is_frame(block):
            return ""
        names = _classes(block)
        tag = str(block.tag)
        steps.insert(0, f"{tag}.{names[0]}" if names else tag)
        if names:
            break
    else:
        return ""
    return " ".join(step for step in steps if step not in ("span", "p", "h3", "h4", "div", "b", "strong"))


def _classes(element: html.HtmlElement) -> list[str]:
    return [n for n in (element.get("class") or "").split() if _USABLE.fullmatch(n) and not _STATE.search(n)]


def _urls(url: str) -> list[str]:
    return [f"urls: [{json.dumps(url, ensure_ascii=False)}]"]


def _name(root: html.HtmlElement | None, url: str) -> str:
    title = ""
    if root is not None:
        tag = next(root.iter("title"), None)
        title = re.split(r"[_\-|—–]", text_of(tag) if tag is not None and tag.text else find_title(root)[0])[-1]
    return title.strip()[:40] or (urlsplit(url).hostname or "新来源")


def _id(url: str) -> str:
    host = re.sub(r"^(?:www|m)\.", "", urlsplit(url).hostname or "source")
    plain = re.sub(
        r"[^a-z0-9]+", "-", host.encode("idna", "ignore").decode("ascii") if not host.isascii() else host
    ).strip("-")
    return (plain if re.match(r"[a-z]", plain) else f"s-{plain}")[:41].rstrip("-")
