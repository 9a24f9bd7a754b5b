"""系统状态: the canary's way, stage by stage, and what the processes last said of themselves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from statistics import median

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from console.asking import Ask
from console.desk import Desk
from pipeline.desk.tables import Heartbeat
from pipeline.errors import TingjianError
from pipeline.steps.canary import STAGES, judge, passages

SHOWN = 12
DAY = timedelta(hours=24)
_PROCESSES: dict[str, str] = {
    "ingest": "入库",
    "hear": "聚合议题",
    "watch": "研判",
    "dispatch": "发送",
    "upkeep": "保养",
    "digest": "周报",
    "mirror": "Kibana 看板",
    "train": "训练",
}


def system(ask: Ask) -> Response:
    with ask.desk.reading() as session:
        found = passages(session)
        beats = {row.name: row.beat_at for row in session.scalars(select(Heartbeat))}
    ask.looked("view", "page:system")
    recent = [p for p in found if p.total is not None and ask.now - p.started_at <= DAY]
    stages = []
    for stage, name in STAGES.items():
        took = [seconds for p in recent if (seconds := p.latencies[stage]) is not None]
        stages.append((name, median(took) if took else None, max(took) if took else None))
    totals = [p.total for p in recent if p.total is not None]
    return ask.page(
        "system.html",
        verdict=judge(found, ask.desk.started, ask.now),
        passages=found[:SHOWN],
        names=STAGES,
        stages=stages,
        total=(median(totals), max(totals)) if totals else None,
        arrived=len(recent),
        beats=[(name, beats[key]) for key, name in _PROCESSES.items() if key in beats],
    )


async def canary_health(request: Request) -> Response:
    """For a monitor outside: 200 while the canary arrives in time, else 503. Says nothing that is not about ourselves."""
    desk: Desk = request.app.state.desk
    return await asyncio.get_running_loop().run_in_executor(desk.threads, _health, desk)


def _health(desk: Desk) -> Response:
    try:
        with desk.reading() as session:
            verdict = judge(passages(session), desk.started, desk.clock())
    except TingjianError as error:
        return JSONResponse({"state": "unknown", "problem": str(error), "arrived_at": None}, 503)
    at = verdict.arrived_at.isoformat() if verdict.arrived_at else None
    told = {"state": verdict.state, "problem": verdict.words, "arrived_at": at}
    return JSONResponse(told, 200 if verdict.state == "ok" else 503)
