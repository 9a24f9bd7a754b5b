"""The demo's desk as a person meets it, and what must hold on each of its pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

WIDE, PHONE = (1440, 900), (390, 844)
# Texts whose contrast against what lies behind them is too low (WCAG 2, AA: 4.5, large text 3), fields without a name,
# ids given twice.
PROBLEMS = """() => {
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
    if (ratio < need) bad.push(`contrast ${ratio.toFixed(2)}: ${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 20)}`);
  }
  for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!e.labels?.length && !e.ariaLabel && !e.closest('[aria-hidden]') && !e.ariaHidden) bad.push('no label: ' + e.name);
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  bad.push(...ids.filter((id, n) => ids.indexOf(id) !== n).map(id => 'id twice: ' + id));
  return bad;
}"""


@dataclass(frozen=True)
class Demo:
    """A running `tingjian up --demo`: the desk's address, and the path of its one-time link as it was printed."""

    url: str
    link: str


@dataclass
class Staff:
    """The administrator in a browser. `complaints`: what no page may cause."""

    demo: Demo
    browser: Browser
    state: str
    shots: Path
    complaints: list[str]

    def context(self, scripts: bool = True, signed_in: bool = True) -> BrowserContext:
        state = self.state if signed_in else None
        context = self.browser.new_context(
            base_url=self.demo.url, locale="zh-CN", storage_state=state, java_script_enabled=scripts
        )
        context.set_default_timeout(20_000)
        watch(context, self.demo, self.complaints)
        return context


def watch(context: BrowserContext, demo: Demo, complaints: list[str]) -> None:
    """Note errors of scripts, breaches of the content policy, and any request to another host."""
    context.on("weberror", lambda e: complaints.append(f"script: {e.error}"))
    context.on("console", lambda m: complaints.append(m.text) if "Content Security Policy" in m.text else None)
    context.on("dialog", lambda d: (complaints.append(f"dialog: {d.message}"), d.dismiss()))
    own = (demo.url + "/", "data:", "about:")
    context.on("request", lambda r: None if r.url.startswith(own) else complaints.append(f"left the desk: {r.url}"))


def look(page: Page, shots: Path, name: str) -> None:
    """What holds on every page, by day and night, on a desk and on a phone; and a picture of each."""
    expect(page.locator("main h1")).to_be_visible()
    expect(page.locator("main")).to_have_count(1)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width, height in (WIDE, PHONE):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
            night = "-dark" if scheme == "dark" else ""
            page.screenshot(path=str(shots / f"{name}-{width}{night}.png"), full_page=True)
        assert page.evaluate(PROBLEMS) == [], f"{name}, {scheme}"
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
