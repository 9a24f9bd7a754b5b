"""One real node, or several that find each other: start, stop, kill, start again on the same data."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.elasticsearch_node.fetch import cache

START_SECONDS = 180
_LAUNCHER = "org.elasticsearch.launcher.CliToolLauncher"


def free_port() -> int:
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@dataclass
class Node:
    """A node in `folder` (made where none is given). `settings` are added to elasticsearch.yml as they are."""

    name: str = "n1"
    heap: str = "1g"
    settings: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="tingjian-es-")))
    http: int = field(default_factory=free_port)
    transport: int = field(default_factory=free_port)
    scheme: str = "http"

    def __post_init__(self) -> None:
        self.home, self.config = self.folder / "home", self.folder / "config"
        if not self.home.exists():
            self._lay()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.http}"

    @property
    def pid(self) -> int:
        return int((self.folder / "pid").read_text(encoding="utf-8"))

    def start(self) -> Node:
        """Returns when the node answers. Raises RuntimeError with its last log lines where it does not."""
        (self.folder / "pid").unlink(missing_ok=True)
        java = shutil.which("java")
        if java is None:
            raise RuntimeError("no java on this machine")
        runtime = Path(java).resolve().parents[1]
        command = [
            java, "-Xms4m", "-Xmx64m", "-XX:+UseSerialGC", "-Dcli.name=server", "-Dcli.script=elasticsearch",
            "-Dcli.libs=lib/tools/server-cli", f"-Des.path.home={self.home}", f"-Des.path.conf={self.config}",
            "-Des.distribution.type=tar", "-Des.java.type=ES_JAVA_HOME",
            "-cp", f"{self.home}/lib/*:{self.home}/lib/cli-launcher/*", _LAUNCHER, "-d", "-p", str(self.folder / "pid"),
        ]  # fmt: skip
        environment = {
            "PATH": os.environ["PATH"], "ES_HOME": str(self.home), "ES_PATH_CONF": str(self.config),
            "ES_JAVA_HOME": str(runtime), "ES_JAVA_OPTS": f"-Xms{self.heap} -Xmx{self.heap}", "ES_TMPDIR": str(self.folder / "tmp"),
        }  # fmt: skip
        log = (self.folder / "start.log").open("ab")
        with log:
            done = subprocess.run(
                command, cwd=self.home, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                timeout=START_SECONDS, check=False, **_as_user(),
            )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"Elasticsearch did not start ({done.returncode}):\n{self.tail()}")
        return self

    def stop(self) -> None:
        """SIGTERM, and wait until it is gone."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: nothing is flushed."""
        self._signal(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: accepts connections, answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def remove(self) -> None:
        """Kill it and delete its folder."""
        with suppress(OSError, ValueError):
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def tail(self, lines: int = 25) -> str:
        texts = [
            p.read_text(encoding="utf-8", errors="replace")
            for p in (self.folder / "start.log", *self.folder.glob("logs/*.log"))
            if p.exists()
        ]
        return "\n".join("\n".join(texts).splitlines()[-lines:])

    def _signal(self, number: int) -> None:
        pid = self.pid
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + 60
        while _lives(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        if _lives(pid):
            os.kill(pid, signal.SIGKILL)

    def _lay(self) -> None:
        source = cache()
        subprocess.run(["cp", "-al", str(source), str(self.home)], check=False, capture_output=True)
        if not (self.home / "lib").is_dir():  # another file system
            shutil.rmtree(self.home, ignore_errors=True)
            shutil.copytree(source, self.home)
        self.config.mkdir()
        for name in ("data", "logs", "tmp"):
            (self.folder / name).mkdir()
        for name in ("jvm.options", "log4j2.properties"):
            shutil.copy(source / "config" / name, self.config / name)
        settings = {
            "cluster.name": "tingjian-test", "node.name": self.name, "network.host": "127.0.0.1",
            "http.port": str(self.http), "transport.port": str(self.transport),
            "path.data": str(self.folder / "data"), "path.logs": str(self.folder / "logs"),
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "xpack.security.enabled": "false", "xpack.security.autoconfiguration.enabled": "false",
            "discovery.type": "single-node", **self.settings,
        }  # fmt: skip
        lines = [f"{key}: {value}" for key, value in settings.items() if value]
        (self.config / "elasticsearch.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        user = _as_user()
        if user:
            for path in (
                self.folder,
                self.config,
                *self.config.iterdir(),
                *(self.folder / n for n in ("data", "logs", "tmp")),
            ):
                os.chown(path, user["user"], user["group"])
            for path in (self.home, *(p for p in self.home.rglob("*") if p.is_dir())):
                os.chown(path, user["user"], user["group"])


def several(count: int, heap: str = "512m") -> list[Node]:
    """Nodes of one cluster, laid out, not started: start all of them at once (`start_together`)."""
    ports = [free_port() for _ in range(count)]
    names = [f"n{n}" for n in range(1, count + 1)]
    together = {
        "discovery.type": "",  # not single-node
        "discovery.seed_hosts": str([f"127.0.0.1:{port}" for port in ports]).replace("'", '"'),
        "cluster.initial_master_nodes": str(names).replace("'", '"'),
    }
    return [
        Node(name=name, heap=heap, transport=port, settings=together) for name, port in zip(names, ports, strict=True)
    ]


def start_together(nodes: list[Node]) -> None:
    """Each waits for the others, so they start side by side."""
    with ThreadPoolExecutor(len(nodes)) as threads:
        list(threads.map(Node.start, nodes))


def _as_user() -> dict[str, int]:
    """Elasticsearch refuses root: then it runs as nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}  # type: ignore[dict-item]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
