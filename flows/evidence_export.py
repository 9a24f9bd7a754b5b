"""One zip with all that is kept of an item: pages, headers, records as they lie, hashes, a cover sheet, pages laid out."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
import zipfile
from datetime import datetime
from html import escape
from pathlib import Path

from lxml.etree import LxmlError
from lxml.html import tostring
from lxml_html_clean import Cleaner

from crawlers.reading.decode import decode
from crawlers.reading.tree import parse_html
from flows.evidence_words import cut_words, local, plain
from pipeline.errors import QuarantineError, storage
from pipeline.evidence.records import Record, sha256
from pipeline.evidence.register import Row
from pipeline.evidence.store import Damaged, Store

LAYOUT_SECONDS = 60
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
_STYLE = (
    "body{font:16px/1.7 'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei',sans-serif;max-width:52em;margin:3em auto;"
    "padding:0 1.5em;color:#222}h1{font-size:1.7em;border-bottom:2px solid #222;padding-bottom:.4em}h2{font-size:1.15em;"
    "margin-top:2em}table{border-collapse:collapse;width:100%}td,th{border:1px solid #bbb;padding:.35em .7em;text-align:left;"
    "vertical-align:top;font-weight:normal}th{width:8em;background:#f4f4f2}code{font:13px/1.5 monospace;word-break:break-all}"
    ".bad{color:#a31515;font-weight:bold}@media print{body{margin:0}}"
)
_REMARKS = (
    "网页是采集时服务器发来的内容（压缩传输的已解开）；读者评论不属于机构发布，保存前已剪去，剪去几处见上表，剪过的网页其余部分改写为 UTF-8。",
    "“记录”目录里是 WARC 1.1 格式的原始记录，一条一个 gzip 文件，任何支持 WARC 的工具都能打开。"
    "记录的 SHA-256 就是这个文件的 SHA-256；每条记录又写着前一条的 SHA-256，改动其中任何一条，后面就接不上。",
    "“排版”目录里的 PDF 由保存的网页排成，排版时没有连网，也不运行脚本，图片和外部样式不在其中，只供阅读；以网页和记录为准。",
    "SHA256SUMS 列出本压缩包里每个文件的 SHA-256，可用 sha256sum -c SHA256SUMS 核对。",
    "本次导出已记入审计。材料可能含有机构自己公布的个人信息，请按规定保管和使用。",
)


def write_export(
    output: Path, item_id: str, rows: list[Row], store: Store, office: str, problems: list[str], now: datetime
) -> tuple[int, int]:
    """Write the zip whole or not at all; returns (pages, laid out pages). `problems` of verifying stand on the cover.

    Raises RetryLater where the disk won't take it.
    """
    sums: list[str] = []
    sections: list[str] = []
    pages = laid_out = 0
    scratch = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
    with storage("导出"):
        try:
            with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED) as packed:

                def add(name: str, data: bytes) -> None:
                    packed.writestr(name, data)
                    sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")

                for number, row in enumerate(rows, 1):
                    try:
                        found, raw = store.read(f"{row.file}#{row.seq}")
                    except Damaged:
                        sections.append(_section(number, row, None, False))
                        continue
                    pages += 1
                    add(f"网页/{number}.html", found.body)
                    add(f"响应头/{number}.txt", _headers(found).encode())
                    add(f"记录/{number}.warc.gz", raw)
                    picture = lay_out(found.body, found.content_type)
                    if picture:
                        add(f"排版/{number}.pdf", picture)
                        laid_out += 1
                    sections.append(_section(number, row, found, bool(picture)))
                add("封面.html", _cover(item_id, sections, office, problems, now).encode())
                packed.writestr("SHA256SUMS", "".join(sums))
            scratch.rename(output)
        finally:
            scratch.unlink(missing_ok=True)
    return pages, laid_out


def lay_out(body: bytes, content_type: str) -> bytes | None:
    """A page as PDF by Chromium, without network, scripts or files of this machine; None where that can't be done."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    page = _harmless(body, content_type)
    if browser is None or page is None:
        return None
    with tempfile.TemporaryDirectory(prefix="tingjian-layout-") as folder:
        place = Path(folder)
        (place / "page.html").write_bytes(page)
        command = [
            browser, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9",
            f"--user-data-dir={place / 'profile'}", "--no-pdf-header-footer", f"--print-to-pdf={place / 'page.pdf'}",
            *(["--no-sandbox"] if os.geteuid() == 0 else []), (place / "page.html").as_uri(),
        ]  # fmt: skip
        try:
            subprocess.run(command, capture_output=True, timeout=LAYOUT_SECONDS, check=True, cwd=folder)
            return (place / "page.pdf").read_bytes()
        except (subprocess.SubprocessError, OSError):
            return None


def _harmless(body: bytes, content_type: str) -> bytes | None:
    """The page without scripts, frames, embedded objects and redirects; a policy forbids whatever would be loaded."""
    text, _charset = decode(body, content_type)
    cleaner = Cleaner(
        scripts=True, javascript=True, embedded=True, frames=True, meta=True, forms=False, style=False, links=True,
        page_structure=False, safe_attrs_only=False, comments=True, processing_instructions=True,
    )  # fmt: skip
    try:
        root = cleaner.clean_html(parse_html(text))
        page = tostring(root, encoding="utf-8")
    except (QuarantineError, LxmlError, ValueError):
        return None
    head = f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    return head.encode() + bytes(page)


def _headers(found: Record) -> str:
    record = "\n".join(f"{name}: {plain(value)}" for name, value in found.warc_headers)
    return f"{found.head}\n\n# WARC\n{record}\n" if found.head else f"# WARC\n{record}\n"


def _section(number: int, row: Row, found: Record | None, laid_out: bool) -> str:
    lines = [
        ("地址", escape(plain(row.url))),
        ("收到时间", local(row.at)),
        ("存放", f"{escape(row.file)} 第 {row.seq} 条"),
    ]
    if found is None:
        lines.append(("状况", '<span class="bad">与登记的不符，读不出来</span>'))
    else:
        lines += [
            ("服务器应答", escape(plain(found.head.partition("\r\n")[0])) or "（订阅中的一条）"),
            ("读者评论", cut_words(found)),
            ("网页 SHA-256", f"<code>{sha256(found.body).removeprefix('sha256:')}</code>"),
            ("记录 SHA-256", f"<code>{row.hash.removeprefix('sha256:')}</code>"),
            ("前一条 SHA-256", f"<code>{found.previous.removeprefix('sha256:')}</code>"),
            (
                "文件",
                f"网页/{number}.html、响应头/{number}.txt、记录/{number}.warc.gz" + (f"、排版/{number}.pdf" * laid_out),
            ),
        ]
    table = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in lines)
    return f"<h2>{number}. 文章第 {row.part} 页</h2><table>{table}</table>"


def _cover(item_id: str, sections: list[str], office: str, problems: list[str], now: datetime) -> str:
    verdict = (
        f'<span class="bad">不符：{escape("；".join(problems))}</span>'
        if problems
        else "相符（逐条核对了所在文件的哈希链、登记和数据库里的记录）"
    )
    facts = (
        ("单位", escape(office)),
        ("条目编号", f"<code>{escape(plain(item_id))}</code>"),
        ("导出时间", local(now.timestamp())),
        ("导出时核验", verdict),
        ("网页", f"{len(sections)} 份"),
    )
    table = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts)
    remarks = "".join(f"<li>{remark}</li>" for remark in _REMARKS)
    return (
        f'<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8"><title>网页证据 {escape(plain(item_id))}</title>'
        f"<style>{_STYLE}</style></head><body><h1>网页证据</h1><table>{table}</table>{''.join(sections)}"
        f"<h2>说明</h2><ol>{remarks}</ol></body></html>\n"
    )
