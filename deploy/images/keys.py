"""Gives Kibana its password and makes our API keys, as Elasticsearch's administrator; prints them as lines for `.env`.

Run by `docker compose run --rm keys`. Keys of the same name that were made before end with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import httpx

ROLES = {"worker": "TINGJIAN_ES_WORKER_KEY", "desk": "TINGJIAN_ES_DESK_KEY", "operator": "TINGJIAN_ES_OPERATOR_KEY"}


def main() -> int:
    """Exit code 0, or 1 with the server's words."""
    url, authority = os.environ["ELASTICSEARCH_URL"], os.environ["ELASTICSEARCH_CA"]
    sign_in = os.environ.get("ELASTIC_USER", "elastic"), os.environ["ELASTIC_PASSWORD"]
    rights = json.loads(tingjian("index", "setup", "--roles"))
    with httpx.Client(base_url=url, auth=sign_in, verify=authority, timeout=60, trust_env=False) as server:
        try:
            ask(server, "POST", "/_security/user/kibana_system/_password", {"password": os.environ["KIBANA_PASSWORD"]})
            for role, variable in ROLES.items():
                name = f"tingjian-{role}"
                ask(server, "DELETE", "/_security/api_key", {"name": name})
                made = ask(
                    server, "POST", "/_security/api_key", {"name": name, "role_descriptors": {role: rights[role]}}
                )
                if role == "operator":
                    print(tingjian("index", "setup", TINGJIAN_ES_API_KEY=made["encoded"]), end="", file=sys.stderr)
                print(f"{variable}={made['encoded']}")
        except httpx.HTTPStatusError as error:
            print(f"{error}\n{error.response.text[:500]}", file=sys.stderr)
            return 1
    return 0


def tingjian(*arguments: str, **environment: str) -> str:
    """What one of our commands says."""
    return subprocess.run(
        ["tingjian", *arguments], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def ask(server: httpx.Client, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request. 404 is nothing to delete. Raises HTTPStatusError."""
    answer = server.request(method, path, json=body)
    if not (method == "DELETE" and answer.status_code == 404):
        answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


if __name__ == "__main__":
    sys.exit(main())
