"""Runs a `tingjian` command that kills itself (SIGKILL) at a named point: `python kill_at.py POINT NTH COMMAND …`.

A point is `module:Class.method` or `module:function`, with `<` for just before its n-th call and `>` for just after.
The command is the shipped one; only this process has the trap. Ends as the command does where the point is not reached.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def arm(point: str, nth: int) -> None:
    """Replace the named function by one that kills this process around its n-th call."""
    when, where = point[0], point[1:]
    module_name, _, path = where.partition(":")
    owner: Any = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def trapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if when == "<" and calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if when == ">" and calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, trapped)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    sys.argv = ["tingjian", *sys.argv[3:]]
    from flows.cli import main

    main()
