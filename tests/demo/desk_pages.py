"""Every page of the desk that links lead to, read over HTTP from the real app as the administrator."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import httpx
import uvicorn

from console.app import create_app
from pipeline.desk.accounts import create_user, find_user, sign_in_link, sign_in_path
from pipeline.desk.database import Database
from pipeline.index import open_index
from pipeline.settings import Home

_LINK = re.compile(r'(?:href|src)="(/[^"#]*)"')


@contextmanager
def signed_in(home: Home, now: datetime) -> Iterator[httpx.Client]:
    """A client of the desk, served on a loopback port, with an administrator's session."""
    db, index = Database(home.database_url), open_index(home)
    app = create_app(home, db, index, lambda: now)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    with db.write() as session:
        person = find_user(session, "tester") or create_user(session, "tester", "测试员", "admin", [], now)
        token = sign_in_link(session, person, now)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", follow_redirects=True, trust_env=False, timeout=30
    ) as client:
        path = sign_in_path(token)
        form = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', client.get(path).text))
        client.post(path, data=form, headers={"Origin": str(client.base_url).rstrip("/")}).raise_for_status()
        yield client
    server.should_exit = True
    thread.join(10)
    index.close()
    db.close()


def all_pages(home: Home, now: datetime, most: int = 600) -> dict[str, str]:
    """path → text of every page reachable from the front page, besides sign-out and static files."""
    pages: dict[str, str] = {}
    with signed_in(home, now) as client:
        waiting = [
            "/",
            "/search?q=",
            "/search?q=检察院",
            "/issues",
            "/incidents",
            "/digests",
            "/sources",
            "/inbox",
            "/audit",
        ]
        while waiting and len(pages) < most:
            path = waiting.pop(0).replace("&amp;", "&")
            if path in pages or path.startswith(("/static", "/sign")):
                continue
            answer = client.get(path)
            assert answer.status_code == 200, f"{path}: {answer.status_code}"
            pages[path] = answer.text
            waiting += [link for link in _LINK.findall(answer.text) if link not in pages]
    return pages
