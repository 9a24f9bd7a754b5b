"""The connection to Elasticsearch: what is wrong, named by what the caller must do; retries with jitter.

Every request that is sent here may be sent twice: writes create or compare revisions, so a time-out after the write was
accepted doubles nothing.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from elastic_transport import ConnectionError as NotReached
from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from pipeline.errors import ConfigurationError, RetryLater
from pipeline.settings.home import IndexSettings

CLIENT_MAJOR = 8
TRIES = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
_LATER = frozenset({408, 429, 500, 502, 503, 504})
T = TypeVar("T")


def connect(settings: IndexSettings) -> Elasticsearch:
    """A client of a server that answers and has our major version. Raises ConfigurationError or RetryLater."""
    options: dict[str, Any] = {"request_timeout": settings.timeout_seconds, "max_retries": 0, "retry_on_timeout": False}
    if settings.api_key_env:
        options["api_key"] = _secret(settings.api_key_env)
    if settings.ca_file:
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

    Raises ConfigurationError (key, certificate, version) or RetryLater (all tries failed).
    """
    last: Exception | None = None
    words = ""
    for number in range(tries):
        try:
            return request()
        except TlsError as error:
            raise ConfigurationError(f"Elasticsearch 的证书不被信任：{error.message}", field="index.ca_file") from error
        except UnsupportedProductError as error:
            raise ConfigurationError("对方不是本程序支持的 Elasticsearch", field="index.hosts") from error
        except (NotReached, ConnectionTimeout) as error:
            last, words = error, f"连不上或没有回音（{type(error).__name__}）"
        except ApiError as error:
            if error.status_code in (401, 403) and not is_block(error.body):
                raise ConfigurationError(_denied(error.status_code), field="index.api_key_env") from error
            if error.status_code not in _LATER and not is_block(error.body):
                raise
            last, words = error, f"{error.status_code} {error.message}"
        except TransportError as error:
            last, words = error, str(error.message)
        if number + 1 < tries:
            time.sleep(min(LONGEST_PAUSE, FIRST_PAUSE * 2**number) * random.uniform(0.5, 1.5))  # noqa: S311
    raise RetryLater(f"Elasticsearch 暂时用不了：{words}") from last


def is_block(body: Any) -> bool:
    """Whether an answer says that an index or the cluster takes no writes just now (read-only, disk full)."""
    error = body.get("error") if isinstance(body, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return kind == "cluster_block_exception"


def _denied(status: int) -> str:
    if status == 401:
        return "Elasticsearch 不认这个密钥（401）：检查环境变量里的 API key"
    return "Elasticsearch 的密钥没有这项权限（403）：见 README 的权限表"


def _secret(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigurationError(f"环境变量 {name} 没有设置", field="index.api_key_env")
    return value
