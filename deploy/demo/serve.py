"""Serve the demo public web: four sites, a mail server and a drop folder. See README.md beside this file."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import date
from pathlib import Path

from demoweb.server import SITES, Options, PortInUse, serve


def main() -> int:
    """Exit 0 after SIGTERM or SIGINT, 1 where it cannot start (the reason is on standard error)."""
    try:
        asyncio.run(serve(_options()))
    except (PortInUse, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clock", required=True, help="file with the web's ISO time, or `real`")
    parser.add_argument("--anchor", required=True, type=date.fromisoformat, help="the story's day 0, e.g. 2026-11-21")
    parser.add_argument("--ports", required=True, type=_ports, help="official,news,forum,wall")
    parser.add_argument("--smtp-port", required=True, type=int)
    parser.add_argument("--inbox", required=True, type=Path, help="folder for received mails (.eml)")
    parser.add_argument("--drop", required=True, type=Path, help="folder for the 12309 exports")
    parser.add_argument("--log", required=True, type=Path, help="access log, appended")
    parser.add_argument(
        "--robots-status", action="append", default=[], type=_robots, metavar="SITE=STATUS",
        help="answer that site's robots.txt with a status such as 503, or `hang`",
    )  # fmt: skip
    args = parser.parse_args()
    return Options(
        clock=args.clock,
        anchor=args.anchor,
        ports=args.ports,
        smtp_port=args.smtp_port,
        inbox=args.inbox,
        drop=args.drop,
        log=args.log,
        robots_status=dict(args.robots_status),
    )


def _ports(text: str) -> tuple[int, int, int, int]:
    numbers = [int(x) for x in text.split(",")]
    if len(numbers) != len(SITES):
        raise argparse.ArgumentTypeError("four ports, separated by commas")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _robots(text: str) -> tuple[str, str]:
    site, _, status = text.partition("=")
    if site not in SITES or not (status == "hang" or status.isdigit()):
        raise argparse.ArgumentTypeError(f"SITE=STATUS, with SITE one of {', '.join(SITES)}")
    return site, status


if __name__ == "__main__":
    sys.exit(main())
