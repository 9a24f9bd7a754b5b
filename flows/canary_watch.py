"""Watching the canary from the process of `tingjian up`, which is none of those that may have stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from flows.context import clock
from pipeline.errors import TingjianError
from pipeline.settings import Home
from pipeline.steps.canary_alarm import look, send_directly

LOOK_SECONDS = 60.0
AGAIN_AFTER = timedelta(hours=24)


class CanaryWatch:
    """Looks once a minute, in a thread of its own: a server that hangs must not keep the group from being restarted."""

    def __init__(self, home: Home, say: Callable[[str], None], since: datetime) -> None:
        self.home, self.say, self.since = home, say, since
        self._told: datetime | None = None  # when the standing problem was last mailed

    def start(self) -> None:
        threading.Thread(target=self._run, name="canary", daemon=True).start()

    def look(self, now: datetime) -> None:
        """Say and mail a new problem, again after a day, and say when it is over."""
        verdict = look(self.home, self.since, now)
        if verdict.state in ("ok", "never"):
            if self._told is not None and verdict.state == "ok":
                self.say("自检样本又按时走完全程了。")
                self._told = None
            return
        if self._told is not None and now - self._told < AGAIN_AFTER:
            return
        self.say(f"✗ {verdict.words}")
        try:
            missed = send_directly(self.home, verdict.words, now)
        except TingjianError as error:
            missed = [str(error)]
        for line in missed:
            self.say(f"✗ 直接发送的邮件没有送到 {line}")
        self._told = now

    def _run(self) -> None:
        stop = threading.Event()
        while not stop.wait(LOOK_SECONDS):
            self.look(clock(None))
