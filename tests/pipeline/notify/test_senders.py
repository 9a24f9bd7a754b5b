from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smtp_server import Inbox, mail_server

from pipeline.errors import ConfigurationError
from pipeline.notify.mail import compose
from pipeline.notify.outcomes import Ambiguous, Message, Permanent, RetryAfter, Sent
from pipeline.notify.senders import FolderSender, SmtpSender, build_senders
from pipeline.settings import Home, load_home

NOW = datetime(2026, 11, 18, 2, tzinfo=UTC)
SENDER = "听见 <tingjian@example.org>"
MESSAGE = Message("abc123", "AB12CD", "incident_opened", "mail", "duty@example.org", "【橙】有人冒充检察官", "第一行\n.\n..点\n",
                  "<p>你好</p>", NOW, 1, "claim")  # fmt: skip


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with mail_server() as server:
        yield server


def smtp(inbox: Inbox, timeout: float = 3) -> SmtpSender:
    return SmtpSender("127.0.0.1", inbox.port, "none", SENDER, timeout=timeout)


def test_a_mail_arrives_as_it_was_written(inbox: Inbox) -> None:
    assert smtp(inbox).send(MESSAGE) == Sent()
    mail = inbox.mails[0]
    assert mail["Subject"] == "[听见 AB12CD] 【橙】有人冒充检察官"
    assert mail["To"] == "duty@example.org" and mail["Message-ID"] == "<abc123@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated" and "tingjian" in mail["List-Id"]
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None and plain.get_content().replace("\r\n", "\n") == MESSAGE.text
    assert html is not None and html.get_content().strip() == MESSAGE.html


@pytest.mark.parametrize(
    ("where", "reply", "outcome"),
    [
        ("rcpt", "450 later", RetryAfter), ("rcpt", "550 no such user", Permanent), ("rcpt", "421 closing", RetryAfter),
        ("data", "451 later", RetryAfter), ("data", "552 too big", Permanent), ("data", "554 no", Permanent),
    ],
)  # fmt: skip
def test_what_the_server_answers_decides(inbox: Inbox, where: str, reply: str, outcome: type) -> None:
    setattr(inbox, where, reply)
    assert isinstance(smtp(inbox).send(MESSAGE), outcome)
    assert inbox.mails == []


@pytest.mark.parametrize("trouble", ["cut", "hang"])
def test_a_loss_after_the_mail_was_handed_over_is_ambiguous(inbox: Inbox, trouble: str) -> None:
    inbox.trouble = trouble
    assert isinstance(smtp(inbox, timeout=0.5).send(MESSAGE), Ambiguous)
    assert inbox.ids() == ["<abc123@example.org>"]


def test_no_server_a_mute_one_and_one_without_starttls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        outcome = SmtpSender("127.0.0.1", port, "none", SENDER, timeout=0.3).send(MESSAGE)
        assert isinstance(outcome, RetryAfter) and outcome.channel_down
    outcome = SmtpSender("127.0.0.1", port, "none", SENDER, timeout=0.3).send(MESSAGE)
    assert isinstance(outcome, RetryAfter) and outcome.channel_down
    with mail_server() as server:
        outcome = SmtpSender("127.0.0.1", server.port, "starttls", SENDER, timeout=2).send(MESSAGE)
        assert isinstance(outcome, RetryAfter) and outcome.channel_down and server.mails == []


@pytest.mark.parametrize("recipient", ["a@b.org\r\nBcc: x@y.org", "nobody", "", "值班@例子.cn", "a@b@c"])
def test_an_address_that_is_none_is_permanent(inbox: Inbox, recipient: str) -> None:
    assert isinstance(smtp(inbox).send(replace(MESSAGE, recipient=recipient)), Permanent)
    assert inbox.mails == []


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_no_title_can_add_a_header(title: str, text: str) -> None:
    data = compose(replace(MESSAGE, subject=f"{title}\r\nBcc: x@y.org\n{title}", text=text), SENDER).as_bytes()
    mail = email.message_from_bytes(data, policy=email.policy.default)
    assert mail["Bcc"] is None and str(mail["To"]) == "duty@example.org"
    assert data.isascii() and max(map(len, data.split(b"\r\n"))) < 998


def test_the_folder_holds_one_whole_file(tmp_path: Path) -> None:
    sender = FolderSender(tmp_path / "outbox", SENDER)
    assert [sender.send(MESSAGE), sender.send(MESSAGE)] == [Sent(), Sent()]
    assert [p.name for p in (tmp_path / "outbox").iterdir()] == ["abc123.eml"]
    (tmp_path / "file").write_text("")
    assert isinstance(FolderSender(tmp_path / "file", SENDER).send(MESSAGE), RetryAfter)


def test_secrets_come_from_the_environment_and_are_not_shown(office_home: Home) -> None:
    path = office_home.config / "tingjian.yaml"
    path.write_text(
        "channels:\n  - {id: mail, kind: smtp, host: h.example, username_env: T_USER, password_env: T_PASS}\n",
        encoding="utf-8",
    )
    home = load_home(office_home.folder)
    with pytest.raises(ConfigurationError, match="T_USER"):
        build_senders(home, {})
    senders = build_senders(home, {"T_USER": "u", "T_PASS": "geheim"})
    assert "geheim" not in repr(senders)
