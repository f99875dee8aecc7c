"""Which addresses a model server may have."""

from __future__ import annotations

import pytest

from generation.addresses import check_ip, check_url, normalise_base_url, server_root
from generation.errors import AddressRefused, GenerationError, Invalid
from generation.specs import AddressRules

PUBLIC = AddressRules()
PRIVATE = AddressRules(allow_private=True)
LOOPBACK = AddressRules(allow_loopback=True)
OPEN = AddressRules(allow_loopback=True, allow_private=True)

ALWAYS_REFUSED = [
    "169.254.169.254",
    "169.254.1.1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",  # noqa: S104
    "::",
    "224.0.0.1",
    "ff02::1",
    "240.0.0.1",
    "255.255.255.255",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]
PRIVATE_IPS = ["10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1"]
LOOPBACK_IPS = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "::7f00:1"]


@pytest.mark.parametrize("ip", ALWAYS_REFUSED)
def test_metadata_and_link_local_are_refused_whatever_is_allowed(ip: str) -> None:
    with pytest.raises(AddressRefused):
        check_ip(ip, rules=OPEN)


@pytest.mark.parametrize("ip", PRIVATE_IPS)
def test_private_addresses_need_their_flag(ip: str) -> None:
    check_ip(ip, rules=PRIVATE)
    for rules in (PUBLIC, LOOPBACK):
        with pytest.raises(AddressRefused):
            check_ip(ip, rules=rules)


@pytest.mark.parametrize("ip", LOOPBACK_IPS)
def test_loopback_addresses_need_their_flag(ip: str) -> None:
    check_ip(ip, rules=LOOPBACK)
    for rules in (PUBLIC, PRIVATE):
        with pytest.raises(AddressRefused):
            check_ip(ip, rules=rules)


@pytest.mark.parametrize("ip", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(ip: str) -> None:
    check_ip(ip, rules=PUBLIC)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://llm.example/v1", Invalid),
        ("file:///etc/passwd", Invalid),
        ("//llm.example/v1", Invalid),
        ("http:///v1", Invalid),
        ("http://llm.example:99999/v1", Invalid),
        ("http://llm.example:0/v1", Invalid),
        ("http://user:secret@llm.example/v1", Invalid),
        ("http://user@llm.example/v1", Invalid),
        ("http://llm.example/v1?key=secret", Invalid),
        ("http://llm.example/v1#x", Invalid),
        ("http://llm.example/v1\r\nHost: x", Invalid),
        ("http://[::1/v1", Invalid),
        ("http://" + "a" * 500, Invalid),
        ("http://169.254.169.254/latest", AddressRefused),
        ("http://metadata.google.internal/v1", AddressRefused),
        ("http://METADATA.google.internal./v1", AddressRefused),
        ("http://localhost:8000/v1", AddressRefused),
        ("http://me.localhost/v1", AddressRefused),
        ("http://127.0.0.1/v1", AddressRefused),
        ("http://[::1]:8000/v1", AddressRefused),
        ("http://10.1.2.3/v1", AddressRefused),
    ],
)
def test_urls_no_endpoint_may_have_are_refused(url: str, error: type[GenerationError]) -> None:
    with pytest.raises(error) as caught:
        check_url(url, rules=PUBLIC)
    assert "base_url" in caught.value.fields
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize(
    "url", ["https://api.example/v1", "http://gpu-1.internal:8000/v1", "https://8.8.8.8/v1"]
)
def test_ordinary_urls_are_allowed(url: str) -> None:
    check_url(url, rules=PUBLIC)


def test_base_url_gets_its_version_where_it_has_no_path() -> None:
    assert normalise_base_url(" http://gpu:8000/ ") == "http://gpu:8000/v1"
    assert normalise_base_url("http://gpu:8000/v1/") == "http://gpu:8000/v1"
    assert normalise_base_url("https://x.example/api/openai") == "https://x.example/api/openai"
    assert server_root("http://gpu:8000/v1") == "http://gpu:8000"
