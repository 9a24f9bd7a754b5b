"""`tingjian model` as its user meets it."""

from __future__ import annotations

from pathlib import Path

from conftest import Cli


def test_versions_are_listed_and_there_is_nothing_to_return_to(cli: Cli, office: Path) -> None:
    listed = cli("model", "list", "--data-dir", office).stdout
    assert listed.startswith("* ") and "（随软件安装）" in listed and "校对 0 条" in listed
    assert "没有更早的版本可退" in cli("model", "rollback", "--data-dir", office, code=1).stderr
    assert "没有大的变化" in cli("model", "drift", "--data-dir", office).stdout


def test_a_version_that_cannot_be_used_is_said_by_doctor(cli: Cli, office: Path) -> None:
    models = office / "models"
    models.mkdir()
    (models / "state.json").write_text('{"line": ["", "rjieba-1"], "left": [], "tried": ""}', encoding="utf-8")
    said = cli("doctor", "--data-dir", office, code=1).stdout
    assert "rjieba-1 不能用（还没有训练过）" in said and "现在用的是" in said
    assert "rjieba-1 不能用" in cli("model", "list", "--data-dir", office).stdout
