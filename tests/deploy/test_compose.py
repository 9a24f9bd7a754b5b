"""deploy/compose.yaml, its Dockerfile and env.example against the Compose specification and our own rules.

No container engine runs here; `test_compose_natively` runs the commands themselves. `compose-spec.json` is the schema
of github.com/compose-spec/compose-spec (Apache License 2.0).
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
import yaml
from composed import DEPLOY, IMAGE, VARIABLE, compose, example
from jsonschema import Draft202012Validator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline.settings import load_model
from pipeline.settings.home import Settings

SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8")),
    format_checker=Draft202012Validator.FORMAT_CHECKER,
)
SERVICES: dict[str, dict[str, Any]] = compose()["services"]
ONCE = {"certificates", "keys", "schedule"}
SECRET = re.compile(r"PASSWORD|SECRET|AUTH_STRING|ENCRYPTIONKEY|API_KEY")
VALUES = example() | {name: f"secret-{name.lower()}" for name, value in example().items() if not value}


def test_the_file_is_what_the_compose_specification_says() -> None:
    assert [e.message for e in SCHEMA.iter_errors(compose())] == []
    assert [e.message for e in SCHEMA.iter_errors(compose(VALUES))] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s["desk"].update(memory="1g"),
        lambda s: s["desk"].update(ports="8600:8600"),
        lambda s: s["desk"]["healthcheck"].update(tests=[]),
        lambda s: s["desk"]["deploy"]["resources"].update(limit={}),
        lambda s: s["desk"].update(depends_on={"postgres": {"condition": "healthy"}}),
        lambda s: s["desk"].update(cap_drop="ALL"),
    ],
)
def test_a_mistake_would_be_noticed(spoil: Callable[[dict[str, Any]], None]) -> None:
    spoiled = copy.deepcopy(compose())
    spoil(spoiled["services"])
    assert list(SCHEMA.iter_errors(spoiled))


def test_all_that_an_office_needs_is_there() -> None:
    assert set(SERVICES) - ONCE == {"elasticsearch", "kibana", "postgres", "prefect", "worker", "dispatcher", "desk"}
    assert SERVICES["elasticsearch"]["environment"]["xpack.security.enabled"] == "true"


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_guarded(name: str) -> None:
    """Not root, no capabilities, limits, bounded logs, loopback ports, a pinned image, and a check unless it ends."""
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in ("", "0", "root")
    assert service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "pid", "network_mode", "ipc", "devices", "cap_add"} & set(service)
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"]["max-size"]
    assert (service["healthcheck"].get("disable") is True) == (name in ONCE) == ("test" not in service["healthcheck"])
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["image"] == IMAGE or re.search(r":(\d+-[a-z]+|\$\{ELASTIC_VERSION:\?.*\})$", service["image"])
    assert service["image"] != IMAGE or service["read_only"] is True
    assert not any("docker.sock" in json.dumps(volume) for volume in service["volumes"])


def test_secrets_come_from_the_environment_and_only_they_that_a_service_needs() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            assert not SECRET.search(variable) or VARIABLE.search(value), f"{name}: {variable}"
    given = {name: json.dumps(service.get("environment", {})) for name, service in SERVICES.items()}
    assert {n for n, text in given.items() if "{ELASTIC_PASSWORD" in text} == {"elasticsearch", "keys"}
    assert {n for n, text in given.items() if "OPERATOR_KEY" in text} == {"keys"}
    assert {n for n, text in given.items() if "DESK_KEY" in text} == {"desk"}
    assert {n for n, text in given.items() if "WORKER_KEY" in text} == {"worker", "dispatcher"}


def test_references_resolve() -> None:
    whole = compose()
    volumes, networks, waited = set(), set(), set()
    for service in SERVICES.values():
        named = [v.split(":")[0] for v in service["volumes"] if isinstance(v, str)]
        volumes |= set(named)
        networks |= set(service["networks"])
        waited |= set(service.get("depends_on", {}))
        for other, how in service.get("depends_on", {}).items():
            ends = how["condition"] == "service_completed_successfully"
            assert ends == (other in ONCE) and (ends or "test" in SERVICES[other]["healthcheck"])
            assert set(SERVICES[other]["networks"]) & set(service["networks"])
    assert volumes == set(whole["volumes"]) and networks == set(whole["networks"]) and waited <= set(SERVICES)
    assert whole["networks"]["engines"]["internal"] is True
    assert {n for n, s in SERVICES.items() if s["networks"] == ["engines"]} == {"certificates", "elasticsearch", "keys", "postgres"}


def test_every_variable_is_documented_and_used() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    used = {match[1] for match in VARIABLE.finditer(text)}
    assert used == set(example())
    blocks = (DEPLOY / "env.example").read_text(encoding="utf-8").strip().split("\n\n")
    assert all(block.startswith("#") for block in blocks)
    for name, default in {(m[1], m[3]) for m in VARIABLE.finditer(text) if m[2] == "-" and m[3]}:
        assert example()[name] == default, name


def test_required_variables_stop_the_start_with_words() -> None:
    required = {m[1] for m in VARIABLE.finditer((DEPLOY / "compose.yaml").read_text(encoding="utf-8")) if m[2] == "?"}
    for name in required:
        with pytest.raises(KeyError, match=f"{name}: set it in .env"):
            compose(VALUES | {name: ""})


def test_client_and_server_have_one_major_version() -> None:
    assert VALUES["ELASTIC_VERSION"].split(".")[:2] == [str(n) for n in elasticsearch.__version__[:2]]


def test_the_settings_beside_it_are_valid_and_their_secrets_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    path = DEPLOY / "compose-settings.yaml"
    wanted = set(re.findall(r"\$\{([A-Z_]+)\}", path.read_text(encoding="utf-8")))
    readers = [s for n, s in SERVICES.items() if s["image"] == IMAGE and n not in ("certificates", "prefect")]
    for service in readers:
        assert wanted <= set(service["environment"])
    for name in wanted:
        monkeypatch.setenv(name, "x@y")
    settings = load_model(path, Settings)
    assert settings.database_url == "postgresql://tingjian:x%40y@postgres:5432/desk"
    assert {settings.index.api_key_env} <= set(SERVICES["worker"]["environment"]) & set(SERVICES["desk"]["environment"])
    assert settings.index.hosts == [SERVICES["keys"]["environment"]["ELASTICSEARCH_URL"]]
    assert settings.desk.port == int(SERVICES["desk"]["ports"][0].rsplit(":", 1)[1])
    office = yaml.safe_load((DEPLOY / "office" / "tingjian.yaml").read_text(encoding="utf-8"))
    assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) <= set(office)


# --- the image

DOCKERFILE = re.sub(r"\\\n", " ", (DEPLOY / "images" / "Dockerfile").read_text(encoding="utf-8"))
INSTRUCTIONS = [
    (word, rest.strip())
    for word, _, rest in (line.partition(" ") for line in DOCKERFILE.splitlines() if line and line[0] not in "# ")
]


def of(word: str) -> list[str]:
    return [rest for instruction, rest in INSTRUCTIONS if instruction == word]


def test_the_image_is_pinned_and_runs_as_nobody_special() -> None:
    assert re.fullmatch(r"PYTHON=3\.11\.\d+-slim-[a-z]+", of("ARG")[0])
    assert {line.split()[0] for line in of("FROM")} == {"python:${PYTHON}"}
    assert of("USER") == ["10001:10001"] and INSTRUCTIONS.index(("USER", "10001:10001")) > INSTRUCTIONS.index(
        ("WORKDIR", "/opt/tingjian")
    )
    assert len(of("HEALTHCHECK")) == 1 and of("CMD") and of("ADD") == []
    assert {s["user"].split(":")[0] for s in SERVICES.values() if s["image"] == IMAGE} == {"10001"}


def test_the_image_holds_no_secret_and_installs_only_what_is_locked() -> None:
    assert not SECRET.search(DOCKERFILE) and not re.search(r"curl|wget|latest|--index|http", DOCKERFILE.split("\n", 4)[4])
    for run in of("RUN"):
        assert "pip install" not in run or "--no-deps" in run
    assert "--require-hashes" in DOCKERFILE
    ignored = (DEPLOY / "images" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*" and {"deploy/.env", "deploy/config"} <= set(ignored)
    root = DEPLOY.parent
    assert all((root / line[1:]).exists() for line in ignored if line.startswith("!"))


def test_the_image_has_what_the_product_brings_and_no_tool_of_development() -> None:
    root = DEPLOY.parent
    said = subprocess.run([sys.executable, "deploy/images/locked.py", "setuptools"], cwd=root, capture_output=True, text=True, check=True)
    held = {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", said.stdout, re.M)}
    assert not held & {"pytest", "pytest-xdist", "mypy", "ruff", "hypothesis", "import-linter", "playwright", "xlwt"}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting, wanted = list(project["dependencies"]), set[tuple[str, str]]()
    while waiting:  # as the installed packages themselves say it
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        for extra in ["", *requirement.extras]:
            if (name, extra) not in wanted:
                wanted.add((name, extra))
                brought = map(Requirement, metadata.requires(name) or ())
                waiting += [str(r).partition(";")[0] for r in brought if r.marker is None or r.marker.evaluate({"extra": extra})]
    assert {name for name, _ in wanted} <= held
    assert of("RUN")[1].startswith("python deploy/images/locked.py setuptools > /tmp/locked.txt")


def test_folders_that_volumes_cover_belong_to_the_user() -> None:
    made = set(re.findall(r"install -d -o 10001 -g \d+ ([^&\n]+)", DOCKERFILE))
    folders = {path for group in made for path in group.split()}
    targets = {v.split(":")[1] for s in SERVICES.values() if s["image"] == IMAGE for v in s["volumes"] if isinstance(v, str)}
    assert targets == folders
