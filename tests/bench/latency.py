"""From "page published on the demo web" to "mail received": p50 and p95, with the share of each stage.

The fictional web moves forward in steps of a few hours; after each step the plain commands run once, back to back, as a
scheduler would start them. A mail's latency is the time from the web's step to its arrival in the demo's inbox. Process
starts are in it; the pause of a real schedule (five minutes by default) is not.

Run: python tests/bench/latency.py [--hours 6]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from flows.demo_story import Story  # noqa: E402

STEPS = ("crawl", "ingest", "watch", "dispatch")
END = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=6, help="how far the web moves in one step")
    hours = parser.parse_args().hours
    with tempfile.TemporaryDirectory(prefix="tingjian-latency-") as folder:
        home = Path(folder) / "home"
        story = Story(home, END, 8600)
        story.move(END - timedelta(days=6))
        web = subprocess.Popen(story.web_command(), stdout=subprocess.PIPE)
        try:
            assert web.stdout is not None and web.stdout.readline().strip() == b"ready"
            latencies, spent = measure(story, home, hours)
        finally:
            web.terminate()
            web.wait(10)
    if len(latencies) < 2:
        print("fewer than two mails: nothing to measure", file=sys.stderr)
        return 1
    total = sum(sum(s.values()) for s in spent)
    cuts = statistics.quantiles(latencies, n=20)
    print(json.dumps({
        "mails": len(latencies), "rounds": len(spent), "p50_s": round(statistics.median(latencies), 2), "p95_s": round(cuts[18], 2),
        "share": {step: round(sum(s[step] for s in spent) / total, 3) for step in STEPS},
        "median_s": {step: round(statistics.median(s[step] for s in spent), 2) for step in STEPS},
    }))  # fmt: skip
    return 0


def measure(story: Story, home: Path, hours: int) -> tuple[list[float], list[dict[str, float]]]:
    """(seconds per mail, seconds per step of each round). The first round takes in the archive and is not counted."""
    inbox = home / "demo" / "inbox"
    seen: set[Path] = set()
    latencies: list[float] = []
    spent: list[dict[str, float]] = []
    now = END - timedelta(days=6)
    first = True
    while now <= END:
        story.move(now)
        published = time.time()
        seconds = {}
        for step in STEPS:
            started = time.monotonic()
            command = [sys.executable, "-m", "flows", step, "--data-dir", str(home), "--now", now.isoformat()]
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            seconds[step] = time.monotonic() - started
        new = set(inbox.glob("*.eml")) - seen
        seen |= new
        if not first:
            latencies += [path.stat().st_mtime - published for path in new]
            spent.append(seconds)
        print(f"{now:%m-%d %H:%M} UTC  {len(new):3d} mails  {sum(seconds.values()):5.1f} s", flush=True)
        first = False
        now += timedelta(hours=hours)
    return latencies, spent


if __name__ == "__main__":
    sys.exit(main())
