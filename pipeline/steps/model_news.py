"""What was last heard of the model: its training and its drift, as noted in the desk's database. Light to import."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.taxonomy import display_name
from pipeline.desk.tables import Heartbeat

TRAINED = "train"  # heartbeats: of the last training, and of each office's drift
DRIFT = "drift:"
_NAMES = {
    "role": "与本院关系", "sentiment": "行文倾向", "role_p": "“与本院关系”的把握", "sentiment_p": "“行文倾向”的把握",
    "needs_answer_p": "“需要答复”的概率", "sensitive_p": "“涉及受保护利益”的概率",
}  # fmt: skip


def drift_name(name: str) -> str:
    """What people call a distribution: a label, or one of the names above."""
    return _NAMES.get(name) or display_name(name)


def model_news(session: Session) -> dict[str, Any]:
    """JSON-ready: the last training's result in words, and the names of what drifted by office."""
    trained = session.get(Heartbeat, TRAINED)
    beats = session.scalars(select(Heartbeat).where(Heartbeat.name.startswith(DRIFT)))
    return {
        "training": None
        if trained is None
        else {"at": trained.beat_at.isoformat(), "result": trained.state["kind"], "words": trained.state["lines"]},
        "drift": {
            beat.name.removeprefix(DRIFT): [row["name"] for row in beat.state.get("rows", []) if row["large"]]
            for beat in beats
        },
    }
