"""The roster together with the channels that this installation has."""

from __future__ import annotations

from pipeline.errors import ConfigurationError
from pipeline.response.announce import Post
from pipeline.response.oncall import OnCall, load_oncall
from pipeline.settings import Home


def load_post(home: Home) -> Post:
    """Read oncall.yaml and fit it to tingjian.yaml and office.yaml. Raises ConfigurationError."""
    path = home.config / "oncall.yaml"
    oncall = load_oncall(path)
    known = [c.id for c in home.settings.channels]
    for channel in oncall.channels:
        if channel not in known:
            raise ConfigurationError(f"tingjian.yaml 里没有通知渠道 {channel}", file=path, field="channels")
    _check_offices(home, oncall)
    return Post(oncall, tuple(oncall.channels or known), home.desk_url)


def _check_offices(home: Home, oncall: OnCall) -> None:
    known = {o.id for o in home.offices}
    named = [(f"rotations.{n}", r.offices) for n, r in enumerate(oncall.rotations)]
    named += [(f"overrides.{n}", o.offices) for n, o in enumerate(oncall.overrides)]
    for place, office_ids in named:
        for office_id in office_ids:
            if office_id not in known:
                file = home.config / "oncall.yaml"
                raise ConfigurationError(f"office.yaml 里没有 {office_id}", file=file, field=f"{place}.offices")
