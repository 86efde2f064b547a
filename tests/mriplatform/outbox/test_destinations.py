"""Nothing is sent inward: by no spelling of an address, by no name, by none that changes its address."""

import socket
import threading
import time

import pytest

from mriplatform.outbox.allowed import parse_allowed
from mriplatform.outbox.destinations import DestinationRefused, check_url, find

INWARD = [
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1",
    "192.0.0.192", "192.88.99.1", "168.63.129.16", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254",
    "fc00::1", "ff02::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "2002:7f00:1::1", "2001::1", "2001:db8::1", "3fff::1", "100::1",
]  # fmt: skip
OUTWARD = ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111"]


@pytest.fixture
def names(monkeypatch):
    """The names that there are: `names["a.example"] = [[first answer], [second answer], …]`; the last one stays."""
    known = {}
    asked = []

    def _resolve(host, port, **how):
        asked.append(host)
        if host not in known:
            raise socket.gaierror(-2, "Name or service not known")
        answers = known[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr("mriplatform.outbox.destinations.socket.getaddrinfo", _resolve)
    known["asked"] = asked
    return known


@pytest.mark.parametrize("address", INWARD)
def test_a_name_that_leads_inward_is_refused_also_beside_a_good_address(names, address):
    names["a.example"] = [[address]]
    names["b.example"] = [["8.8.8.8", address]]
    for name in ("a.example", "b.example"):
        with pytest.raises(DestinationRefused) as refused:
            find(f"https://{name}/hook")
        assert address not in refused.value.sentence


@pytest.mark.parametrize("address", OUTWARD)
def test_a_public_address_is_taken_and_looked_up_once(names, address):
    names["a.example"] = [[address]]
    found = find("https://A.example:8443/hook?x=1")
    assert [str(one) for one in found.addresses] == [address]
    assert (found.host, found.port, found.target, found.authority) == (
        "a.example", 8443, "/hook?x=1", "a.example:8443",
    )  # fmt: skip
    assert names["asked"] == ["a.example"]


def test_every_one_of_many_addresses_is_looked_at(names):
    names["a.example"] = [[f"8.8.{n // 200}.{n % 200 + 1}" for n in range(60)] + ["10.0.0.1"]]
    with pytest.raises(DestinationRefused):
        find("https://a.example/")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://0177.0.0.1/",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://localhost/", "https://localhost./",
        "https://[::ffff:7f00:1]:443/", "https://0/",
    ],
)  # fmt: skip
def test_no_spelling_of_loopback_gets_through(url):
    """With the machine's own resolver."""
    with pytest.raises(DestinationRefused):
        find(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/", "ftp://a.example/", "file:///etc/passwd", "gopher://a.example/", "//a.example/", "",
        "https://", "https:///hook", "https://u:p@a.example/", "https://u@a.example/", "https://a.example/#x",
        "https://a.example:0/", "https://a.example:99999/", "https://a.example:x/", "https://a b.example/",
        "https://a.example/\r\nHost: b", "https://a.example\\@b.example/", "https://①27.0.0.1/", "https://a..example/",
        "https://" + "a" * 64 + ".example/", "https://a.example/" + "x" * 500, "https://[::1", "https://a.example/\0",
        "javascript:alert(1)", "HTTPS://",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_receiver_is_refused_before_any_look_up(names, url):
    names["a.example"] = [["8.8.8.8"]]
    with pytest.raises(DestinationRefused):
        find(url)
    assert names["asked"] == []


@pytest.mark.parametrize(
    ("entry", "url", "address", "taken"),
    [
        ("inner.example", "https://inner.example/", "10.1.2.3", True),
        ("inner.example", "https://other.example/", "10.1.2.3", False),
        ("inner.example:8443", "https://inner.example/", "10.1.2.3", False),
        ("inner.example:8443", "https://inner.example:8443/", "10.1.2.3", True),
        ("10.1.2.0/24", "https://other.example/", "10.1.2.3", True),
        ("10.1.2.0/24", "https://other.example/", "10.1.3.3", False),
        ("10.1.2.0/24:9000", "https://other.example:9000/", "10.1.2.3", True),
        ("10.1.2.3", "https://other.example/", "10.1.2.3", True),
        ("fd00::/8", "https://other.example/", "fd00::5", True),
        ("[fd00::/8]:8443", "https://other.example/", "fd00::5", False),
        ("10.1.2.0/24", "http://other.example/", "10.1.2.3", False),
        ("http://10.1.2.0/24", "http://other.example/", "10.1.2.3", True),
        ("http://10.1.2.0/24", "http://other.example/", "8.8.8.8", False),
        ("http://10.1.2.0/24", "https://other.example/", "10.1.2.3", True),
    ],
)
def test_the_list_of_what_is_allowed_inside(names, settings, entry, url, address, taken):
    settings.WEBHOOK_ALLOWED = (parse_allowed(entry),)
    names["inner.example"] = names["other.example"] = [[address]]
    if taken:
        assert str(find(url).addresses[0]) == address
    else:
        with pytest.raises(DestinationRefused):
            find(url)


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("address", ["10.9.9.9", "127.0.0.1", "169.254.169.254"])
def test_a_name_that_is_known_inside_is_refused_in_the_words_for_one_that_is_not(
    names, settings, scheme, address
):
    """Also where plain HTTP is allowed somewhere, so that an address without TLS is looked up at all."""
    settings.WEBHOOK_ALLOWED = (parse_allowed("http://10.1.2.0/24"),)
    names["inner.example"] = [[address]]
    said = []
    for name in ("inner.example", "unknown.example"):
        with pytest.raises(DestinationRefused) as refused:
            find(f"{scheme}://{name}/hook")
        said.append(refused.value.sentence)
    assert said[0] == said[1]
    assert ("https://" in said[0]) is (scheme == "http")


@pytest.mark.parametrize(
    "entry", ["", "a b", "10.1.2.3/24", "a.example:0", "a.example:x", "https://a.example", "a/b"]
)
def test_an_entry_that_is_none_stops_the_start(entry):
    with pytest.raises(ValueError, match=r"neither|port"):
        parse_allowed(entry)


def test_what_is_only_looked_at_is_not_looked_up(names):
    assert check_url("https://unknown.example/hook").host == "unknown.example"
    assert names["asked"] == []


def test_a_resolver_that_says_nothing_holds_nobody_up(monkeypatch, settings):
    settings.WEBHOOK_CONNECT_SECONDS = 0.2
    silence = threading.Event()
    monkeypatch.setattr(
        "mriplatform.outbox.destinations.socket.getaddrinfo", lambda *asked, **how: silence.wait(30) and []
    )
    began = time.monotonic()
    with pytest.raises(DestinationRefused):
        find("https://a.example/")
    silence.set()
    assert time.monotonic() - began < 20
