"""A server on loopback that answers as scripted, for faults at the level of the connection."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any

import requests
from requests.auth import AuthBase

from include.platforms import exchange


@dataclass(frozen=True)
class Answer:
    """One answer; `fault` is "" or reset (before a byte), cut (shorter than Content-Length), silent_cut (without one).

    `raw` is sent as it is instead, status line and all, byte for byte with a pause of `drip_s` and again without an end where
    that is given; then the connection is left open.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    raw: bytes | None = None
    drip_s: float | None = None


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    peer: Any = None


class ScriptedServer:
    """Answers requests one after another from `answers`, or by `reply` if given; keeps what it received."""

    def __init__(self, *answers: Answer, reply: Callable[[Received], Answer] | None = None) -> None:
        self.answers = list(answers)
        self.reply = reply
        self.received: list[Received] = []
        self.url = ""
        self.closing = threading.Event()

    def next(self, request: Received) -> Answer:
        self.received.append(request)
        return self.reply(request) if self.reply else self.answers.pop(0)


@contextmanager
def scripted(
    *answers: Answer, reply: Callable[[Received], Answer] | None = None, tls: tuple[Path, Path] | None = None
) -> Iterator[ScriptedServer]:
    script = ScriptedServer(*answers, reply=reply)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = script.next(Received(self.command, self.path, dict(self.headers), body, self.client_address))
            if answer.fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            if answer.raw is not None:
                self._send_raw(answer.raw, answer.drip_s)
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.fault == "silent_cut":
                self.send_header("Connection", "close")
            else:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            whole = not answer.fault
            self.wfile.write(answer.body if whole else answer.body[: len(answer.body) // 2])
            self.close_connection = not whole

        def _send_raw(self, raw: bytes, drip_s: float | None) -> None:
            if drip_s is None:
                self.wfile.write(raw)
                self.close_connection = False
                return
            for byte in cycle(raw):
                self.wfile.write(bytes([byte]))
                if script.closing.wait(drip_s):
                    return

        do_GET = do_POST = _answer

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (OSError, ValueError):
                self.close_connection = True

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    script.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        script.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody vouches for, and its key, as files."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    assert ssl.create_default_context().load_verify_locations(paths[0]) is None
    return paths


class NoCredentials:
    renewals = 0

    def authorise(self) -> AuthBase:
        return requests.auth.HTTPBasicAuth("user", "hush")

    def renew(self) -> None:
        raise AssertionError

    def explain(self, answer: exchange.Answer) -> str:
        return "请核对。"
