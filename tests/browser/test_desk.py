"""Somebody on duty walks the desk in Debian's Chromium, by keyboard and pointer, on a wide and a narrow screen."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from conftest import Walk
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"),
]
# Contrast of every text against what lies behind it (WCAG 2, AA: 4.5, large text 3).
CONTRAST = """() => {
  const lum = c => { const v = c.map(x => x / 255).map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
                     return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
  const parse = s => (s.match(/[\\d.]+/g) || []).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
                        if (c.length === 3 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || e.closest('svg,.unseen,.skip')) continue;
    const s = getComputedStyle(e); const size = parseFloat(s.fontSize);
    const [a, b] = [lum(parse(s.color).slice(0, 3)), lum(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05), need = size >= 24 || (size >= 18.6 && s.fontWeight >= 700) ? 3 : 4.5;
    if (ratio < need) bad.push(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2) + ' ' + e.textContent.trim().slice(0, 20));
  }
  return bad;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as p:
        found = p.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--lang=zh-CN"],
        )
        yield found
        found.close()


def look(page: Page, walk: Walk, name: str) -> None:
    """What holds on every page: nothing wider than the screen, texts legible; and a picture of it on both screens."""
    for width, height in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
        page.screenshot(path=str(walk.shots / f"{name}-{width}.png"), full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})
    assert not page.evaluate(CONTRAST), name
    expect(page.locator("main h1")).to_be_visible()


def test_from_the_link_to_a_completed_task(walk: Walk, browser: Browser) -> None:
    context = browser.new_context(locale="zh-CN", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: complaints.append(m.text) if "Content Security Policy" in m.text else None)

    page.goto(walk.url + walk.link)
    page.get_by_role("button", name="进入值班台").click()
    expect(page).to_have_url(walk.url + "/")
    look(page, walk, "today")

    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("跳到正文")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

    page.locator(".row.issue h3 a").first.click()
    expect(page.locator("#h-why")).to_contain_text("为什么是")
    look(page, walk, "issue")
    page.locator(".row.incident h3 a").first.click()
    expect(page.locator("#h-plan")).to_contain_text("预案")
    look(page, walk, "incident-open")

    page.get_by_role("button", name="由我签收").click()
    expect(page.locator(".head .state")).to_have_text("处置中")
    page.locator(".task.next textarea").fill("已电话核实,情况属实。")
    page.locator(".task.next").get_by_role("button", name=re.compile("完成")).click()
    expect(page.locator(".task.done").first).to_contain_text("已电话核实")
    expect(page.locator(".timeline")).to_contain_text("管理员")
    look(page, walk, "incident-task-done")

    page.get_by_role("link", name="周报").click()
    look(page, walk, "digests")
    page.locator("table a").first.click()
    expect(page.frame_locator("iframe").locator("body")).not_to_be_empty()
    look(page, walk, "digest")
    page.emulate_media(media="print")
    expect(page.locator(".rail")).to_be_hidden()
    page.emulate_media(media="screen")
    assert not complaints
    context.close()
    context = browser.new_context()
    again = context.new_page()
    again.goto(walk.url + walk.link)
    expect(again.locator("h1")).to_have_text("链接已失效")
    context.close()


def test_the_other_pages_and_search(walk: Walk, browser: Browser) -> None:
    context = browser.new_context(locale="zh-CN", java_script_enabled=False)  # scripts only add comfort
    page = context.new_page()
    page.goto(walk.url + "/sign-in")
    expect(page.get_by_label("登录名")).to_be_visible()
    page.goto(walk.url + "/search?q=检察院")
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    context.close()
