"""What stands until somebody ends it never watches a person (charter 6): how well a name is known, and what it costs."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from models.corpus_reader import read_corpus
from models.segment import Segmenter
from models.words import LEGAL_WORDS
from pipeline.alerts.persons import persons_in, refuse_persons
from pipeline.errors import Refused
from pipeline.index.query import parse
from pipeline.settings.offices import Office

COMMON = "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧肖冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜范江傅付钟卢汪戴崔任陆廖姚方金邱夏谭韦贾邹石熊孟秦闫"
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰梅辉鹏飞红玲建国志文斌宇浩然子轩梓涵雨桐欣怡博思远晓晨阳佳琪诗涵俊熙启舟海燕春生德福树林"
    "成龙金凤长汀砚秋一诺景行嘉懿泽楷若溪清扬"
)


def names(count: int) -> list[str]:
    """Usual surnames with one or two usual characters, seeded."""
    dice = random.Random(20261125)
    return ["".join((dice.choice(COMMON), *dice.choices(GIVEN, k=dice.choice((1, 2, 2, 2, 2))))) for _ in range(count)]


def test_nearly_every_name_is_known_alone_and_most_in_a_sentence() -> None:
    made = names(1500)
    assert sum(bool(persons_in(name)) for name in made) / len(made) >= 0.985
    assert sum(bool(persons_in(f"检察官{name}打人")) for name in made) / len(made) >= 0.88


def test_few_words_that_are_no_name_are_refused() -> None:
    texts = [example.text for example in read_corpus().examples]
    cut = Segmenter().cut
    words = Counter(w for text in texts[::3] for w in cut(text) if len(w) > 1 and re.fullmatch("[\u4e00-\u9fa5]+", w))
    refused = sum(n for word, n in words.items() if persons_in(word))  # names in the corpus among them
    assert len(words) > 5000 and refused / words.total() <= 0.01
    assert [word for word in LEGAL_WORDS if persons_in(word)] == []


@pytest.mark.parametrize("text", ["王小明", "欧阳娜娜", "肖战", "王_小明", "王.小明", "于欢", "艾力江", "阿依古丽·买买提", "打死王小明"])
def test_names(text: str) -> None:
    assert persons_in(text)


@pytest.mark.parametrize("text", ["王小明案", "于欢案", "王小明等三人诈骗案", "王某", "王某某", "安全账户", "高考", "张江镇", "云溪区", "", "abc"])
def test_no_names(text: str) -> None:
    assert parse(text) is None or persons_in(text) == []


def test_whom_the_office_publishes_is_no_private_person() -> None:
    office = Office(id="city", name="清江市人民检察院", short_name="清江市检察院", spokespersons=["林晓岚"], region="白鹭洲")
    refuse_persons(["林晓岚 回应", "白鹭洲", "清江市检察院"], [office])
    with pytest.raises(Refused, match="章程第 6 条"):
        refuse_persons(["林晓岚"], [])
