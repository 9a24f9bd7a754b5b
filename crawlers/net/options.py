"""Scrapy's settings for one run and for one source. Everything that would disguise, remember or open a door is off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from crawlers.net.addresses import ALLOWED_SETTING
from pipeline.settings import Home, Source

RUN_SECONDS = 3600  # no source holds a run longer
REDIRECTS = 5
_UNUSED = (  # each is imported and asked all the same
    "scrapy.extensions.corestats.CoreStats",
    "scrapy.extensions.feedexport.FeedExporter",
    "scrapy.extensions.logcount.LogCount",
    "scrapy.extensions.logstats.LogStats",
    "scrapy.extensions.memdebug.MemoryDebugger",
    "scrapy.extensions.memusage.MemoryUsage",
    "scrapy.extensions.remote_control.RemoteControl",
    "scrapy.extensions.spiderstate.SpiderState",
    "scrapy.extensions.telnet.TelnetConsole",
)
LEAST_DELAY = 1.0  # seconds between two requests to a public site, whatever a source says (charter 5)


def user_agent(contact: str) -> str:
    """The one honest User-Agent. A header carries ASCII, so Chinese is percent-free English here."""
    plain = re.sub(r"[^\x21-\x7e]+", "", contact)
    return (
        f"Tingjian/0.1 ({'+' + plain if plain else '+no contact configured'}; procuratorate public information monitor)"
    )


def run_settings(home: Home, sources: Sequence[Source]) -> dict[str, Any]:
    """For the process: one resolver, no consoles, no cookies, no proxies."""
    private = sorted({(urlsplit(u).hostname or "").lower() for s in sources if s.allow_private for u in s.urls})
    return {
        "USER_AGENT": user_agent(home.settings.crawl.contact),
        "TWISTED_DNS_RESOLVER": "crawlers.net.addresses.PublicResolver",
        ALLOWED_SETTING: private,
        "DOWNLOADER_MIDDLEWARES": {
            "crawlers.net.gate.GateMiddleware": 100,
            "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
            "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
            "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
            "scrapy.downloadermiddlewares.cookies.CookiesMiddleware": None,
            "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": None,
            "scrapy.downloadermiddlewares.stats.DownloaderStats": None,
        },
        "STATS_CLASS": "scrapy.statscollectors.DummyStatsCollector",  # our reports count; Scrapy's own cost a tenth of a page
        "EXTENSIONS": dict.fromkeys(_UNUSED),
        "DOWNLOAD_HANDLERS": {
            "http": "crawlers.net.download.PoliteHandler",
            "https": "crawlers.net.download.PoliteHandler",
            "data": None,
            "file": None,
            "s3": None,
            "ftp": None,
        },
        "DEFAULT_REQUEST_HEADERS": {
            "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.5",
            "Accept-Language": "zh-CN,zh;q=0.9",
        },
        "COOKIES_ENABLED": False,
        "REFERER_ENABLED": False,
        "LOG_ENABLED": False,
        "LOG_INSTALL_ROOT_HANDLER": False,
        "DOWNLOAD_TIMEOUT": home.settings.crawl.timeout_seconds,
        "DOWNLOAD_MAXSIZE": home.settings.crawl.max_page_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "DNS_TIMEOUT": min(20, home.settings.crawl.timeout_seconds),
        "REDIRECT_MAX_TIMES": REDIRECTS,
        "METAREFRESH_MAXDELAY": 3,
        "METAREFRESH_IGNORE_TAGS": ["script", "noscript"],
        "RETRY_TIMES": 1,
        "RETRY_PRIORITY_ADJUST": 10,  # at once: a site that is silent is left before all its pages were asked for
        "RETRY_HTTP_CODES": [500, 502, 504, 408],
        "CLOSESPIDER_TIMEOUT": RUN_SECONDS,
        "CONCURRENT_ITEMS": 1,  # only requests are yielded; Scrapy starts so many tasks for every answer
        "DEPTH_LIMIT": 400,
        "URLLENGTH_LIMIT": 0,  # would drop requests uncounted; `canonical` refuses what is too long
    }


def source_settings(source: Source) -> dict[str, Any]:
    """Per-host delay with autothrottle. Only the office's own sites (`allow_private`) may be read without one."""
    delay = source.delay_seconds if source.allow_private else max(LEAST_DELAY, source.delay_seconds)
    return {
        "DOWNLOAD_DELAY": delay,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1 if delay else 8,
        "AUTOTHROTTLE_ENABLED": delay > 0,
        "AUTOTHROTTLE_START_DELAY": delay,
        "AUTOTHROTTLE_MAX_DELAY": max(30.0, delay),
    }
