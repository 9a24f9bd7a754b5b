"""The home folder of one installation: `config/` is written by people, everything else by us."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from pipeline.errors import ConfigurationError, storage
from pipeline.privacy.staging_keys import make_key
from pipeline.settings.offices import Office, Offices
from pipeline.settings.sources import Source
from pipeline.settings.yaml_files import Strict, load_model

_PLAIN_PASSWORD = re.compile(r"^[^#]*://[^/@\s:]*:(?!\$\{)[^/@\s]+@", re.M)
K_FLOOR = 3  # charter 2: no setting goes below


class DeskSettings(Strict):
    host: str = "127.0.0.1"
    port: int = Field(default=8600, ge=1, le=65535)
    public_url: str = ""  # how people reach the desk, for links in mail; default http://host:port
    allowed_hosts: list[str] = []  # further Host headers, besides `host` and localhost
    session_hours: int = Field(default=12, ge=1, le=168)
    mail_folder: str = ""  # a folder of .eml files that the desk shows as 收件箱


class CrawlSettings(Strict):
    contact: str = ""  # a mail address or page that site owners can turn to; stands in the User-Agent
    timeout_seconds: int = Field(default=20, ge=1)
    max_page_bytes: int = Field(default=5_000_000, ge=10_000)


class ChannelSettings(Strict):
    """Where notifications go. Secrets come from the environment by the names given here."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,30}$")
    kind: Literal["smtp", "folder"]
    host: str = "127.0.0.1"
    port: int = Field(default=25, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "starttls"
    sender: str = "听见 <tingjian@localhost>"
    username_env: str = ""
    password_env: str = ""
    folder: str = "outbox"

    @model_validator(mode="after")
    def _both_or_none(self) -> ChannelSettings:
        if bool(self.username_env) != bool(self.password_env):
            raise ValueError("username_env 和 password_env 要么都写，要么都不写")
        return self


class IndexSettings(Strict):
    """Where items are searched: the embedded engine, or an Elasticsearch 8 of your own."""

    engine: Literal["sqlite", "elasticsearch"] = "sqlite"
    hosts: list[str] = ["https://127.0.0.1:9200"]
    api_key_env: str = ""  # name of the environment variable that holds the key
    ca_file: str = ""
    timeout_seconds: float = Field(default=30, gt=0)
    prefix: str = Field(
        default="", pattern=r"^([a-z0-9][a-z0-9_.-]{0,40})?$"
    )  # of index names, where offices share a cluster
    shards: int = Field(default=1, ge=1)
    replicas: int = Field(default=0, ge=0)


class DigestSettings(Strict):
    weekday: int = Field(default=1, ge=1, le=7)  # Monday
    hour: int = Field(default=8, ge=0, le=23)
    recipients: list[str] = []


class Settings(Strict):
    """`tingjian.yaml`."""

    k: int = Field(default=5, ge=K_FLOOR, le=100)
    database_url: str = ""  # empty: SQLite in the home folder
    model_folder: str = ""  # empty: the one that setup trained
    retention_days: dict[Literal["official", "media", "submission"], int] = {}
    index: IndexSettings = IndexSettings()
    desk: DeskSettings = DeskSettings()
    crawl: CrawlSettings = CrawlSettings()
    channels: list[ChannelSettings] = Field(default=[ChannelSettings(id="folder", kind="folder")], min_length=1)
    digest: DigestSettings = DigestSettings()

    def retention(self, channel: str) -> int:
        """Days that items of `channel` are kept."""
        return {str(c): d for c, d in self.retention_days.items()}.get(channel, 180)


@dataclass(frozen=True, slots=True)
class Home:
    """Configuration and paths of one installation."""

    folder: Path
    settings: Settings
    offices: tuple[Office, ...]
    sources: tuple[Source, ...]

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def database_url(self) -> str:
        return self.settings.database_url or f"sqlite:///{self.folder / 'desk.db'}"

    @property
    def index_path(self) -> Path:
        return self.folder / "index.db"

    @property
    def staging(self) -> Path:
        """Left out of backups."""
        return self.folder / "staging"

    @property
    def spool(self) -> Path:
        """In staging, since it holds public captures (charter 2)."""
        return self.folder / "staging" / "spool"

    @property
    def evidence(self) -> Path:
        return self.folder / "evidence"

    @property
    def evidence_register(self) -> Path:
        """Outside the folder that it vouches for."""
        return self.folder / "evidence.db"

    @property
    def model(self) -> Path:
        if self.settings.model_folder:
            return self.path(self.settings.model_folder)
        return Path(__file__).resolve().parents[2] / "models" / "artifact"

    @property
    def models(self) -> Path:
        """Versions that this installation trained with its own corrections; the last one taken goes before `model`."""
        return self.folder / "models"

    @property
    def desk_url(self) -> str:
        desk = self.settings.desk
        return (desk.public_url or f"http://{desk.host}:{desk.port}").rstrip("/")

    def path(self, name: str) -> Path:
        """A path from a setting: relative ones begin at the home folder."""
        return self.folder / Path(name).expanduser()

    def office(self, office_id: str) -> Office:
        return next(o for o in self.offices if o.id == office_id)

    def installation_key(self) -> bytes:
        """32 random bytes made once; identities depend on it for ever, so it belongs into backups."""
        path = self.folder / "installation.key"
        if not path.exists():
            with storage("数据目录"):
                self.folder.mkdir(parents=True, exist_ok=True)
                make_key(path)
        return path.read_bytes()


def load_home(folder: Path) -> Home:
    """Read `folder/config`. Raises ConfigurationError (also where two sources share an id or name no office)."""
    config = folder / "config"
    if not config.is_dir():
        raise ConfigurationError("这里没有配置。先运行：tingjian init 目录", file=config)
    settings = load_model(config / "tingjian.yaml", Settings)
    _no_password_in(config / "tingjian.yaml")
    offices = load_model(config / "office.yaml", Offices).offices
    known = {o.id for o in offices}
    sources: dict[str, Source] = {}
    for path in sorted((config / "sources").glob("*.yaml")):
        source = load_model(path, Source)
        if source.id in sources:
            raise ConfigurationError(f"来源 id {source.id} 已经用过", file=path, field="id")
        for office_id in source.offices:
            if office_id not in known:
                raise ConfigurationError(f"office.yaml 里没有 {office_id}", file=path, field="offices")
        sources[source.id] = source
    return Home(folder.resolve(), settings, tuple(offices), tuple(sources.values()))


def _no_password_in(path: Path) -> None:
    """Raises ConfigurationError where an address holds a password in clear."""
    text = path.read_text(encoding="utf-8")
    if found := _PLAIN_PASSWORD.search(text):
        line = text.count("\n", 0, found.end()) + 1
        raise ConfigurationError("密码不能写在文件里：写成 ${环境变量}", file=path, line=line)
