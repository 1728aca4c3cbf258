"""Host names and addresses: comparison, resolution, and those that no client may reach."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Cloud metadata services, which return credentials; 169.254.169.254 is link-local anyway.
_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "fd00:ec2::254",  # Amazon EC2
        "fd20:ce::254",  # Google Compute Engine
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Microsoft Azure
        "192.0.0.192",  # Oracle Cloud
    )
)

_IPV4_EMBEDDING = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible, RFC 4291
)


@dataclass(frozen=True, slots=True)
class Hosts:
    """A set of host names, compared without regard to case and one last dot."""

    names: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Hosts":
        """Return the set of these names."""
        return cls(frozenset(map(normalize_host, names)))

    def match(self, *candidates: str | None) -> str | None:
        """Return the first candidate in the set, normalized, or None."""
        names = map(normalize_host, candidates)
        return next((name for name in names if name in self.names), None)


def normalize_host(host: str | None) -> str:
    """Return a host name as DNS compares it: ASCII, lower case, without one trailing dot."""
    host = (host or "").lower().removesuffix(".")
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def is_any_address(host: str) -> bool:
    """Return True if listening on the host means listening on all addresses of this machine."""
    address = _address(host)
    return not host or (address is not None and address.is_unspecified)


def is_loopback(host: str) -> bool:
    """Return True if a name or an address can only mean this machine."""
    name = normalize_host(host)
    address = _address(name)
    if address is None:
        return name == "localhost" or name.endswith(".localhost")  # RFC 6761
    return address.is_loopback


def stays_on_this_machine(host: str) -> bool:
    """Return True if a connection to a name or an address cannot leave this machine.

    `is_loopback` is for refusing and takes more: an IPv6 address with a loopback address inside
    goes to a gateway (NAT64, 6to4) unless it is an IPv4-mapped one.
    """
    try:
        address = ipaddress.ip_address(normalize_host(host))
    except ValueError:
        return is_loopback(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def reaches_this_machine(host: str) -> bool:
    """Return True if connecting to the host reaches this machine, as 0.0.0.0 and :: do, too."""
    address = _address(host)
    return is_loopback(host) or (address is not None and address.is_unspecified)


def is_address_of_this_machine(host: str) -> bool:
    """Return True if the host is a loopback name or address, or an address of this machine."""
    if reaches_this_machine(host):
        return True
    if (address := _address(host)) is None:
        return False
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))  # possible for own addresses only
    except OSError:
        return False
    return True


def is_global_address(host: str) -> bool:
    """Return True for a public address of the internet."""
    address = _address(host.partition("%")[0])
    return address is not None and address.is_global


def is_blocked_address(host: str) -> bool:
    """Return True for addresses that no client may reach: link-local ones, cloud metadata."""
    address = _address(host)
    return address is not None and (address.is_link_local or address in _METADATA)


def dialable_address(host: str) -> tuple[str, ...]:
    """Return the host, without a scope, if it is an address to connect to; else nothing."""
    address = _address(normalize_host(host))
    return () if address is None or address.is_unspecified else (str(address).partition("%")[0],)


async def resolve(host: str) -> list[str]:
    """Return all addresses of a host; none if it cannot be resolved here."""
    try:
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: a label that no DNS name may have
        return []
    return [str(info[4][0]) for info in infos]


def _address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return address if isinstance(address, ipaddress.IPv4Address) else _embedded(address) or address


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address inside an IPv6 one, or None."""
    if (
        any(address in network for network in _IPV4_EMBEDDING) and int(address) > 1
    ):  # those are :: and ::1
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
