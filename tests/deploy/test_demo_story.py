"""The story itself: what `planted.yaml` promises to other tests is true of the texts."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
import yaml
from demo_process import STORY

WEEK = ("forum_phone", "forum_scam", "forum_case", "forum_noise")


def read(name: str) -> Any:
    return yaml.safe_load((STORY / f"{name}.yaml").read_text(encoding="utf-8"))


PLANTED = read("planted")
THREADS = [t for name in WEEK for t in read(name)]
POSTS = [p for t in THREADS for p in t["posts"] if not t.get("closed")]
OTHERS = "".join(
    (STORY / f"{n}.yaml").read_text(encoding="utf-8") for n in ("official", "news_week", "news_archive", "wall", "drop")
)


def posts_of(topic: str) -> list[Any]:
    return [p for t in THREADS if t["id"] in PLANTED["landmarks"]["threads"][topic] for p in t["posts"]]


@pytest.mark.parametrize("name", PLANTED["voices"])
def test_sentences_are_said_by_as_many_people_as_promised(name: str) -> None:
    plant = PLANTED["voices"][name]
    saying = [p for p in POSTS if plant["sentence"] in p["text"]]
    assert len({p["by"] for p in saying}) == plant["voices"]
    assert Counter(p["day"] for p in saying) == plant["days"]
    assert 12 <= len(plant["sentence"]) <= 30
    assert plant["sentence"] not in OTHERS
    assert all("检察" in p["text"] or "12309" in p["text"] for p in saying)


def test_one_person_speaks_in_two_key_windows() -> None:
    plant = PLANTED["voices"]["two_windows"]
    first, second = [p for p in POSTS if plant["sentence"] in p["text"]]
    assert first["by"] == second["by"] == plant["author"]
    hours = [24 * p["day"] + int(p["time"][:2]) + int(p["time"][3:]) / 60 for p in (first, second)]
    assert hours[1] - hours[0] == plant["hours_apart"]


def test_the_circulating_text_and_the_private_detail_beside_it() -> None:
    copies = [p for p in POSTS if PLANTED["circulating"]["common"] in p["text"]]
    assert len({p["by"] for p in copies}) == len(copies) == PLANTED["circulating"]["voices"]
    assert len({p["text"] for p in copies}) == len(copies)
    beside = [p["by"] for p in POSTS if PLANTED["private_detail"] in p["text"]]
    assert beside == [PLANTED["private_detail_author"]]


def test_topics_have_enough_voices() -> None:
    def voices(topic: str) -> int:
        return len({p["by"] for p in posts_of(topic)})

    assert voices("fraud_calls") >= 12
    assert voices("night_market_case") >= 10
    assert voices("minor_leak") >= 6
    assert voices("phone_line") >= 10


def test_personal_data_is_planted_where_promised() -> None:
    where = {
        "forum": "".join(p["text"] for p in POSTS),
        "wall": (STORY / "wall.yaml").read_text(encoding="utf-8"),
        "drop": (STORY / "drop.yaml").read_text(encoding="utf-8"),
        "news_comment": "".join(c["text"] for a in read("news_week") for c in a.get("comments", [])),
    }
    for plant in PLANTED["personal_data"]:
        assert plant["raw"] in where[plant["where"]], plant
        if plant["kind"] == "id_number":
            assert _check_digit(plant["raw"][:17]) == plant["raw"][17]
        if plant["kind"] == "bank_card":
            assert _luhn(plant["raw"])


def test_markers_are_planted_in_their_source_only() -> None:
    files = {"official": "official", "wall": "wall", "drop_xlsx": "drop", "drop_csv": "drop"}
    for source, markers in PLANTED["markers"].items():
        name = markers[0]
        text = (STORY / f"{files[source]}.yaml").read_text(encoding="utf-8") if source in files else ""
        assert not text or name in text
        assert re.search(r"QX\d{4}$", name)
    assert any(p["by"] == PLANTED["markers"]["forum"][0] for p in POSTS)


def test_no_two_people_write_the_same_text() -> None:
    texts = Counter(p["text"] for p in POSTS)
    assert [t for t, n in texts.items() if n > 1] == []
    assert len(POSTS) + len(read("wall")) >= 200
    assert len(read("official")) + len(read("news_archive")) + len(read("news_week")) >= 85


def _check_digit(seventeen: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(w * int(d) for w, d in zip(weights, seventeen, strict=True)) % 11]


def _luhn(number: str) -> bool:
    digits = [int(d) for d in reversed(number)]
    return sum(digits[0::2] + [d * 2 - 9 * (d > 4) for d in digits[1::2]]) % 10 == 0
