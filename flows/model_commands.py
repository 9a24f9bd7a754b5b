"""`tingjian train` and `tingjian score`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import click

BATCH = 256
ROOT = Path(__file__).resolve().parents[1]


@click.command()
@click.option(
    "--engine", type=click.Choice(["rjieba", "jieba"]), default="rjieba", show_default=True, help="分词引擎。"
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "models" / "artifact", help="模型目录。"
)
@click.option("--if-missing", is_flag=True, help="已有可用的模型就不再训练。")
def train(engine: Literal["rjieba", "jieba"], out: Path, if_missing: bool) -> None:
    """训练分类模型（用仓库自带的语料）。"""
    from models.errors import ArtifactError
    from models.scorer import Scorer
    from models.train import train_model

    if if_missing:
        try:
            click.echo(f"模型已就绪：{Scorer.load(out).version}")
            return
        except ArtifactError as error:
            click.echo(f"需要训练：{error}")
    train_model(ROOT / "models" / "corpus", out, engine, click.echo)
    click.echo(f"模型已保存：{out}（{Scorer.load(out).version}）")


@click.command()
@click.option(
    "--model", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "models" / "artifact", help="模型目录。"
)
@click.option(
    "--office", type=click.Path(dir_okay=False, path_type=Path), help="office.yaml:以其中第一个检察院为本院来读。"
)
def score(model: Path, office: Path | None) -> None:
    """识别：从标准输入读文本（一行一条，或 JSON Lines 的 text 字段），输出标签和概率（JSON Lines）。"""
    from models.scorer import Scorer
    from pipeline.privacy.mask import mask
    from pipeline.score import names_of
    from pipeline.settings import load_model
    from pipeline.settings.offices import Offices

    scorer = Scorer.load(model)
    names = names_of(load_model(office, Offices).offices[0]) if office else None
    lines = (line.decode("utf-8", "replace").rstrip("\r\n") for line in sys.stdin.buffer)
    while batch := list(islice(lines, BATCH)):
        entries = list(_entries(batch))
        for (entry_id, _), labels in zip(entries, scorer.score([mask(t) for _, t in entries], names), strict=True):
            head = {} if entry_id is None else {"id": entry_id}
            click.echo(json.dumps({**head, **labels.to_dict()}, ensure_ascii=False))


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
