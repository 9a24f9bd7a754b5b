"""`office.yaml`: the offices that one installation serves."""

from __future__ import annotations

from pydantic import Field, model_validator

from pipeline.settings.own_channels import OwnChannel
from pipeline.settings.yaml_files import Strict


class Office(Strict):
    """One procuratorate. `aliases` are further names people use; `numbers` its own phone numbers (never masked)."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,30}$")
    name: str
    short_name: str
    aliases: list[str] = []
    region: str = ""
    superior: list[str] = []
    subordinate: list[str] = []
    numbers: list[str] = []
    spokespersons: list[str] = []
    mailbox: str = ""
    own_channels: list[OwnChannel] = []

    @model_validator(mode="after")
    def _channels_differ(self) -> Office:
        if len({c.id for c in self.own_channels}) != len(self.own_channels):
            raise ValueError("own_channels 里有两项用了同一个 id")
        return self


class Offices(Strict):
    """The first office is the one that reads what names none."""

    offices: list[Office] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_differ(self) -> Offices:
        if len({o.id for o in self.offices}) != len(self.offices):
            raise ValueError("两个检察院用了同一个 id")
        return self
