"""Letters in a drop folder: the office's mailbox as .eml and .mbox files."""

from __future__ import annotations

import mailbox
import os
import random
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import pytest
from site_on_loopback import NOW, House

from crawlers.drop.mail import own_words, read_letter
from crawlers.run import crawl
from pipeline.errors import QuarantineError

SAID = "热线 12309 打了三天没有人接，请问窗口几点开门？"


@pytest.fixture
def drop(house: House, tmp_path: Path) -> Path:
    folder = tmp_path / "mail"
    folder.mkdir()
    house.write(
        "sources/box.yaml",
        {"id": "box", "name": "检察长信箱", "kind": "drop", "channel": "submission", "folder": str(folder)},
    )
    return folder


def run(house: House) -> dict[str, Any]:
    home = house.home
    return crawl(home, home.sources, NOW, lambda line: None)["box"].to_dict()


def letter(number: int, text: str = SAID, sender: str = "欧阳小明 <ouyang@example.com>", **more: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "box@qingjiang.example", f"回复：第 {number} 件事"
    message["Date"] = "Fri, 20 Nov 2026 09:12:00 +0800"
    message["Message-ID"] = f"<{number}@example.com>"
    for name, value in more.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def test_a_letter_is_heard_without_its_sender(house: House, drop: Path) -> None:
    message = letter(
        1,
        f"{SAID}\n我叫欧阳小明，电话13912345678。\n\n此致\n敬礼\n欧阳小明\n2026年11月20日\n",
        Received="from mx.example.com by qingjiang.example; Fri, 20 Nov 2026 09:15:30 +0800",
    )
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="身份证.pdf")
    message.add_attachment(letter(9, "附件里的另一封信"))
    (drop / "1.eml").write_bytes(bytes(message))
    report = run(house)
    (capture,) = house.captures()
    assert capture.title == "第 1 件事" and capture.text.startswith(SAID) and "敬礼" not in capture.text
    assert capture.received_at == datetime(2026, 11, 20, 1, 15, 30, tzinfo=UTC)  # by the office's own server
    assert capture.voice and "我叫来信人" in capture.text and report["refused"] == {"attachment": 2}
    assert "没有读的邮件附件 2 次" in report["message"] and "另一封信" not in capture.text
    disk = house.everything_on_disk(skip=("done",)).decode("utf-8", "replace")
    assert not [w for w in ("欧阳小明", "ouyang@example.com", "13912345678", "身份证.pdf") if w in disk]
    assert (drop / "done" / "1.eml").exists()


def test_a_mailbox_of_many_encodings(house: House, drop: Path) -> None:
    box = mailbox.mbox(drop / "box.mbox")
    box.add(letter(1))
    gbk = MIMEText("", "html", "utf-8")
    gbk.replace_header("Content-Type", "text/html; charset=gb2312")
    gbk.replace_header("Content-Transfer-Encoding", "8bit")
    gbk["From"], gbk["Message-ID"], gbk["Date"] = "b@example.com", "<2@example.com>", "Fri, 20 Nov 2026 10:00:00 +0800"
    gbk["Subject"] = Header("㵲泉社区", "gb18030").encode().replace("gb18030", "gb2312")
    raw = bytes(gbk) + f"<p>㵲泉{SAID}</p><blockquote>原来的信</blockquote>".encode("gb18030")
    box.add(raw)
    box.add(
        b"From: c@example.com\nSubject: "
        + "乱写的主题".encode("gb18030")
        + b"\n\n"
        + SAID.encode("gb18030")
        + "丙".encode("gb18030")
    )
    box.add(letter(4, "> 只有引用\n"))
    box.flush()
    box.close()
    report = run(house)
    found = {c.title: c for c in house.captures()}
    assert found.keys() == {"第 1 件事", "㵲泉社区", "乱写的主题"}
    assert found["㵲泉社区"].text == f"㵲泉{SAID}" and found["乱写的主题"].text == f"{SAID}丙"
    assert found["乱写的主题"].received_at is None
    assert [(q["reason"], q["place"]) for q in report["quarantined"]] == [("empty_text", "box.mbox 第 4 封")]
    (drop / "again.eml").write_bytes(bytes(letter(1)))
    assert run(house)["captured"] == 0 and len(house.captures()) == 3  # the same letter in another file


@pytest.mark.parametrize(
    "text",
    [
        f"{SAID}\n\n------------------ 原始邮件 ------------------\n发件人: 李某\n发送时间: 2026年\n旧的话",
        f"{SAID}\n\n在 2026-11-19 10:00:00，李某 <a@b.c> 写道：\n> 旧的话",
        f"{SAID}\n\nOn Thu, Nov 19, 2026 at 10:00 AM Li <a@b.c>\nwrote:\n> 旧的话",
        f"{SAID}\n\n发件人： 李某\n日期： 2026年\n收件人： 信箱\n主题： 旧\n\n旧的话",
        f"{SAID}\n\n-- \n李某\n某公司 旧的话",
        f"{SAID}\n\n发自我的 iPhone",
        f"{SAID}\n联系人：李某\n此致\n敬礼！\n李某",
        f"---------- Forwarded message ---------\n发件人：李某\n日期：昨天\n主题：旧\n\n{SAID}",
    ],
)
def test_quotes_and_signatures_are_cut(text: str) -> None:
    assert own_words(text) == SAID


def test_no_damaged_letter_crashes_the_reader(house: House, drop: Path) -> None:
    chance, good = random.Random(5), bytes(letter(1, SAID * 3))
    deep = b"Subject: x\nMIME-Version: 1.0\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000)
    )
    for raw in (b"", b"\0" * 1000, b"Subject: x", deep, *(_damaged(good, chance) for _ in range(400))):
        with suppress(QuarantineError):
            read_letter(raw, NOW)
    path = drop / "none.eml"
    path.write_bytes(b"just some words")
    os.utime(path, (time.time() - 300, time.time() - 300))
    assert [q["reason"] for q in run(house)["quarantined"]] == ["bad_mail"]


def _damaged(good: bytes, chance: random.Random) -> bytes:
    bad = bytearray(good)
    for _ in range(chance.randint(1, 40)):
        bad[chance.randrange(len(bad))] = chance.randrange(256)
    return bytes(bad)
