from __future__ import annotations

from pathlib import Path

from desk_rows import TEMPLATES

from pipeline.alerts.rules import load_rules
from pipeline.notify.senders import build_senders
from pipeline.response.plans import load_plans
from pipeline.settings import Home
from pipeline.steps.roster import load_post


def test_a_new_office_starts_with_files_that_load(office_home: Home) -> None:
    plans = load_plans(office_home.config / "plans")
    assert len(plans) >= 6 and load_rules(office_home.config / "rules.yaml", plans)
    assert load_post(office_home).channels == ("folder",) and set(build_senders(office_home)) == {"folder"}
    assert not any(source.enabled for source in office_home.sources)


def test_every_template_is_explained_in_chinese() -> None:
    for path in sorted(TEMPLATES.rglob("*.yaml")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("#") and any("\u4e00" <= c <= "\u9fff" for c in first), path.name


def test_no_plan_speaks_of_silencing_anybody() -> None:
    for path in Path(TEMPLATES / "plans").glob("*.yaml"):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        assert not any(
            word in line for line in lines for word in ("删帖", "删除评论", "举报账号", "控评", "引导舆论", "水军")
        )
