"""What Kibana's answers mean. Its import says 200 also where it failed; only `success` tells."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx

from pipeline.errors import ConfigurationError, RetryLater, TingjianError

Json = dict[str, Any]
_LATER = frozenset({408, 429, 500, 502, 503, 504})
_REASONS = {
    "conflict": "那里已有同名对象",
    "ambiguous_conflict": "那里有几个可能是同一个的对象",
    "missing_references": "它要用的对象不在",
    "unsupported_type": "这个 Kibana 没有这种对象",
    "unknown": "原因不明",
}


class KibanaRefused(TingjianError):
    """Kibana understood the request and did not do it; sending it again changes nothing."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"Kibana 不接受：{message}")
        self.status = status


def accept(response: httpx.Response) -> None:
    """Raise what an answer that is no success means; its text is quoted in part, our key is never in it."""
    status = response.status_code
    if status == 200:
        return
    if 300 <= status < 400:
        raise ConfigurationError("Kibana 要转到别的地址：请把 --url 写成最终的地址（密钥不会跟着转）")
    if status == 401:
        raise ConfigurationError("Kibana 不认这个密钥（401）：检查 TINGJIAN_KIBANA_API_KEY")
    if status == 403:
        raise ConfigurationError("这个密钥没有权限（403）：需要管理空间和已保存对象，见 deploy/kibana/README.md")
    if status in _LATER:
        raise RetryLater(f"Kibana 暂时用不了（{status}）", after=_after(response))
    raise KibanaRefused(status, f"{status} {_message(response)}")


def body(response: httpx.Response) -> Json:
    """The JSON object of an answer."""
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigurationError("这个地址回答的不是 Kibana 的内容：检查 --url（可能是登录页或别的服务）")
    return found


def imported(answer: Json, sent: int) -> None:
    """Raise KibanaRefused unless everything was written."""
    errors = [error for error in answer.get("errors", ()) if isinstance(error, dict)]
    if answer.get("success") is True and answer.get("successCount") == sent and not errors:
        renamed = [
            r["id"] for r in answer.get("successResults", ()) if r.get("destinationId", r.get("id")) != r.get("id")
        ]
        if renamed:
            raise KibanaRefused(200, f"别的空间已有这些编号，Kibana 给它们改了名：{'、'.join(renamed)}")
        return
    if not errors:
        raise KibanaRefused(200, f"导入没有完成：{sent} 个对象只写了 {answer.get('successCount', 0)} 个")
    raise KibanaRefused(200, "导入失败：" + "；".join(_why(error) for error in errors))


def exported(response: httpx.Response) -> list[Json]:
    """The objects of an export, which is whole only where its last line counts them."""
    try:
        lines = [json.loads(line) for line in response.text.splitlines() if line.strip()]
    except ValueError as error:
        raise RetryLater("Kibana 的导出不完整") from error
    if not lines or not isinstance(lines[-1], dict) or "exportedCount" not in lines[-1]:
        raise RetryLater("Kibana 的导出不完整：没有结尾的那一行")
    *objects, details = lines
    if details["exportedCount"] != len(objects):
        raise RetryLater(f"Kibana 的导出不完整：应有 {details['exportedCount']} 个对象，只来了 {len(objects)} 个")
    return objects


def _why(error: Json) -> str:
    about = error.get("error") or {}
    kind = str(about.get("type", "unknown"))
    missing = "、".join(f"{r.get('type')}:{r.get('id')}" for r in about.get("references", ()))
    title = (error.get("meta") or {}).get("title", "")
    told = missing or str(about.get("message", ""))
    return f"{error.get('type')}:{error.get('id')} {title} {_REASONS.get(kind, kind)}" + (f"（{told}）" if told else "")


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json().get("message", ""))[:300]
    except (ValueError, AttributeError):
        return ""


def _after(response: httpx.Response) -> timedelta | None:
    seconds = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(seconds)) if seconds.isdecimal() else None
