"""The connection to Elasticsearch: what is wrong, named by what the caller must do; retries with jitter.

Every request that is sent here may be sent twice: writes create or compare revisions, so a time-out after the write was
accepted doubles nothing.
"""

from __future__ import annotations

import logging
import os
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from elastic_transport import ConnectionError as NotReached
from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError
from elasticsearch.exceptions import GeneralAvailabilityWarning

from pipeline.errors import ConfigurationError, QuarantineError, RetryLater, TingjianError
from pipeline.settings.home import IndexSettings

CLIENT_MAJOR = 8
TRIES = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
PATIENCE = 20.0  # seconds after which no further try begins: a node that hangs is given one, one that refuses all
# What stands in the way of every document, whatever its status: an operator or time removes it.
_LATER_KINDS = {
    "cluster_block_exception": "索引被设为只读（磁盘将满，或正在迁移）",
    "index_closed_exception": "索引被关闭了，请打开它",
    "index_not_found_exception": "没有这个索引，请运行 tingjian index setup",
}
_LATER = frozenset({408, 429, 500, 502, 503, 504})
T = TypeVar("T")
# Only `tingjian index migrate` asks for tasks, which the client calls a preview in 8.x.
warnings.filterwarnings("ignore", category=GeneralAvailabilityWarning)
logging.getLogger("elastic_transport").setLevel(logging.ERROR)  # each try that failed; we say it once, in words


class RequestRefused(QuarantineError):
    """The cluster understood the request and does not do it: sent again as it is, it is refused again."""

    def __init__(self, status: int, kind: str) -> None:
        super().__init__(kind or "refused", f"Elasticsearch 不接受这个请求（{status}）")
        self.status = status


def connect(settings: IndexSettings) -> Elasticsearch:
    """A client of a server that answers and has our major version. Raises ConfigurationError or RetryLater."""
    options: dict[str, Any] = {"request_timeout": settings.timeout_seconds, "max_retries": 0, "retry_on_timeout": False}
    if settings.api_key_env:
        options["api_key"] = _secret(settings.api_key_env)
    if settings.ca_file:
        if not Path(settings.ca_file).is_file():
            raise ConfigurationError(f"没有这个文件：{settings.ca_file}", field="index.ca_file")
        options["ca_certs"] = settings.ca_file
    try:
        client = Elasticsearch(settings.hosts, **options)
    except (ValueError, OSError) as error:
        raise ConfigurationError(f"Elasticsearch 的设置不对：{error}", field="index") from error
    number = str(call(lambda: client.info())["version"]["number"])
    if int(number.split(".")[0]) != CLIENT_MAJOR:
        raise ConfigurationError(
            f"Elasticsearch 是 {number}，本程序只与 {CLIENT_MAJOR}.x 配合：请换服务器或换本程序的版本",
            field="index.hosts",
        )
    return client


def call(request: Callable[[], T], tries: int = TRIES) -> T:
    """Send a request, again after a pause where the server is busy or was not reached.

    Raises ConfigurationError (key, certificate, version), RetryLater (all tries failed) or RequestRefused.
    """
    last: Exception | None = None
    begun = time.monotonic()
    words = ""
    for number in range(tries):
        try:
            return request()
        except TlsError as error:
            raise ConfigurationError(_certificate(str(error.message)), field="index.ca_file") from error
        except UnsupportedProductError as error:
            raise ConfigurationError("对方不是本程序支持的 Elasticsearch", field="index.hosts") from error
        except (NotReached, ConnectionTimeout) as error:
            last, words = error, f"连不上或没有回音（{type(error).__name__}）"
        except ApiError as error:
            kind = _kind(error.body)
            if not not_for_us(error.status_code, kind):
                raise RequestRefused(error.status_code, kind) from error
            found = trouble(error.status_code, kind, str(error.message))
            if isinstance(found, ConfigurationError):
                raise found from error
            last, words = error, str(found)
        except RetryLater as error:
            last, words = error, str(error)
        except TransportError as error:
            last, words = error, str(error.message)
        if time.monotonic() - begun >= PATIENCE:
            break
        if number + 1 < tries:
            time.sleep(min(LONGEST_PAUSE, FIRST_PAUSE * 2**number) * random.uniform(0.5, 1.5))  # noqa: S311
    raise RetryLater(f"Elasticsearch 暂时用不了：{words}") from last


def not_for_us(status: int, kind: str) -> bool:
    """Whether an error speaks of the cluster or of our key, not of the request or the document."""
    return status in _LATER or status in (401, 403) or kind in _LATER_KINDS


def trouble(status: int, kind: str, reason: str) -> TingjianError:
    """The error to raise for such an answer."""
    if kind in _LATER_KINDS:
        return RetryLater(f"{_LATER_KINDS[kind]}（{reason[:200]}）")
    if status == 401:
        return ConfigurationError(
            "Elasticsearch 不认这个密钥（401）：检查环境变量里的 API key", field="index.api_key_env"
        )
    if status == 403:
        words = "Elasticsearch 的密钥没有这项权限（403）：见 tingjian index setup --roles 的权限表"
        return ConfigurationError(words, field="index.api_key_env")
    return RetryLater(f"服务器忙或出错（{status} {kind}）")


def _kind(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    if kind == "search_phase_execution_exception":  # what each shard says tells more
        causes = error.get("root_cause") if isinstance(error, dict) else None
        kind = causes[0].get("type", kind) if causes else kind
    return str(kind or "")


def _certificate(message: str) -> str:
    if "expired" in message:
        return f"Elasticsearch 的证书过期了：{message}"
    return f"Elasticsearch 的证书不被信任：{message}"


def _secret(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigurationError(f"环境变量 {name} 没有设置", field="index.api_key_env")
    return value
