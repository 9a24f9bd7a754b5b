"""The evidence folder: what was kept comes back, what was touched is found, what retention takes leaves the rest whole."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from pipeline.errors import RetryLater
from pipeline.evidence.records import Answer, before_first, members, pack, sha256, unpack
from pipeline.evidence.store import Damaged, Store
from pipeline.evidence.verify import Checked, Head, current_head, verify

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FILE = "media/202611/news-20261121.warc.gz"
WRITER = """
import sys; from datetime import datetime, timedelta; from pathlib import Path
from pipeline.evidence.records import Answer; from pipeline.evidence.store import Store
store = Store(Path(sys.argv[1]) / "evidence", Path(sys.argv[1]) / "evidence.db")
print("ready", flush=True)
for n in range(int(sys.argv[3])):
    store.keep("media", "news", f"{sys.argv[2]}{n}", Answer(f"http://n.example/{sys.argv[2]}{n}", b"x" * 3000 + str(n).encode(), "HTTP/1.1 200 OK"), datetime.fromisoformat("2026-11-21T04:00:00+00:00"))
    if n % 7 == 6: store.sync()
store.sync()
"""


def page(n: int, **more: object) -> Answer:
    given: dict[str, object] = {"status_line": "HTTP/1.1 200 OK", "headers": (("Server", "nginx"),), **more}
    return Answer(f"http://news.example/{n}.html", f"<p>第{n}篇报道的正文".encode() * 20, **given)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "evidence", tmp_path / "evidence.db")) as made:
        yield made


def fill(store: Store, count: int, at: datetime = NOW) -> list[str]:
    references = [store.keep("media", "news", f"item{n}", page(n), at) for n in range(1, count + 1)]
    store.sync()
    return references


def check(store: Store, head: Head | None = None) -> Checked:
    return verify(store, FILE, head, NOW)


def test_what_was_kept_comes_back_and_others_can_read_it(store: Store) -> None:
    references = fill(store, 3)
    assert references == [f"{FILE}#{n}" for n in (1, 2, 3)]
    found, raw = store.read(references[1])
    assert (found.item, found.url, found.body) == ("item2", "http://news.example/2.html", page(2).body)
    assert found.head.split("\r\n")[:2] == ["HTTP/1.1 200 OK", "Server: nginx"] and found.at == NOW
    assert sha256(raw) == store.register.of_items(["item2"])[0].hash and unpack(gzip.decompress(raw)) == found
    with store.path(FILE).open("rb") as f:
        read = [(r.rec_type, r.content_stream().read()) for r in ArchiveIterator(f, check_digests="raise")]
    assert read == [("response", page(n).body) for n in (1, 2, 3)]
    assert (checked := check(store)).kept == 3 and not checked.problems


def test_every_changed_byte_is_found(store: Store) -> None:
    for n in (1, 2):
        store.keep("media", "news", f"i{n}", Answer(f"http://n/{n}", b"<p>", "HTTP/1.1 200 OK"), NOW)
    store.sync()
    path = store.path(FILE)
    whole = path.read_bytes()
    for n in range(len(whole)):
        path.write_bytes(whole[:n] + bytes([whole[n] ^ 0x20]) + whole[n + 1 :])
        assert check(store).problems, n
    path.write_bytes(whole)
    assert not check(store).problems


def test_what_is_missing_is_named(store: Store) -> None:
    fill(store, 5)
    path, head = store.path(FILE), current_head(store, FILE)
    whole = path.read_bytes()
    parts = [whole[r.offset : r.offset + r.size] for r in store.register.of_file(FILE)]

    def problems(*order: int) -> list[str]:
        path.write_bytes(b"".join(parts[n - 1] for n in order))
        return check(store, head).problems

    assert problems(1, 2, 3, 4, 5) == []
    assert problems(1, 2, 4, 5) == ["第 3 条不见了"]
    assert problems(2, 3, 4, 5) == ["第 1 条不见了"]
    assert problems(1, 2, 3) == [f"末尾被截掉：第 {n} 条不见了" for n in (4, 5)]
    assert problems(1, 2, 2, 3, 4, 5) == ["第 2 条出现了两次"]
    assert problems(1, 3, 2, 4, 5) == ["第 2 条放错了位置"]
    path.write_bytes(whole[:-7])
    assert check(store, head).problems == ["第 5 条被改动过，读不出来"]
    path.write_bytes(whole + b"more")
    assert check(store, head).problems == ["文件里有不是记录的内容"]
    path.unlink()
    assert check(store, head).problems == ["整个文件不见了"]


def test_an_end_cut_together_with_the_register_is_found_by_the_desks_database(store: Store, tmp_path: Path) -> None:
    fill(store, 5)
    head = current_head(store, FILE)
    assert head is not None and head.records == 5
    last = store.register.of_file(FILE)[3]
    os.truncate(store.path(FILE), last.offset)
    store.close()
    for name in ("evidence.db", "evidence.db-wal", "evidence.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with closing(Store(tmp_path / "evidence", tmp_path / "evidence.db")) as bare:
        assert check(bare).problems == []  # the rest is a chain
        assert check(bare, head).problems == ["末尾被截掉：数据库里记着有 5 条"]
        bare.adopt(FILE)
        assert [r.item for r in bare.register.of_file(FILE)] == ["item1", "item2", "item3"]
        assert check(bare, head).problems == ["末尾被截掉：数据库里记着有 5 条"]


def test_after_a_cut_the_next_record_begins_another_file(store: Store) -> None:
    fill(store, 3)
    os.truncate(store.path(FILE), 50)
    reference = store.keep("media", "news", "item9", page(9), NOW)
    store.sync()
    assert reference == FILE.replace("20261121", "20261121-2") + "#1" and store.read(reference)[0].body == page(9).body
    assert check(store).problems and not verify(store, reference[:-2], None, NOW).problems


def test_a_record_left_half_written_is_cut_and_the_file_goes_on(store: Store, tmp_path: Path) -> None:
    fill(store, 2)
    with store.path(FILE).open("ab") as f:
        f.write(pack(page(3), "item3", NOW, 3, current_head(store, FILE).hash)[:-20])  # type: ignore[union-attr]
    assert check(store).torn and not check(store).problems
    with closing(Store(tmp_path / "evidence", tmp_path / "evidence.db")) as other:
        assert other.keep("media", "news", "item4", page(4), NOW) == f"{FILE}#3"
        other.sync()
    checked = check(store)
    assert checked.kept == 3 and not checked.torn and not checked.problems


def test_writers_at_once_and_a_killed_one(store: Store, tmp_path: Path) -> None:
    def start(name: str, count: int) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name, str(count)], cwd=ROOT, text=True,
                                stdout=subprocess.PIPE)  # fmt: skip

    killed, *others = start("k", 100_000), start("a", 60), start("b", 60)
    assert killed.stdout is not None and killed.stdout.readline() == "ready\n"
    for process in others:
        process.communicate(timeout=60)
        assert process.returncode == 0
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    fill(store, 1)
    checked = check(store)
    assert not checked.problems and not checked.torn
    items = [row.item for row in store.register.of_file(FILE)]
    assert len(items) == len(set(items)) == checked.kept and {f"{c}{n}" for c in "ab" for n in range(60)} <= set(items)


def test_retention_leaves_tombstones_and_then_nothing(store: Store) -> None:
    fill(store, 4)
    head, later = current_head(store, FILE), NOW + 2 * DAY
    assert store.remove(["item1", "item4"], NOW, later) == 0  # kept after that time
    assert store.remove(["item1", "item4"], later, later) == 2 and store.empty(later) == []
    everything = gzip.decompress(store.path(FILE).read_bytes()).decode()
    assert (
        "第1篇" not in everything and "item4" not in everything and "4.html" not in everything and "第2篇" in everything
    )
    checked = check(store, head)
    assert (checked.kept, checked.removed, checked.problems) == (2, 2, [])
    assert store.read(f"{FILE}#2")[0].body == page(2).body
    with pytest.raises(Damaged):
        store.read(f"{FILE}#1")
    path = store.path(FILE)
    whole = path.read_bytes()
    for n in range(0, len(whole), 11):  # tombstones are held too
        path.write_bytes(whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :])
        assert check(store).problems, n
    path.write_bytes(whole)
    assert store.keep("media", "news", "item5", page(5), NOW) == f"{FILE}#5"
    store.sync()
    assert not check(store, head).problems
    assert store.remove([f"item{n}" for n in range(9)], later, later) == 3
    assert store.empty(later) == [FILE]
    store.delete(FILE)
    assert store.files() == [] and store.register.files() == [] and not path.parent.exists()


def test_todays_file_is_not_deleted_while_it_grows(store: Store) -> None:
    fill(store, 1)
    store.remove(["item1"], NOW + timedelta(minutes=1), NOW + timedelta(minutes=1))
    assert store.empty(NOW) == [] and check(store).removed == 1
    assert store.keep("media", "news", "item2", page(2), NOW) == f"{FILE}#2"


@pytest.mark.parametrize("when", ["before the rename", "after the rename"])
def test_a_removal_cut_short_is_finished(store: Store, tmp_path: Path, when: str) -> None:
    fill(store, 3)
    whole = store.path(FILE).read_bytes()
    later = NOW + 2 * DAY
    if when == "before the rename":
        store.register.removing(FILE, [2])
    else:
        store.remove(["item2"], later, later)
        buried = store.path(FILE).read_bytes()
        store.path(FILE).write_bytes(whole)
        rows = store.register.of_file(FILE)
        store.close()
        for path in tmp_path.glob("evidence.db*"):
            path.unlink()
        store = Store(tmp_path / "evidence", tmp_path / "evidence.db")
        store.adopt(FILE)
        store.register.removing(FILE, [2])
        store.path(FILE).write_bytes(buried)
        assert rows[1].state == "removed"
    assert not check(store).problems
    assert store.remove([], later, later) == 0
    checked = check(store)
    assert (checked.kept, checked.removed, checked.problems) == (2, 1, [])
    assert store.read(f"{FILE}#3")[0].body == page(3).body
    store.close()


def test_nothing_of_people_is_ever_taken(store: Store) -> None:
    for channel in ("public", "submission"):
        with pytest.raises(ValueError, match="no evidence"):
            store.keep(channel, "news", "item", page(1), NOW)  # type: ignore[arg-type]
    assert store.files() == []


def test_a_full_disk_writes_nothing_of_a_record(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, 2)
    before = store.path(FILE).read_bytes()

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 200:
            raise OSError(28, "No space left on device")
        return real(descriptor, bytes(data)[: len(data) // 2])

    real = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(RetryLater, match="磁盘已满"):
            store.keep("media", "news", "item3", page(3), NOW)
    assert store.path(FILE).read_bytes() == before
    fill(store, 3)
    assert check(store).kept == 3 and not check(store).problems


def test_one_record_in_memory_at_a_time(store: Store) -> None:
    for n in range(30):
        store.keep("media", "news", f"item{n}", Answer(f"http://n/{n}", os.urandom(400_000), "HTTP/1.1 200 OK"), NOW)
    store.sync()
    tracemalloc.start()
    assert check(store).kept == 30
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000, peak


@settings(max_examples=60, deadline=None)
@given(
    url=st.text(max_size=60),
    name=st.text(max_size=12),
    value=st.text(st.characters(max_codepoint=255), max_size=40),
    body=st.binary(max_size=300),
)
def test_whatever_a_server_sends_is_one_record(url: str, name: str, value: str, body: bytes) -> None:
    raw = pack(Answer(url, body, "HTTP/1.1 200 OK", ((name, value),)), "item", NOW, 1, before_first(FILE))
    found = list(members(BytesIO(raw)))
    assert len(found) == 1 and found[0].data is not None
    record = unpack(found[0].data)
    assert (record.seq, record.item, record.body, record.removed) == (1, "item", body, "")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_whatever_lies_in_a_file_is_read_to_its_end(data: bytes) -> None:
    f = BytesIO(b"\x1f\x8b\x08\x00\x00\x00\x00\x00" + data)
    assert sum(m.size for m in members(f)) == len(f.getvalue())
