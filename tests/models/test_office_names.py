"""Names of offices become placeholders: the own, those above and below, others; foreign ones and lookalikes stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.office_names import OTHER, OWN, RELATED, OfficeNames, replace_names

CITY = OfficeNames.of(
    own=["清江市人民检察院"], superior=["江南省人民检察院"], subordinate=["清江市云溪区人民检察院", "云溪区人民检察院"]
)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("清江市人民检察院发布通报", f"{OWN}发布通报"),
        ("去清江检察院反映", f"去{OWN}反映"),
        ("云溪区检察院的人来过", f"{RELATED}的人来过"),
        ("江南省检察院复查", f"{RELATED}复查"),
        ("白沙市检察院提起公诉", f"{OTHER}提起公诉"),
        ("最高检发布案例", f"{RELATED}发布案例"),
        ("韩国检察院起诉前总统", "韩国检察院起诉前总统"),
        ("去找市检察院", f"去找{OWN}"),
        ("检察院的电话", f"{OWN}的电话"),
        ("安检和体检", "安检和体检"),
    ],
)
def test_as_one_office_reads(text: str, read: str) -> None:
    assert replace_names(text, CITY) == read


@given(st.text(max_size=100))
def test_it_never_raises_and_lets_no_placeholder_in(text: str) -> None:
    marks = [c for c in text if c in (OWN, RELATED, OTHER)]
    read = replace_names(text, CITY)
    if marks and "检" not in text and "院" not in text:
        assert not set(read) & {OWN, RELATED, OTHER}
