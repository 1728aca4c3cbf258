"""Names and addresses: which host is meant, and to which addresses nobody may be led."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Where clouds answer with credentials; 169.254.169.254 and its like are link-local anyway.
_METADATA = frozenset(
    ipaddress.ip_address(each)
    for each in (
        "fd00:ec2::254",  # Amazon EC2
        "fd20:ce::254",  # Google Compute Engine
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Microsoft Azure
        "192.0.0.192",  # Oracle Cloud
    )
)

_EMBEDDING = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible, RFC 4291
)


@dataclass(frozen=True, slots=True)
class Hosts:
    """A set of host names that are meant whatever their case and with or without a last dot."""

    names: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Hosts":
        """The set of these names."""
        return cls(frozenset(map(folded, names)))

    def match(self, *candidates: str | None) -> str | None:
        """The first of the candidates that is in the set, folded; else None."""
        return next((name for each in candidates if (name := folded(each)) in self.names), None)


def folded(host: str | None) -> str:
    """A host name as DNS compares it: ASCII, lower case, without one trailing dot."""
    host = (host or "").lower().removesuffix(".")
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def is_loopback(host: str) -> bool:
    """Whether a name or an address can only mean this machine."""
    name = folded(host)
    address = _address(name)
    if address is None:
        return name == "localhost" or name.endswith(".localhost")  # RFC 6761
    return address.is_loopback


def stays_here(host: str) -> bool:
    """Return True if a connection to a name or an address cannot leave this machine.

    `is_loopback` is for refusing and takes more: an IPv6 address with a loopback address inside
    goes to a gateway (NAT64, 6to4) unless it is an IPv4-mapped one.
    """
    try:
        address = ipaddress.ip_address(folded(host))
    except ValueError:
        return is_loopback(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def leads_here(host: str) -> bool:
    """Whether dialling the host ends on this machine: as the loopback, so do 0.0.0.0 and ::."""
    address = _address(host)
    return is_loopback(host) or (address is not None and address.is_unspecified)


def is_off_limits(host: str) -> bool:
    """Whether an address is never to be reached: link-local ones and cloud metadata."""
    address = _address(host)
    return address is not None and (address.is_link_local or address in _METADATA)


def addressed(host: str) -> tuple[str, ...]:
    """The host, without a scope, if it is an address that one can dial; else nothing."""
    address = _address(folded(host))
    return () if address is None or address.is_unspecified else (str(address).partition("%")[0],)


async def addresses(host: str) -> list[str]:
    """All addresses of a host; none where it cannot be resolved here."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the latter for labels that no DNS name may have
        return []
    return [str(each[4][0]) for each in found]


def _address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return address if isinstance(address, ipaddress.IPv4Address) else _embedded(address) or address


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address to which an IPv6 one leads."""
    if any(address in each for each in _EMBEDDING) and int(address) > 1:  # those are :: and ::1
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
