"""Somebody on duty walks the demo's desk in Debian's Chromium, by pointer and keyboard, with and without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from walking import Staff, look

pytestmark = pytest.mark.browser


@pytest.fixture
def page(staff: Staff) -> Iterator[Page]:
    """A tab of somebody signed in; the test fails where a page broke the policy, erred or left the desk."""
    context = staff.context()
    yield context.new_page()
    context.close()
    assert staff.complaints == []


def waiting(page: Page) -> int:
    """Incidents that nobody has signed for, as the navigation counts them."""
    count = page.locator(".rail .count")
    return int((count.text_content() or "0").split()[0]) if count.count() else 0


def test_from_today_to_a_completed_task(page: Page, staff: Staff) -> None:
    page.goto("/")
    look(page, staff.shots, "today")
    before = waiting(page)
    assert before, "the story leaves incidents for somebody to sign"
    first = page.locator(".row.incident", has=page.locator(".state.open")).first
    expect(first.locator(".lv")).to_have_text(re.compile("[Ⅰ-Ⅳ]级 [红橙黄蓝]"))
    expect(first.locator(".due time")).to_have_text(re.compile("还剩|超时"))
    title = first.locator("h3").inner_text()
    first.locator("h3 a").click()
    expect(page.locator("h1")).to_have_text(title)
    look(page, staff.shots, "incident-open")

    other = page.context.new_page()  # a colleague has the same page open
    other.goto(page.url)
    page.get_by_role("button", name="由我签收").click()
    expect(page.locator(".head .state")).to_have_text("处置中")
    expect(page.locator(".head .meta")).to_contain_text("管理员")
    assert waiting(page) == before - 1
    other.get_by_role("button", name="由我签收").click()
    expect(other.get_by_role("alert")).to_contain_text("没有执行")
    other.close()

    task = page.locator(".task.next")
    what = task.locator("h3").inner_text()
    task.get_by_label("备注").fill("已电话核实，情况属实。<b>")
    task.get_by_role("button", name=re.compile("^(批准并)?完成$")).click()
    done = page.locator(".task.done").first
    expect(done).to_contain_text(what)
    expect(done).to_contain_text("已电话核实，情况属实。<b>")
    expect(done.locator(".meta")).to_contain_text("管理员")
    expect(page.locator(".timeline li").first).to_contain_text(f"完成“{what}”")
    expect(page.locator(".timeline li").first.locator(".actor")).to_have_text("管理员")
    look(page, staff.shots, "incident-task-done")
    page.goto("/audit?action=complete_task")
    expect(page.locator("tbody tr").first).to_contain_text("管理员")
    page.goto("/")
    expect(page.locator(".row.incident", has_text=title).locator(".meta").first).to_contain_text("任务 1/")


def test_every_page_reads_well(page: Page, staff: Staff) -> None:
    for name, address in (
        ("issues", "/issues"),
        ("issues-none", "/issues?level=4&topic=praise&waiting=1&period=all"),
        ("search", "/search"),
        ("search-hits", "/search?q=检察院 非 热线"),
        ("search-none", "/search?q=全无此语"),
        ("search-mistake", "/search?q=(检察院"),
        ("searches", "/searches"),
        ("incidents", "/incidents"),
        ("incidents-closed", "/incidents?state=closed"),
        ("digests", "/digests"),
        ("inbox", "/inbox"),
        ("sources", "/sources"),
        ("audit", "/audit"),
        ("people", "/people"),
        ("account", "/account"),
        ("help", "/help"),
        ("not-found", "/issues/none"),
    ):
        page.goto(address)
        look(page, staff.shots, name)
    for name, address, link, words in (
        ("issue", "/issues", ".row.issue h3 a", "为什么是"),
        ("item", "/search?q=检察院&channel=media", ".row.item h3 a", "怎么读这一条"),
        ("digest", "/digests", "tbody a", "周报"),
        ("mail", "/inbox", "tbody a", "听见"),
    ):
        page.goto(address)
        page.locator(link).first.click()
        expect(page.locator("main")).to_contain_text(words)
        look(page, staff.shots, name)
    page.goto("/digests")
    page.locator("tbody a").first.click()
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("本周")
    page.goto("/search?q=检察院&channel=media")
    page.locator(".row.item h3 a").first.click()
    expect(page.locator(".words .up").first).to_be_visible()  # the model says why
    page.get_by_role("link", name="看保存的网页").click()
    look(page, staff.shots, "evidence")
    page.emulate_media(media="print")
    expect(page.locator(".rail")).to_be_hidden()


def test_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("跳到正文")
    for _ in range(2):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("/")
    expect(page).to_have_url(re.compile("/search$"))
    expect(page.get_by_label("检索词")).to_be_focused()
    page.keyboard.type("检察院")
    page.keyboard.press("Enter")
    expect(page.locator("mark").first).to_have_text("检察院")


def test_clocks_go_on_and_writing_is_not_lost(page: Page) -> None:
    page.clock.install()
    page.goto("/incidents")
    page.locator(".row.incident h3 a").first.click()
    clock = page.locator("time[data-due]").first
    shown = clock.inner_text()
    page.locator("textarea:visible").first.fill("写到一半")
    page.clock.run_for(2 * 3600 * 1000)
    assert clock.inner_text() != shown
    expect(page.locator("textarea:visible").first).to_have_value("写到一半")


def test_scripts_only_add_comfort(staff: Staff) -> None:
    context = staff.context(scripts=False)
    page = context.new_page()
    page.goto("/search")
    page.get_by_label("检索词").fill("检察院")
    page.get_by_label("渠道").select_option("official")
    page.get_by_role("button", name="检索").click()
    expect(page.locator("#h-hits")).to_have_text(re.compile("[1-9][0-9,]* 条"))
    page.goto("/incidents")
    page.locator(".row.incident h3 a").first.click()
    page.get_by_text("记一笔").click()
    page.get_by_label("内容").fill("没有脚本也能记。")
    page.get_by_role("button", name="记入经过").click()
    expect(page.locator(".timeline li").first).to_contain_text("没有脚本也能记。")
    context.close()
    assert staff.complaints == []


def test_nobody_else_gets_in(staff: Staff) -> None:
    context = staff.context(signed_in=False)
    page = context.new_page()
    page.goto(staff.demo.link)
    expect(page.locator("h1")).to_have_text("链接已失效")
    page.goto("/search?q=检察院")
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    look(page, staff.shots, "sign-in")
    page.get_by_label("登录名").fill("admin")
    page.get_by_label("密码").fill("not the password")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_have_text("登录名或密码不对。")
    context.close()


def test_labels_are_reviewed_without_a_mouse(page: Page, staff: Staff) -> None:
    page.goto("/review")
    page.keyboard.press("Enter")
    expect(page.locator("#labels")).to_be_visible()
    look(page, staff.shots, "review")
    total = int(re.findall(r"共 (\d+) 条", page.locator("main").inner_text())[0])
    blind = 0
    for n in range(total):
        expect(page.locator("#labels")).to_contain_text(f"第 {n + 1} 条，共 {total} 条")
        if page.locator(".part").inner_text() == "随机抽样":
            blind += 1
            assert page.locator("#labels input:checked").count() == 0, "the model's labels are not shown"
            for key in ("2", "w", "a", "n", "n", "m"):
                page.keyboard.press(key)
        elif n % 2:
            page.keyboard.press("3")
            expect(page.get_by_role("radio", name="3 提及本院")).to_be_checked()
        page.keyboard.press("p" if n == 1 else "Enter")
        if n == 2:
            expect(page.get_by_role("status")).to_contain_text("已")
            page.keyboard.press("u")
            expect(page.get_by_role("status")).to_contain_text("已撤销")
            if page.locator(".part").inner_text() == "随机抽样":
                for key in ("2", "w", "n", "m"):
                    page.keyboard.press(key)
            page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("这一批完成了")
    page.get_by_role("link", name="模型质量").click()
    expect(page.locator("main")).to_contain_text("随机抽到 4 条")
    look(page, staff.shots, "quality")
    assert blind >= 4
