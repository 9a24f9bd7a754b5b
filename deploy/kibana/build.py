"""Write one office's Kibana objects as NDJSON on standard output. See README.md beside this file.

    python deploy/kibana/build.py --office city=清江市检察院 [--prefix p-] > city.ndjson

Kibana imports the file by hand too (Stack Management, Saved Objects); `tingjian kibana push` does it for every office.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the product's own names of fields and aliases

from kibana_objects.check import check
from kibana_objects.collection import build
from kibana_objects.saved import Office


def main() -> int:
    """Exit 0; 1 where the description breaks a rule, each on a line of standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--office", required=True, metavar="ID=NAME")
    parser.add_argument("--prefix", default="", help="of index names, as in tingjian.yaml")
    options = parser.parse_args()
    office_id, _, name = options.office.partition("=")
    office = Office(office_id, name or office_id, options.prefix)
    objects = build(office)
    problems = check(objects, office)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    for found in objects:
        print(json.dumps(found, ensure_ascii=False, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
