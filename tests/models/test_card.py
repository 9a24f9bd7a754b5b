"""The model card says what was measured: as JSON for machines, as a page for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.artifact import CARD, CARD_PAGE
from models.card_text import card_page
from models.corpus_reader import read_corpus
from models.evaluate import MEASURES
from models.study import agreement, irrelevant_texts
from models.study_file import read_study
from models.taxonomy import BINARY, TOPICS, columns, display_name

TRAINED = Path(__file__).resolve().parents[2] / "models" / "artifact"


def test_the_page_holds_what_the_card_says() -> None:
    card = json.loads((TRAINED / CARD).read_text(encoding="utf-8"))
    page = (TRAINED / CARD_PAGE).read_text(encoding="utf-8")
    assert page == card_page(card)
    assert card["version"] in page and card["corpus_hash"][:12] in page
    for name in MEASURES:
        assert f"{card['held_out']['measures'][name]:.3f}" in page
    assert all(display_name(label) in page for label in columns())
    assert "不是结论" in page  # false_claim is never a verdict


def test_the_study_is_of_this_corpus_and_its_kappas_of_the_stored_labellings() -> None:
    stored = read_study()
    assert stored["corpus_hash"] == read_corpus().hash, "the corpus has changed: python -m models.study"
    found = agreement()
    assert set(found) == {"role", "sentiment", *TOPICS, *BINARY}
    assert found["role"]["kappa"] > 0.8
    for label, row in found.items():
        assert row["kappa"] == pytest.approx(stored["agreement"][label]["kappa"])


def test_the_duty_officer_is_seldom_called_in_vain() -> None:
    """At real base rates, over at least 20,000 texts that are irrelevant by construction."""
    stream = read_study()["duty_stream"]
    assert stream["irrelevant_texts"] == len(irrelevant_texts()) >= 20_000
    assert stream["needs_answer"]["precision"]["low"] > 0.8
    assert stream["needs_answer"]["false_alarms_a_day"]["high"] < 20
    assert stream["sensitive"]["false_alarms_a_day"]["high"] < 20
