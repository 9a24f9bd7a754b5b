"""The real demo, started as the README says, and somebody signed in to it with the link that it printed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from walking import Demo, Staff, watch

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--lang=zh-CN"]  # fmt: skip
READY_SECONDS = 300  # the goal is 90 on an idle machine; tests share theirs
_LINK = re.compile(r"(http://127\.0\.0\.1:\d+)(/sign-in/[\w-]{40,})")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`tingjian up --demo` until Ctrl-C."""
    folder = tmp_path_factory.mktemp("demo")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    said = folder / "said.log"
    command = [sys.executable, "-m", "flows", "up", "--demo", "--data-dir", str(folder / "home"), "--port", str(port)]
    with said.open("wb") as out:
        group = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    try:
        found = None
        deadline = time.monotonic() + READY_SECONDS
        while found is None and group.poll() is None and time.monotonic() < deadline:
            time.sleep(0.5)
            found = _LINK.search(said.read_text("utf-8"))
        assert found, f"the demo printed no sign-in link within {READY_SECONDS} s:\n{said.read_text('utf-8')[-3000:]}"
        assert found[1] == f"http://127.0.0.1:{port}"
        yield Demo(found[1], found[2])
    finally:
        group.send_signal(signal.SIGINT)
        try:
            group.wait(60)
        finally:
            group.kill()
    assert group.returncode == 0, said.read_text("utf-8")[-3000:]
    with socket.socket() as s:
        assert s.connect_ex(("127.0.0.1", port)) != 0, "the desk outlived the command"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as p:
        found = p.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield found
        found.close()


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures go; `TINGJIAN_SCREENSHOTS` keeps them."""
    folder = Path(os.environ.get("TINGJIAN_SCREENSHOTS", "") or tmp_path_factory.mktemp("shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def staff(browser: Browser, demo: Demo, shots: Path, tmp_path_factory: pytest.TempPathFactory) -> Staff:
    """Signed in with the printed link: looking at it changes nothing, pressing the button uses it up."""
    complaints: list[str] = []
    context = browser.new_context(base_url=demo.url, locale="zh-CN", viewport={"width": 1440, "height": 900})
    watch(context, demo, complaints)
    page = context.new_page()
    for _ in range(2):
        page.goto(demo.link)
    page.screenshot(path=str(shots / "link-1440.png"))
    page.get_by_role("button", name="进入值班台").click()
    expect(page).to_have_url(demo.url + "/")
    state = str(tmp_path_factory.mktemp("state") / "cookies.json")
    context.storage_state(path=state)
    context.close()
    return Staff(demo, browser, state, shots, complaints)
