"""Why: which addresses a model server may have (no way into the host or the cloud's own).

`check_url` speaks when an endpoint is saved; `check_ip` when a connection is
made, on the address that is really connected to, so that a name that answers
otherwise the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from generation.errors import AddressRefused, Invalid
from generation.specs import AddressRules

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_URL = 500
METADATA_HOSTS = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"}
)
METADATA_IPS = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, GCP, and most others (link-local anyway)
        "fd00:ec2::254",  # AWS over IPv6: a private address
        "fd20:ce::254",  # GCP over IPv6
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's wire server: a public address
        "192.0.0.192",  # Oracle
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def normalise_base_url(url: str) -> str:
    """Return an endpoint's base URL as it is stored: no slash at the end, `/v1` where no path.

    >>> normalise_base_url("http://gpu-1:8000/")
    'http://gpu-1:8000/v1'
    >>> normalise_base_url("https://llm.example/openai/v1/")
    'https://llm.example/openai/v1'
    """
    url = url.strip().rstrip("/")
    parts = urlsplit(url)
    return f"{url}/v1" if parts.netloc and not parts.path else url


def server_root(base_url: str) -> str:
    """Return where `/health`, `/version` and `/metrics` lie: beside `/v1`."""
    return base_url.removesuffix("/v1")


def check_url(url: str, *, rules: AddressRules) -> None:
    """Refuse a base URL that no endpoint may have; looks nothing up.

    Raises: Invalid, AddressRefused.
    """
    if len(url) > MAX_URL or any(ord(char) <= 32 or ord(char) == 127 for char in url):
        raise _invalid("is too long or contains blanks")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _invalid("is not a URL") from None
    if parts.scheme not in ("http", "https"):
        raise _invalid("must begin with http:// or https://")
    if not host or port == 0:
        raise _invalid("names no server")
    if parts.username is not None or parts.password is not None:
        raise _invalid("must not contain a user or password: use the key")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise _invalid("must not contain ? or #")
    check_host(host, rules=rules)


def check_host(host: str, *, rules: AddressRules) -> None:
    """Refuse a host name or literal address; other names are judged when resolved.

    Raises: AddressRefused.
    """
    name = host.casefold().rstrip(".")
    if name in METADATA_HOSTS:
        raise _refused("is a cloud's metadata service")
    if (name == "localhost" or name.endswith(".localhost")) and not rules.allow_loopback:
        raise _refused("is this machine itself (LLM_ALLOW_LOOPBACK=1 allows that)")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return
    check_ip(name, rules=rules)


def check_ip(text: str, *, rules: AddressRules) -> None:
    """Refuse an IP address that must not be connected to.

    Raises: AddressRefused.
    """
    ip = _unwrapped(ipaddress.ip_address(text.split("%", 1)[0]))
    if ip in METADATA_IPS:
        raise _refused("is a cloud's metadata service")
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        raise _refused("is a link-local, multicast or unspecified address")
    if ip.is_loopback:
        if not rules.allow_loopback:
            raise _refused("is this machine itself (LLM_ALLOW_LOOPBACK=1 allows that)")
    elif ip.is_reserved:
        raise _refused("is a reserved address")
    elif not ip.is_global and not rules.allow_private:
        raise _refused("is a private address (LLM_ALLOW_PRIVATE=1 allows that)")


def _unwrapped(ip: IPAddress) -> IPAddress:
    """Return the IPv4 address inside an IPv6 one, by whichever of the transition schemes."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in _NAT64 or (int(ip) >> 32 == 0 and int(ip) > 1):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _invalid(why: str) -> Invalid:
    return Invalid(f"The base URL {why}.", fields={"base_url": why})


def _refused(why: str) -> AddressRefused:
    return AddressRefused(f"The address {why}.", fields={"base_url": why})
