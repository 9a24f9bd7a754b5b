"""帮助: what the words mean."""

from __future__ import annotations

from starlette.responses import Response

from console.asking import Ask
from pipeline.response.clocks import ACKNOWLEDGE_MINUTES, PRESETS


def help_page(ask: Ask) -> Response:
    ask.looked("view", "page:help")
    return ask.page("help.html", presets=list(PRESETS.values()), minutes=ACKNOWLEDGE_MINUTES)
