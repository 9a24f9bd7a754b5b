"""`tingjian kibana push`, `pull` and `diff` on two offices, against a server that rewrites what it takes in as Kibana does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kibana_objects.collection import build
from kibana_objects.saved import Office
from kibana_server import KEY, FakeKibana

from flows.cli import tingjian
from flows.kibana.commands import KEY_VARIABLE
from flows.processes import ROOT
from pipeline.errors import ConfigurationError, Refused, RetryLater

CITY, DISTRICT = "tingjian-qingjiang", "tingjian-yunxi"
OFFICES = (ROOT / "deploy" / "demo" / "config" / "office.yaml").read_text("utf-8")
COUNT = len(build(Office("qingjiang", "清江市检察院")))


@dataclass
class House:
    """A home folder and its Kibana."""

    home: Path
    server: FakeKibana

    def run(self, *arguments: str) -> Result:
        command = ["kibana", *arguments, "--data-dir", str(self.home), "--url", self.server.url]
        return CliRunner().invoke(tingjian, command, env={KEY_VARIABLE: KEY}, catch_exceptions=True)

    def done(self, *arguments: str) -> str:
        """The output of a command that must succeed."""
        result = self.run(*arguments)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def writes(self, *arguments: str) -> list[str]:
        """What a command that must succeed asked Kibana to change."""
        before = len(self.server.writes())
        self.done(*arguments)
        return self.server.writes()[before:]

    def rename_panel(self, old: str, new: str) -> None:
        """An analyst edits a dashboard of the city."""
        board = self.server.held(CITY)[f"dashboard:{CITY}-board-today"]
        assert old in board["attributes"]["panelsJSON"]
        board["attributes"]["panelsJSON"] = board["attributes"]["panelsJSON"].replace(old, new)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    config = tmp_path / "config"
    (config / "sources").mkdir(parents=True)
    (config / "tingjian.yaml").write_text("index: {engine: elasticsearch, hosts: ['http://127.0.0.1:9']}\n", "utf-8")
    (config / "office.yaml").write_text(OFFICES.split("  - id: yunxi")[0], "utf-8")
    server = FakeKibana()
    yield House(tmp_path, server)
    server.stop()


@pytest.fixture
def two_offices(house: House) -> House:
    (house.home / "config" / "office.yaml").write_text(OFFICES, "utf-8")
    return house


def test_a_dry_run_writes_nothing(house: House) -> None:
    output = house.done("push", "--dry-run")
    assert house.server.writes() == [] and house.server.spaces.keys() == {"default"}
    assert not (house.home / "kibana.json").exists()
    assert f"清江市检察院（空间 {CITY}，将新建）：新建 {COUNT}" in output and "新建  dashboard  1 今日态势" in output


def test_push_fills_a_space_for_each_office_and_a_second_one_does_nothing(two_offices: House) -> None:
    two_offices.done("push")
    assert two_offices.server.spaces.keys() == {"default", CITY, DISTRICT}
    for space, office in ((CITY, "qingjiang"), (DISTRICT, "yunxi")):
        held = two_offices.server.held(space)
        assert len(held) == COUNT
        titles = {o["attributes"]["title"] for o in held.values() if o["type"] == "index-pattern"}
        assert titles == {f"office-{office}-{kind}" for kind in ("items", "signals", "issues", "incidents", "sources")}
    assert two_offices.server.default_views == {CITY: f"{CITY}-items", DISTRICT: f"{DISTRICT}-items"}
    assert two_offices.writes("push") == []
    assert f"未变 {COUNT}" in two_offices.done("diff")


def test_one_office_alone(two_offices: House) -> None:
    two_offices.done("push", "--office", "yunxi")
    assert two_offices.server.spaces.keys() == {"default", DISTRICT}
    assert two_offices.run("push", "--office", "nowhere").exit_code == 2


def test_only_what_the_description_changed_is_sent(house: House) -> None:
    house.done("push")
    office = house.home / "config" / "office.yaml"
    office.write_text(office.read_text("utf-8").replace("short_name: 清江市检察院", "short_name: 清江市院"), "utf-8")
    result = house.run("diff")
    assert result.exit_code == 1
    assert 'attributes.name："清江市检察院 · 议题" → "清江市院 · 议题"' in result.output
    assert house.writes("push") == [
        f"/api/spaces/space/{CITY}",
        f"/s/{CITY}/api/saved_objects/_import?overwrite=true",
        f"/s/{CITY}/api/data_views/default",
    ]
    assert house.server.held(CITY)[f"index-pattern:{CITY}-issues"]["attributes"]["name"] == "清江市院 · 议题"
    assert house.writes("push") == []


def test_what_an_analyst_changed_is_pulled_and_not_overwritten_unawares(house: House, tmp_path: Path) -> None:
    house.done("push")
    house.rename_panel("今日材料", "今天的材料")
    result = house.run("push")
    assert isinstance(result.exception, Refused) and "1 个对象被分析人员改过" in str(result.exception)
    assert "分析人员改过  dashboard  1 今日态势" in result.output
    assert '"今天的材料" → "今日材料"' in result.output
    assert "今天的材料" in str(house.server.held(CITY))

    house.done("pull", "--to", str(tmp_path / "pulled"))
    (pulled,) = (tmp_path / "pulled").iterdir()
    (line,) = pulled.read_text("utf-8").splitlines()
    assert json.loads(line)["id"] == f"{CITY}-board-today" and "今天的材料" in line

    house.done("push", "--overwrite")
    assert "今天的材料" not in str(house.server.held(CITY))
    assert "没有改动" in house.done("pull", "--to", str(tmp_path / "pulled"))
    assert list((tmp_path / "pulled").iterdir()) == []


def test_an_analysts_own_objects_are_pulled_and_left_alone(house: House) -> None:
    house.done("push")
    own = {"type": "dashboard", "id": "mine", "attributes": {"title": "我的看板", "panelsJSON": "[]"}, "references": []}
    house.server.objects[CITY, "dashboard", "mine"] = own
    assert house.writes("push", "--overwrite") == []
    assert "分析人员自建  dashboard  我的看板" in house.done("pull")
    assert "我的看板" in (house.home / "kibana" / f"{CITY}.ndjson").read_text("utf-8")
    assert house.run("diff").exit_code == 0


def test_an_object_that_an_analyst_deleted_comes_back(house: House) -> None:
    house.done("push")
    del house.server.objects[CITY, "search", f"{CITY}-red-orange"]
    assert "新建  search  红色和橙色议题" in house.done("push")
    assert f"search:{CITY}-red-orange" in house.server.held(CITY)


def test_what_is_no_longer_described_is_said_and_kept(house: House) -> None:
    house.done("push")
    sent = house.home / "kibana.json"
    state = json.loads(sent.read_text("utf-8"))
    state[CITY][f"search:{CITY}-old"] = ["x", "y"]
    sent.write_text(json.dumps(state), "utf-8")
    house.server.objects[CITY, "search", f"{CITY}-old"] = {
        "type": "search", "id": f"{CITY}-old", "attributes": {"title": "旧的"}, "references": [],
    }  # fmt: skip
    assert house.run("diff").exit_code == 1
    output = house.done("push")
    assert "描述里已经没有  search  旧的" in output and "1 个不会自动删除" in output and "已保存对象" in output
    assert f"search:{CITY}-old" in house.server.held(CITY)


def test_without_the_record_objects_are_compared_one_by_one(house: House) -> None:
    house.done("push")
    (house.home / "kibana.json").unlink()
    assert house.writes("push") == []
    house.rename_panel("今日材料", "今天的材料")
    assert isinstance(house.run("push").exception, Refused)


def test_a_record_that_cannot_be_read_is_named(house: House) -> None:
    (house.home / "kibana.json").write_text("{", "utf-8")
    error = house.run("push").exception
    assert isinstance(error, ConfigurationError) and "kibana.json" in str(error)


def test_a_push_that_fails_half_way_is_finished_by_the_next(two_offices: House) -> None:
    def fault(method: str, path: str) -> object:
        return (503, "", {}) if DISTRICT in path and path.endswith("overwrite=true") else None

    two_offices.server.fault = fault  # type: ignore[assignment]
    assert isinstance(two_offices.run("push").exception, RetryLater)
    assert len(two_offices.server.held(CITY)) == COUNT and two_offices.server.held(DISTRICT) == {}
    two_offices.server.fault = lambda method, path: None
    assert all(DISTRICT in path for path in two_offices.writes("push"))
    assert len(two_offices.server.held(DISTRICT)) == COUNT


def test_an_import_that_kibana_does_not_take_is_not_remembered(house: House) -> None:
    def fault(method: str, path: str) -> object:
        return (200, {"success": False, "successCount": 0}, {}) if "_import" in path else None

    house.server.fault = fault  # type: ignore[assignment]
    assert "导入没有完成" in str(house.run("push").exception)
    assert not (house.home / "kibana.json").exists()


def test_the_key_is_written_nowhere(house: House) -> None:
    output = house.done("push") + house.done("pull")
    assert KEY not in output
    assert not [path for path in house.home.rglob("*") if path.is_file() and KEY in path.read_text("utf-8")]


def test_the_embedded_engine_has_no_kibana(house: House) -> None:
    (house.home / "config" / "tingjian.yaml").write_text("k: 5\n", "utf-8")
    error = house.run("push").exception
    assert isinstance(error, ConfigurationError) and "index.engine" in str(error)


def test_as_a_program_it_ends_in_words(house: House) -> None:
    command = [
        sys.executable,
        "-m",
        "flows",
        "kibana",
        "push",
        "--data-dir",
        str(house.home),
        "--url",
        house.server.url,
    ]
    ended = subprocess.run(command, cwd=ROOT, env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and re.search(f"配置有误：.*{KEY_VARIABLE}", ended.stderr)


def test_the_builder_writes_what_kibana_imports_by_hand(house: House) -> None:
    program = ROOT / "deploy" / "kibana" / "build.py"
    command = [sys.executable, str(program), "--office", "city=清江市检察院", "--prefix", "p-"]
    made = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in made.stdout.splitlines()]
    assert len(lines) == COUNT and lines[0]["attributes"]["title"] == "p-office-city-items"


def test_a_new_name_of_the_office_reaches_its_space_and_what_analysts_set_there_stays(house: House) -> None:
    house.done("push")
    house.server.spaces[CITY] |= {"color": "#aabbcc", "disabledFeatures": ["ml"]}
    path = house.home / "config" / "office.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("short_name: 清江市检察院", "short_name: 清江市院"), "utf-8")
    assert path.read_text("utf-8") != text
    assert "更新  空间名称  清江市检察院 → 清江市院" in house.done("push", "--dry-run")
    assert house.server.spaces[CITY]["name"] == "清江市检察院" and house.run("diff").exit_code == 1
    house.done("push", "--overwrite")
    space = house.server.spaces[CITY]
    assert space["name"] == "清江市院" and space["color"] == "#aabbcc" and space["disabledFeatures"] == ["ml"]
    assert house.writes("push") == []
