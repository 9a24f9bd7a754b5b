"""A person knows at once what an issue is about: its title and keywords, on the labelled issues of tests/cases/issues.

Each labelled issue is described as it would be with all its texts, and from its public posts alone, where the title may
hold only words that k voices share (charter 2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from issue_cases import FOLDER, LabelledIssue, Told, load_issues, load_texts
from making import NOW, item, post, reading

from models.artifact import load_frequencies
from models.scorer import Scorer
from pipeline.cluster import rarity
from pipeline.issues import Before, IssueFacts, describe
from pipeline.privacy.mask import mask
from pipeline.privacy.staging_keys import StagingKey, StagingKeys
from pipeline.records import Item
from pipeline.score import Reader
from pipeline.settings import load_model
from pipeline.settings.offices import Offices
from pipeline.staging import Post

ARTIFACT = FOLDER.parents[2] / "models" / "artifact"
K = 5
SAYS_SO = 0.9  # share of issues whose title holds one of their marked terms


@pytest.fixture(scope="module")
def described(
    tmp_path_factory: pytest.TempPathFactory,
) -> list[tuple[LabelledIssue, IssueFacts, IssueFacts | None, list[Post]]]:
    """Each issue with the facts of all its texts, those of its posts alone if they may be seen, and the posts."""
    texts = load_texts()
    keys = StagingKeys(tmp_path_factory.mktemp("keys")).live(NOW)
    reader = Reader(Scorer.load(ARTIFACT), load_model(FOLDER / "office.yaml", Offices).offices)
    readings = reader.read([(t.title, mask(t.text), ["yuanbei"]) for t in texts])
    words = [reader.words(t.title, mask(t.text)) for t in texts]
    telling = rarity(Counter(w for those in words for w in those), len(texts), load_frequencies(ARTIFACT))
    items: dict[str, list[Item]] = {}
    posts: dict[str, list[Post]] = {}
    for told, read, own in zip(texts, readings, words, strict=True):
        if told.channel == "public":
            posts.setdefault(told.issue, []).append(_post(told, read[0].labels.topics, own, keys))
        else:
            items.setdefault(told.issue, []).append(_item(told, read[0].labels.topics, own))
    found = []
    for issue in load_issues():
        whole = describe(items[issue.issue], posts[issue.issue], Before(), K, NOW, telling)
        public = describe([], posts[issue.issue], Before(), K, NOW, telling)
        assert whole is not None
        found.append((issue, whole, public, posts[issue.issue]))
    return found


def test_the_title_says_what_it_is_about(
    described: Sequence[tuple[LabelledIssue, IssueFacts, IssueFacts | None, list[Post]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = [any(term in facts.title for term in issue.terms) for issue, facts, _, _ in described]
    keywords = [any(t in w or w in t for t in i.terms for w in f.keywords[:5]) for i, f, _, _ in described]
    public = [
        any(term in facts.title for term in issue.terms)
        for issue, _, facts, posts in described
        if facts is not None and any(_sharing(posts, term) >= K for term in issue.terms)
    ]
    with capsys.disabled():
        print(f"\ntitles with a marked term: {sum(whole)} of {len(whole)} issues, {sum(public)} of {len(public)} of which"
              f" only posts are heard; among five keywords: {sum(keywords)}", end="")  # fmt: skip
    assert len(whole) >= 60 and len(public) >= 40
    for right in (whole, keywords, public):
        assert sum(right) / len(right) >= SAYS_SO


def test_of_posts_alone_only_what_k_voices_share_is_shown(
    described: Sequence[tuple[LabelledIssue, IssueFacts, IssueFacts | None, list[Post]]],
) -> None:
    shown = [(facts, posts) for _, _, facts, posts in described if facts is not None]
    assert shown
    for facts, posts in shown:
        assert all(sum(word in p.words for p in posts) >= K for word in facts.keywords)
        assert set(facts.title.partition("：")[2].split("、")) - {""} <= set(facts.keywords)


def _sharing(posts: Sequence[Post], term: str) -> int:
    """Posts, each of another voice here, one of whose words holds the term: what may be shown are words."""
    return sum(any(term in word for word in p.words) for p in posts)


def _item(told: Told, topics: Sequence[str], words: tuple[str, ...]) -> Item:
    return item(
        told.id, told.title or "咨询", told.text, channel=told.channel, words=words, topics=tuple(topics),
        outlet=told.site if told.channel == "media" else "",
    )  # fmt: skip


def _post(told: Told, topics: Sequence[str], words: tuple[str, ...], keys: Sequence[StagingKey]) -> Post:
    values = {"offices": {"city": reading("subject", topics)}, "title": told.title}
    return post(told.id, told.text, f"author of {told.id}", keys, words, **values)
