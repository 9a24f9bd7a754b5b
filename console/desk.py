"""What all pages share: settings, database, index, clock, templates, and the model once it is loaded."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.orm import Session

from console import charts, words
from models.errors import ModelsError
from models.office_names import OfficeNames
from models.taxonomy import BINARY_NAMES, ROLE_NAMES, SENTIMENT_NAMES, TOPIC_NAMES, display_name
from pipeline.desk.database import Database
from pipeline.errors import REASONS, RetryLater
from pipeline.index.engine import Index
from pipeline.records import CHANNEL_NAMES
from pipeline.response.plans import TASK_NAMES
from pipeline.settings import Home
from pipeline.steps.model_news import drift_name
from pipeline.steps.troubles import note_model

FOLDER = Path(__file__).resolve().parent
THREADS = 6
AWAY = timedelta(seconds=15)  # so long an index that did not answer is not asked again for parts of a page
log = logging.getLogger(__name__)


class Explainer(Protocol):
    """What the desk asks of `models.scorer.Scorer`."""

    def explain(self, text: str, office: OfficeNames | None, label: str) -> list[tuple[str, float]]: ...


class Desk:
    """One running desk."""

    def __init__(self, home: Home, db: Database, index: Index, clock: Callable[[], datetime]) -> None:
        self.home, self.db, self.index, self.clock = home, db, index, clock
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="desk")  # each keeps its index connection
        self.templates = _environment()
        self.templates.globals["k"] = home.settings.k
        self.scorer: Explainer | None = None
        self.scorer_version = ""
        self._loaded = _stamp(home)  # when what is to be loaded changed last
        self.scorer_problem = "模型正在载入，请稍后刷新本页。"
        self.started = clock()
        self._away = ("", clock())  # why the index could not be asked, and when

    @property
    def secure(self) -> bool:
        """People reach the desk over https, so cookies are sent only there."""
        return self.home.desk_url.startswith("https://")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A snapshot whose rows stay readable after it."""
        with self.db.read() as session:
            yield session
            session.expunge_all()

    def note_away(self, words: str, now: datetime) -> None:
        """The index could not be asked."""
        self._away = (words, now)

    def index_away(self, now: datetime) -> str:
        """Why the index could not be asked a moment ago: pages must not wait for it one after the other; else empty."""
        words, at = self._away
        return words if now - at < AWAY else ""

    def load_scorer(self) -> None:
        """Load the model aside, so that no page waits for it."""
        self._loaded = _stamp(self.home)
        threading.Thread(target=self._load, name="scorer", daemon=True).start()

    def _load(self) -> None:
        from pipeline.steps.shelf import shelf_of  # brings numpy, scipy: seconds of start-up that no page needs

        try:
            usable = shelf_of(self.home).usable()
            self.scorer, self.scorer_version = usable.scorer(), usable.version
            note_model(self.db, usable.problem, self.clock())
        except (ModelsError, OSError, RetryLater) as error:
            log.warning("the desk runs without a model: %s", error)
            self.scorer_problem = "模型还没有训练好或读不出来。请管理员运行 tingjian doctor。"

    def current_scorer(self) -> Explainer | None:
        """The model; a new one is loaded aside after training or rollback, and the old one answers until then."""
        if _stamp(self.home) != self._loaded:
            self.load_scorer()
        return self.scorer

    def office_name(self, office_id: str) -> str:
        return next((o.short_name for o in self.home.offices if o.id == office_id), office_id)

    def names_of(self, office_id: str) -> OfficeNames | None:
        """The office as the classifier knows it (as in `pipeline.score`, which would bring numpy to the start)."""
        office = next((o for o in self.home.offices if o.id == office_id), None)
        if office is None:
            return None
        own = [office.name, office.short_name, *office.aliases]
        return OfficeNames.of(own=own, superior=office.superior, subordinate=office.subordinate)

    def source_name(self, source_id: str) -> str:
        return next((s.name for s in self.home.sources if s.id == source_id), source_id)


def _stamp(home: Home) -> int:
    """Changes whenever another version is to be used."""
    try:
        return (home.models / "state.json").stat().st_mtime_ns
    except OSError:
        return 0


def _environment() -> Environment:
    """Autoescape is on for every template; a missing name is an error, not an empty string."""
    env = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names: dict[str, Any] = {
        "LEVELS": words.LEVELS,
        "STATES": words.STATES,
        "TASK_KINDS": TASK_NAMES,
        "ACTIONS": words.ACTIONS,
        "QUARANTINE": REASONS,
        "CHANNELS": CHANNEL_NAMES,
        "TOPICS": TOPIC_NAMES,
        "ROLES": ROLE_NAMES,
        "SENTIMENTS": SENTIMENT_NAMES,
        "BINARIES": BINARY_NAMES,
        "drift_names": drift_name,
        "sparkline": charts.sparkline,
        "bars": charts.bars,
        "columns": charts.columns,
        "meter": charts.meter,
        "asset": _asset,
    }
    env.globals.update(names)
    env.filters.update(
        moment=words.moment_words,
        full=words.full_time,
        iso=words.iso,
        ago=words.ago,
        remaining=words.remaining,
        span=words.span,
        level=words.level_words,
        voices=words.voices_words,
        percent=words.percent,
        label=display_name,
    )
    return env


_assets: dict[str, str] = {}


def _asset(name: str) -> str:
    """Address of a static file that changes with its content."""
    if name not in _assets:
        _assets[name] = hashlib.sha256((FOLDER / "static" / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={_assets[name]}"
