"""One POST: to the address that was checked, by the name's certificate, within its time, following nothing."""

import datetime
import ipaddress
import socket
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mriplatform.outbox import sending
from mriplatform.outbox.allowed import parse_allowed
from mriplatform.outbox.sending import NO_HTTP, NO_TRUST, NOT_REACHED, TOO_SLOW, post
from tests.mriplatform.outbox.receiver import Receiver, babble, drip, drip_body, flood, hang, redirect

# A receiver that hangs does so for twice as long.
HANGS = 15


def test_what_is_sent_arrives_as_it_is(receiver, quick):
    outcome = post(receiver.url + "?key=1", b'{"a":1}', {"webhook-id": "msg_1"})
    assert (outcome.status, outcome.error, outcome.delivered) == (204, "", True)
    ((headers, body),) = receiver.got
    assert body == b'{"a":1}'
    assert (headers["host"], headers["webhook-id"]) == (f"127.0.0.1:{receiver.port}", "msg_1")


def test_a_proxy_of_the_environment_is_not_asked(receiver, quick, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert post(receiver.url, b"{}", {}).delivered


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (500, 500, "The receiver answered 500."),
        (404, 404, "The receiver answered 404."),
        (redirect, 302, "The receiver answered 302. Redirects are not followed."),
        (hang, 0, TOO_SLOW),
        (drip, 0, TOO_SLOW),
        (babble, 0, NO_HTTP),
    ],
)
def test_whatever_a_receiver_does_is_an_outcome_within_its_time(receiver, quick, answer, status, error):
    receiver.answer = answer
    began = time.monotonic()
    outcome = post(receiver.url, b"{}", {})
    assert (outcome.status, outcome.error, outcome.delivered) == (status, error, False)
    assert time.monotonic() - began < HANGS
    assert len(receiver.got) == 1


@pytest.mark.parametrize("endless", [flood, drip_body])
def test_a_body_without_an_end_is_left(receiver, quick, endless):
    receiver.answer = endless
    began = time.monotonic()
    assert post(receiver.url, b"{}", {}).status == 200
    assert time.monotonic() - began < HANGS


def test_nobody_there(receiver, quick):
    receiver.stop()
    assert post(receiver.url, b"{}", {}).error == NOT_REACHED


def test_a_name_that_changes_its_address_is_refused_and_its_new_address_never_connected_to(
    receiver, quick, monkeypatch
):
    """Checked once, it was outside; when something is to be sent, it is this very machine, which nothing allows."""
    quick.WEBHOOK_ALLOWED = ()
    connected = []
    connect = sending.HTTPSConnection.connect
    monkeypatch.setattr(
        sending.HTTPSConnection, "connect", lambda self: (connected.append(self.host), connect(self))
    )
    answers = iter(["8.8.8.8", "127.0.0.1"])
    real = socket.getaddrinfo

    def _resolve(host, port, *how, **more):
        if host != "rebinding.example":
            return real(host, port, *how, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr("mriplatform.outbox.destinations.socket.getaddrinfo", _resolve)
    from mriplatform.outbox.destinations import find

    assert find("https://rebinding.example/").addresses
    outcome = post(f"https://rebinding.example:{receiver.port}/hook", b"{}", {})
    assert outcome.error.startswith("The name in the address is not known, or leads")
    assert connected == [] == receiver.got


def test_it_connects_to_the_address_that_was_checked_and_looks_nothing_up_again(receiver, quick, monkeypatch):
    """A resolver that gives another address each time is asked once for each delivery: what it said is connected to."""
    quick.WEBHOOK_ALLOWED = (parse_allowed("http://changing.example"),)
    asked = []
    real = socket.getaddrinfo

    def _resolve(host, port, *how, **more):
        if host == "changing.example":
            asked.append(host)
            return real("127.0.0.1" if len(asked) == 1 else "10.255.255.1", port, *how, **more)
        return real(host, port, *how, **more)

    monkeypatch.setattr(socket, "getaddrinfo", _resolve)
    assert post(f"http://changing.example:{receiver.port}/hook", b"{}", {}).delivered
    assert asked == ["changing.example"]
    assert receiver.got[0][0]["host"] == f"changing.example:{receiver.port}"


def certificate(folder, *names):
    """A certificate of these names, signed by itself, with its key; the file holds both."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    kinds = [
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        for name in names
    ]
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(kinds), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{names[0]}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def over_tls(tmp_path):
    """Starts a receiver with a certificate of these names; returns it, the file, and the names that it was asked by."""
    started = []

    def _over_tls(*names):
        file, asked = certificate(tmp_path, *names), []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        context.sni_callback = lambda connection, name, _: asked.append(name)
        started.append(Receiver(context))
        return started[-1], file, asked

    yield _over_tls
    for receiver in started:
        receiver.stop()


@pytest.fixture
def named(monkeypatch):
    """receiver.example is this machine."""
    real = socket.getaddrinfo
    monkeypatch.setattr(
        "mriplatform.outbox.destinations.socket.getaddrinfo",
        lambda host, port, *how, **more: real(
            "127.0.0.1" if host == "receiver.example" else host, port, *how, **more
        ),
    )


def test_the_certificate_has_to_be_the_names_though_the_connection_goes_to_the_address(
    over_tls, named, quick
):
    quick.WEBHOOK_ALLOWED = (parse_allowed("receiver.example"),)
    receiver, file, asked = over_tls("receiver.example")
    quick.WEBHOOK_CA_FILE = str(file)
    assert post(f"https://receiver.example:{receiver.port}/hook", b"{}", {}).delivered
    assert asked == ["receiver.example"]
    assert receiver.got[0][0]["host"] == f"receiver.example:{receiver.port}"


@pytest.mark.parametrize("names", [("other.example",), ("127.0.0.1",)])
def test_another_names_certificate_is_not_taken(over_tls, named, quick, names):
    quick.WEBHOOK_ALLOWED = (parse_allowed("receiver.example"),)
    receiver, file, _ = over_tls(*names)
    quick.WEBHOOK_CA_FILE = str(file)
    outcome = post(f"https://receiver.example:{receiver.port}/hook", b"{}", {})
    assert (outcome.error, receiver.got) == (NO_TRUST, [])


def test_a_certificate_that_nobody_vouches_for_is_not_taken(over_tls, named, quick):
    quick.WEBHOOK_ALLOWED = (parse_allowed("receiver.example"),)
    receiver, _, _ = over_tls("receiver.example")
    outcome = post(f"https://receiver.example:{receiver.port}/hook", b"{}", {})
    assert (outcome.error, receiver.got) == (NO_TRUST, [])
