"""Small charts as inline SVG, drawn here so that the desk needs no script. Each has a text alternative."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from markupsafe import Markup, escape

_ids = count(1)


def _svg(width: float, height: float, css: str, title: str, body: str) -> Markup:
    name = f"c{next(_ids) % 100000}"
    stretch = ' preserveAspectRatio="none"' if css == "columns" else ""
    head = f'<svg class="{css}" viewBox="0 0 {width:g} {height:g}"{stretch} role="img" aria-labelledby="{name}">'
    return Markup(f'{head}<title id="{name}">{escape(title)}</title>{body}</svg>')  # noqa: S704  parts are escaped


def bars(points: Sequence[tuple[str, int]], title: str, css: str = "bars", mark_last: bool = True) -> Markup:
    """Labelled bars of a few days, the value above each, the last one (today) stronger."""
    step, high, top = 40.0, 56.0, 16.0
    most = max((v for _, v in points), default=0) or 1
    body = []
    for n, (label, value) in enumerate(points):
        x, height = n * step, high * value / most
        strong = " now" if mark_last and n == len(points) - 1 else ""
        middle = x + step / 2
        if value:
            y = top + high - max(height, 1.5)
            body.append(
                f'<rect class="bar{strong}" x="{x + 6:g}" y="{y:.1f}" width="{step - 12:g}" height="{max(height, 1.5):.1f}" rx="1.5"/>'
            )
        body.append(
            f'<text class="value{strong}" x="{middle:g}" y="{top + high - height - 4:.1f}">{value if value else "·"}</text>'
        )
        body.append(f'<text class="tick{strong}" x="{middle:g}" y="{top + high + 15:g}">{escape(label)}</text>')
    width = step * max(len(points), 1)
    base = f'<line class="base" x1="0" x2="{width:g}" y1="{top + high:g}" y2="{top + high:g}"/>'
    said = "，".join(f"{label} {value}" for label, value in points)
    return _svg(width, top + high + 22, css, f"{title}：{said}", base + "".join(body))


def columns(points: Sequence[tuple[str, int]], title: str) -> Markup:
    """A histogram of many days: thin bars, labels at both ends and at the peak."""
    if not points:
        return Markup("")
    width, high = 720.0, 56.0
    step = width / len(points)
    most = max(v for _, v in points) or 1
    gap = min(2.0, step * 0.2)
    body = []
    for n, (label, value) in enumerate(points):
        height = max(high * value / most, 1.5) if value else 0
        tip = f"<title>{escape(label)}：{value} 条</title>"
        body.append(
            f'<rect class="bar" x="{n * step + gap / 2:.2f}" y="{high - height:.1f}" width="{max(step - gap, 0.5):.2f}" height="{height:.1f}">{tip}</rect>'
        )
    base = f'<line class="base" x1="0" x2="{width:g}" y1="{high:g}" y2="{high:g}"/>'
    peak = max(points, key=lambda p: p[1])
    said = (
        f"{title}：{points[0][0]} 至 {points[-1][0]}，最多 {peak[0]} {peak[1]} 条，合计 {sum(v for _, v in points)} 条"
    )
    return _svg(width, high + 1, "columns", said, base + "".join(body))


def sparkline(values: Sequence[int], title: str) -> Markup:
    """A line without axes, its last point marked."""
    width, high, pad = 96.0, 24.0, 3.0
    if not values:
        return Markup("")
    most = max(values) or 1
    step = (width - 2 * pad) / max(len(values) - 1, 1)
    points = [(pad + n * step, high - pad - (high - 2 * pad) * v / most) for n, v in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    body = f'<polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.2"/>'
    return _svg(width, high, "spark", f"{title}：{'、'.join(map(str, values))}", body)


def meter(share: float, title: str, css: str = "meter") -> Markup:
    """A thin bar, filled to `share`."""
    filled = 100 * min(max(share, 0.0), 1.0)
    body = f'<rect class="track" width="100" height="4"/><rect class="fill" width="{filled:.1f}" height="4"/>'
    name = f"c{next(_ids) % 100000}"
    head = f'<svg class="{escape(css)}" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-labelledby="{name}">'
    return Markup(f'{head}<title id="{name}">{escape(title)}</title>{body}</svg>')  # noqa: S704  parts are escaped
