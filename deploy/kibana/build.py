"""Write an office's Kibana objects as NDJSON on standard output. See README.md beside this file.

    python deploy/kibana/build.py --office city=清江市检察院 [--prefix p-] > city.ndjson

Kibana imports that file by hand too (Stack Management, Saved Objects). `tingjian kibana push` does it for every office and
asks for `--packed`: a line an office, which holds its objects.
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
    parser.add_argument("--office", required=True, action="append", metavar="ID=NAME")
    parser.add_argument("--prefix", default="", help="of index names, as in tingjian.yaml")
    parser.add_argument("--packed", action="store_true", help="a line an office")
    options = parser.parse_args()
    if len(options.office) > 1 and not options.packed:
        parser.error("several offices need --packed: a file for import holds one space")
    for office in (Office(*named.split("=", 1), options.prefix) for named in options.office):
        objects = build(office)
        if problems := check(objects, office):
            print(*problems, sep="\n", file=sys.stderr)
            return 1
        for line in [objects] if options.packed else objects:
            print(json.dumps(line, ensure_ascii=False, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
