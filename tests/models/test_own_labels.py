"""`train --data`: any text,label CSV becomes a measured, usable classifier; a bad table is named by line and field."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.artifact import ARRAYS, load_model, load_own, save_own
from models.corpus_reader import read_corpus
from models.errors import ArtifactOutdated, ArtifactTampered, CorpusError
from models.features import Extractor
from models.labelled_table import LabelledTexts, read_labelled
from models.own_labels import as_card, as_lines, train_own
from models.segment import Segmenter


@pytest.fixture(scope="module")
def texts() -> LabelledTexts:
    """A real three-way task at hand: the sentiment of 1,200 texts of our corpus."""
    examples = read_corpus().examples[:1200]
    return LabelledTexts(tuple(e.text for e in examples), tuple(e.sentiment for e in examples), 0, 0)


def test_it_learns_says_how_well_and_is_read_back_the_same(texts: LabelledTexts, tmp_path: Path) -> None:
    model, report = train_own(texts, "rjieba", lambda _: None)
    majority = max(map(texts.labels.count, set(texts.labels))) / len(texts.labels)
    assert report.accuracy > majority + 0.05
    assert report.intervals["accuracy"][0] < report.accuracy < report.intervals["accuracy"][1]
    assert sum(map(sum, report.confusion)) == report.texts == sum(n for _, _, n in report.reliability)
    assert sum(row[at] for at, row in enumerate(report.confusion)) / report.texts == pytest.approx(report.accuracy)
    assert [n for n, _, _ in report.curve] == sorted(n for n, _, _ in report.curve)
    assert report.curve[-1][1:] == (report.accuracy, report.macro_f1)
    printed = "\n".join(as_lines(report))
    assert all(word in printed for word in ("混淆矩阵", "校准", "学习曲线", *model.labels))
    save_own(tmp_path / "own", model, as_card(report, texts))
    loaded, segmenter = load_own(tmp_path / "own")
    some = [*texts.texts[:20], "", "🙂", "\ud800", "a" * 100_000]
    before = model.probabilities(some, Extractor(Segmenter("rjieba")))
    assert (loaded.probabilities(some, Extractor(segmenter)) == before).all()
    assert before.sum(axis=1) == pytest.approx(1)
    with pytest.raises(ArtifactOutdated):
        load_model(tmp_path / "own")
    (tmp_path / "own" / ARRAYS).write_bytes(b"PK")
    with pytest.raises(ArtifactTampered):
        load_own(tmp_path / "own")


def test_two_labels_and_the_command_line(tmp_path: Path) -> None:
    rows = [f"{'很好，推荐' if n % 2 else '太差，别买'}第{n}次,{'好' if n % 2 else '差'}" for n in range(200)]
    table = tmp_path / "表.csv"
    table.write_bytes(("text,label\n" + "\n".join(rows) + "\n" + rows[0] + "\n").encode("gb18030"))
    command = [str(Path(sys.executable).with_name("tingjian"))]
    out = tmp_path / "model"
    trained = subprocess.run([*command, "train", "--data", table, "--out", out], capture_output=True, check=True)
    assert "重复的文本 1 条" in trained.stdout.decode()
    asked = subprocess.run([*command, "score", "--model", out], input="很好".encode(), capture_output=True, check=True)
    answer = json.loads(asked.stdout)
    assert answer["label"] == "好"
    assert answer["p"] > 0.5
    default = subprocess.run([*command, "train", "--data", table], capture_output=True, check=False)
    assert default.returncode == 2
    assert "--out" in default.stderr.decode()


def test_a_folder_with_other_files_is_not_replaced(texts: LabelledTexts, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    model, _ = train_own(LabelledTexts(texts.texts[:300], texts.labels[:300], 0, 0), "rjieba", lambda _: None)
    with pytest.raises(FileExistsError):
        save_own(tmp_path, model, {})
    assert (tmp_path / "letters.txt").read_text() == "mine"


GOOD = "".join(f"第{n}条,{n % 2}\n" for n in range(60))


@pytest.mark.parametrize(
    ("content", "line", "field"),
    [
        (b"", 1, "text"),
        ("文字,label\n".encode(), 1, "text"),
        (("text,标记\n" + GOOD).encode(), 1, "label"),
        (("text,label\n" + GOOD + ",1\n").encode(), 62, "text"),
        (("text,label\n" + GOOD + "好, \n").encode(), 62, "label"),
        (("text,label\n" + GOOD + "只有一列\n").encode(), 62, "-"),
        (("text,label\n" + GOOD + "少见,9\n").encode(), 0, "label"),
        ("text,label\n一,1\n二,1\n".encode(), 0, "label"),
        (b"text,label\n\xff\xfe\xfd,1\n", 0, "-"),
    ],
)
def test_a_bad_table_names_line_and_field(tmp_path: Path, content: bytes, line: int, field: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(CorpusError) as caught:
        read_labelled(path)
    assert (caught.value.line, caught.value.field) == (line, field)


def test_tabs_quotes_and_repeats(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    rows = "".join(f'{n % 2}\t"第{n}条，\n带换行"\n' for n in range(60))
    path.write_text("类别\t文本\n" + rows + rows.replace("0\t", "1\t", 1), encoding="utf-8-sig")
    read = read_labelled(path)
    assert len(read.texts) == 60
    assert (read.dropped, read.conflicting) == (60, 1)
    assert read.texts[3] == "第3条，\n带换行"
