"""What people do with an incident on the desk. Charter 7: there is no action here that removes, reports or traces."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from console.asking import Ask, missing
from console.pages.incidents import show
from pipeline.desk.tables import Clock, Incident, Task
from pipeline.errors import Conflict, Refused
from pipeline.response import incidents as response

NOTE_MOST = 2000


def acknowledge(ask: Ask) -> Response:
    return _act(ask, lambda s, v, note: response.acknowledge(s, ask.path["id"], ask.viewer.name, ask.now, v))


def mark_answered(ask: Ask) -> Response:
    return _act(ask, lambda s, v, note: response.mark_answered(s, ask.path["id"], ask.viewer.name, ask.now, v, note))


def close(ask: Ask) -> Response:
    return _act(ask, lambda s, v, note: response.close(s, ask.path["id"], ask.viewer.name, ask.now, v, note))


def add_note(ask: Ask) -> Response:
    return _act(ask, lambda s, v, note: response.add_note(s, ask.path["id"], ask.viewer.name, ask.now, v, note))


def complete_task(ask: Ask) -> Response:
    def do(session: Session, version: int, note: str) -> object:
        task = _own_task(session, ask)
        return response.complete_task(session, task.id, ask.viewer.name, ask.now, version, note)

    return _act(ask, do, "#h-plan")


def skip_task(ask: Ask) -> Response:
    def do(session: Session, version: int, note: str) -> object:
        task = _own_task(session, ask)
        return response.skip_task(session, task.id, ask.viewer.name, ask.now, version, note)

    return _act(ask, do, "#h-plan")


def meet_clock(ask: Ask) -> Response:
    def do(session: Session, version: int, note: str) -> object:
        clock = session.get(Clock, ask.path["clock"])
        if clock is None or clock.incident_id != ask.path["id"]:
            raise missing("这个时限")
        return response.meet_clock(session, clock.id, ask.viewer.name, ask.now, version, note)

    return _act(ask, do)


def _act(ask: Ask, do: Callable[[Session, int, str], object], place: str = "") -> Response:
    """One transaction, then back to `place` on the page; a conflict or refusal is said on top of the incident as it is."""
    version, note = ask.form.get("version", ""), ask.form.get("note", "")
    try:
        if not version.isdecimal() or len(version) > 9:
            raise Refused("页面不完整，请刷新后再操作")
        if len(note) > NOTE_MOST:
            raise Refused(f"备注最多 {NOTE_MOST} 字")
        with ask.desk.db.write() as session:
            found = session.get(Incident, ask.path["id"])
            if found is None or not ask.viewer.may_see(found.office_ids):
                raise missing("这件处置")
            do(session, int(version), note)
    except Conflict as error:
        return show(ask, f"{error}。您刚才的操作没有执行，下面是最新情况。", 409)
    except Refused as error:
        return show(ask, f"{error}。", 422)
    return RedirectResponse(f"/incidents/{ask.path['id']}{place}", 303)


def _own_task(session: Session, ask: Ask) -> Task:
    task = session.get(Task, ask.path["task"])
    if task is None or task.incident_id != ask.path["id"]:
        raise missing("这项任务")
    return task
