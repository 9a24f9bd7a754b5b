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
    for name, entries in (("rotations", oncall.rotations), ("overrides", oncall.overrides)):
        for number, entry in enumerate(entries):
            for office_id in entry.offices:
                if office_id not in known:
                    place = home.config / "oncall.yaml"
                    raise ConfigurationError(
                        f"office.yaml 里没有 {office_id}", file=place, field=f"{name}.{number}.offices"
                    )
