"""`tingjian train` and `tingjian score`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import click
from click.core import ParameterSource

BATCH = 256
ROOT = Path(__file__).resolve().parents[1]


@click.command()
@click.option(
    "--engine", type=click.Choice(["rjieba", "jieba"]), default="rjieba", show_default=True, help="分词引擎。"
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "models" / "artifact", help="模型目录。"
)
@click.option("--if-missing", is_flag=True, help="已有可用的模型，且语料没有变，就不再训练。")
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="改用自己的语料：CSV，表头有 text 和 label 两列（UTF-8 或 GB18030）；须同时用 --out 指定另一个目录。",
)
@click.pass_context
def train(
    context: click.Context, engine: Literal["rjieba", "jieba"], out: Path, if_missing: bool, data: Path | None
) -> None:
    """训练分类模型（用仓库自带的语料）。

    加 --data 时学习任何一份“文本，标签”表格：留出两成来量，打印各标签的分数、混淆矩阵、校准和学习曲线，模型存到 --out，
    之后用 tingjian score --model 目录 来识别。
    """
    from models.artifact import read_card
    from models.corpus_reader import CORPUS_DIR, read_corpus
    from models.errors import ArtifactError
    from models.scorer import Scorer
    from models.train import train_model

    if data is not None:
        if context.get_parameter_source("out") is ParameterSource.DEFAULT:
            raise click.UsageError("用自己的语料训练时，请用 --out 指定模型目录（以免覆盖系统在用的模型）。")
        _train_own(data, out, engine)
        return
    if if_missing:
        try:
            version, learned = Scorer.load(out).version, read_card(out).get("corpus_hash")
            if learned == read_corpus(CORPUS_DIR).hash:
                click.echo(f"模型已就绪：{version}")
                return
            click.echo("需要训练：语料与训练它时不同了")
        except ArtifactError as error:
            click.echo(f"需要训练：{error}")
    train_model(CORPUS_DIR, out, engine, click.echo)
    click.echo(f"模型已保存：{out}（{Scorer.load(out).version}）")


def _train_own(data: Path, out: Path, engine: str) -> None:
    from models.artifact import save_own
    from models.labelled_table import read_labelled
    from models.own_labels import as_card, as_lines, train_own

    texts = read_labelled(data)
    if texts.dropped:
        click.echo(f"重复的文本 {texts.dropped} 条只算一次（其中标签不同的 {texts.conflicting} 条，以先出现的为准）")
    model, report = train_own(texts, engine, click.echo)
    click.echo("\n" + "\n".join(as_lines(report)))
    try:
        save_own(out, model, as_card(report, texts))
    except FileExistsError as error:
        raise click.UsageError(f"{out} 里有别的文件，请换一个目录。") from error
    click.echo(f"\n模型已保存：{out}")


@click.command()
@click.option(
    "--model", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "models" / "artifact", help="模型目录。"
)
@click.option(
    "--office", type=click.Path(dir_okay=False, path_type=Path), help="office.yaml:以其中第一个检察院为本院来读。"
)
def score(model: Path, office: Path | None) -> None:
    """识别：从标准输入读文本（一行一条，或 JSON Lines 的 text 字段），输出标签和概率（JSON Lines）。"""
    from models.artifact import read_card
    from models.scorer import Scorer
    from pipeline.privacy.mask import mask
    from pipeline.score import names_of
    from pipeline.settings import load_model
    from pipeline.settings.offices import Offices

    read: Callable[[list[str]], list[dict[str, Any]]]
    if read_card(model).get("kind") == "own_labels":
        if office:
            raise click.UsageError("自己的标签与本院无关，不用 --office。")
        read = _own_reader(model)
    else:
        scorer = Scorer.load(model)
        names = names_of(load_model(office, Offices).offices[0]) if office else None
        read = lambda texts: [labels.to_dict() for labels in scorer.score(texts, names)]  # noqa: E731
    lines = (line.decode("utf-8", "replace").rstrip("\r\n") for line in sys.stdin.buffer)
    while batch := list(islice(lines, BATCH)):
        entries = list(_entries(batch))
        for (entry_id, _), labels in zip(entries, read([mask(t) for _, t in entries]), strict=True):
            head = {} if entry_id is None else {"id": entry_id}
            click.echo(json.dumps({**head, **labels}, ensure_ascii=False))


def _own_reader(folder: Path) -> Callable[[list[str]], list[dict[str, Any]]]:
    from models.artifact import load_own
    from models.features import Extractor

    model, segmenter = load_own(folder)
    extractor = Extractor(segmenter)

    def read(texts: list[str]) -> list[dict[str, Any]]:
        rows = model.probabilities(texts, extractor)
        best = rows.argmax(axis=1)
        return [{"label": model.labels[at], "p": round(float(row[at]), 4)} for row, at in zip(rows, best, strict=True)]

    return read


def _entries(lines: list[str]) -> Iterator[tuple[object, str]]:
    for line in lines:
        try:
            data = json.loads(line) if line.lstrip().startswith("{") else None
        except ValueError:
            data = None
        if isinstance(data, dict) and isinstance(data.get("text"), str):
            yield data.get("id"), data["text"]
        else:
            yield None, line
