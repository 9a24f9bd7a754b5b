"""A node with security and TLS on, its own certificate authority, and API keys made from role descriptors."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from elasticsearch import Elasticsearch

from tests.elasticsearch_node.node import Node

ADMIN = ("admin", "for-tests-on-loopback")
_HASH = "$2a$04$jKZV9j1r3laDdHo0bfwFYuZjEwdqqNNA4G92VbZAlconT1S/rZ8aa"
_SETTINGS = {
    "xpack.security.enabled": "true",
    "xpack.security.authc.api_key.enabled": "true",
    "xpack.security.http.ssl.enabled": "true",
    "xpack.security.http.ssl.key": "node.key",
    "xpack.security.http.ssl.certificate": "node.pem",
    "resource.reload.interval.high": "1s",
}


class Authority:
    """Signs certificates for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tingjian test CA")])
        self._certificate = self._sign(self._name, self._key, timedelta(days=1), ca=True)
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def write(self, folder: Path, valid_for: timedelta = timedelta(days=1)) -> None:
        """`node.key` and `node.pem`; expired where `valid_for` is negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        certificate = self._sign(name, key, valid_for, ca=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        for file, content in (
            ("node.key", private),
            ("node.pem", certificate.public_bytes(serialization.Encoding.PEM)),
        ):
            scratch = folder / f".{file}"
            scratch.write_bytes(content)
            scratch.chmod(0o644)
            scratch.rename(folder / file)

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, valid_for: timedelta, *, ca: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + valid_for)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def secure_node(**settings: str) -> tuple[Node, Authority]:
    """Laid out, not started; the administrator is ADMIN."""
    node = Node(name="secure", heap="512m", scheme="https", settings={**_SETTINGS, **settings})
    authority = Authority(node.folder / "authority")
    authority.write(node.config)
    for file, content in (("users", f"{ADMIN[0]}:{_HASH}\n"), ("users_roles", f"superuser:{ADMIN[0]}\n")):
        (node.config / file).write_text(content, encoding="utf-8")
        (node.config / file).chmod(0o644)
    return node, authority


def admin(node: Node, authority: Authority) -> Elasticsearch:
    return Elasticsearch(node.url, basic_auth=ADMIN, ca_certs=str(authority.file), request_timeout=60)


def make_key(client: Elasticsearch, name: str, descriptor: dict[str, Any]) -> str:
    """An API key with these rights, as it stands in the environment."""
    made = client.security.create_api_key(name=name, role_descriptors={name: descriptor})
    return str(made["encoded"])
