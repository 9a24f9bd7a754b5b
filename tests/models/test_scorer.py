"""Labels do not depend on company, order or process, and their explanation is the model's own sum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.explain import moving_words
from models.features import prepare
from models.model import read_texts
from models.office_names import OfficeNames
from models.scorer import Scorer
from models.taxonomy import ROLES, SENTIMENTS, TOPICS, columns

CITY = OfficeNames.of(own=["清江市人民检察院"], superior=["江南省人民检察院"], subordinate=["清江市云溪区人民检察院"])
TEXTS = [
    "我打了清江市检察院12309三天都没有人接，请问是不是号码换了？",
    "自称市检察院的人打电话说我涉嫌洗钱，让我把钱转到安全账户",
    "市纪委监委对某局原局长立案审查调查",
    "体检排队排了两个小时",
    "",
    "白沙市检察院对一起非法采砂案提起公诉",
]


def test_plain_cases_are_read_as_a_person_would(scorer: Scorer) -> None:
    asked, scam, discipline, health, nothing, elsewhere = scorer.score(TEXTS, CITY)
    assert (asked.role, asked.needs_answer) == ("addressed", True)
    assert "service_access" in asked.topics
    assert "impersonation_scam" in scam.topics
    assert discipline.role == health.role == nothing.role == "unrelated"
    assert elsewhere.role == "other_office"


def test_another_office_reads_the_same_text_as_its_own(scorer: Scorer) -> None:
    text = "云溪区检察院的检察官给我回了电话，态度很好，谢谢他们"
    district = OfficeNames.of(own=["清江市云溪区人民检察院", "云溪区检察院"], superior=["清江市人民检察院"])
    far = OfficeNames.of(own=["白沙市人民检察院"])
    assert scorer.score([text], district)[0].role in ("addressed", "subject")
    assert scorer.score([text], far)[0].role == "other_office"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=200) | st.sampled_from(TEXTS), max_size=8))
def test_a_text_is_read_alike_alone_and_in_company(scorer: Scorer, texts: list[str]) -> None:
    together = scorer.score(texts, CITY)
    for text, labels in zip(texts, together, strict=True):
        alone = scorer.score([text], CITY)[0]
        assert (alone.role, alone.sentiment, alone.needs_answer, alone.sensitive) == (
            labels.role, labels.sentiment, labels.needs_answer, labels.sensitive,
        )  # fmt: skip
        assert set(alone.topics) == set(labels.topics)
        assert alone.role_p == pytest.approx(labels.role_p, abs=1e-5)
        assert labels.role in ROLES and labels.sentiment in SENTIMENTS and set(labels.topics) <= set(TOPICS)
        for p in (
            labels.role_p,
            labels.sentiment_p,
            labels.needs_answer_p,
            labels.sensitive_p,
            *labels.topics.values(),
        ):
            assert 0 <= p <= 1


def test_hostile_texts_are_read(scorer: Scorer) -> None:
    hostile = ["\ud800检察院", "\x00" * 50, "检" * 100_000, "<script>alert(1)</script>", "\ue001\ue003", "🙏" * 300]
    assert len(scorer.score(hostile, CITY)) == len(hostile)
    assert scorer.words("检察院\ud800的\x00电话") == ["检察院", "电话"]


def test_what_moved_a_label_sums_to_its_margin(scorer: Scorer) -> None:
    linear, extractor = scorer._model.linear, scorer._extractor
    for text in (*TEXTS, "\ud800检察院…… 🙏", "检" * 9_000):
        margins = linear.margins(read_texts(extractor, [text], CITY))[0]
        for label in columns():
            moved = moving_words(linear, extractor, text, CITY, label)
            assert sum(weight for _, weight in moved) == pytest.approx(float(margins[columns().index(label)]), abs=1e-3)
            assert moved == sorted(moved, key=lambda pair: -abs(pair[1]))
    top = [word for word, weight in moving_words(linear, extractor, TEXTS[1], CITY, "impersonation_scam") if weight > 0]
    assert {"安全账户", "洗钱", "涉嫌洗钱", "自称"} & set(top[:6])
    with pytest.raises(KeyError):
        scorer.explain(TEXTS[1], CITY, "stability")


def test_placeholders_of_offices_never_come_from_the_text(scorer: Scorer) -> None:
    assert prepare(["\ue001检察院"], CITY) == prepare([" 检察院"], CITY)
    assert np.isfinite(scorer.score(["\ue001" * 10], CITY)[0].role_p)
