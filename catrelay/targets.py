"""Where requests may be sent to, of the addresses that others give. Source: docs/contract/, "Subscriptions"."""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from catrelay.problems import FieldError, ForbiddenTarget, InvalidRequest

Address = IPv4Address | IPv6Address

# Answers to virtual machines from a public range, unlike the other clouds' metadata services.
_METADATA = {ip_address("168.63.129.16")}
_PROTOCOL_ASSIGNMENTS = ip_network("192.0.0.0/24")
"""Global to older versions of Python, some clouds' metadata at .192 among them."""
_NAT64 = ip_network("64:ff9b::/96")
_IPV4_BITS = 0xFFFF_FFFF


class Targets:
    """The addresses that may be connected to: public ones, and those in the ranges that the operator allows.

    allowed: CIDR list, separated by commas.
    """

    def __init__(self, allowed: str) -> None:
        self._allowed = [ip_network(cidr.strip()) for cidr in allowed.split(",") if cidr.strip()]

    def permits(self, address: str) -> bool:
        """Whether *address*, an IPv4 or IPv6 address, may be connected to. One with a zone may not."""
        if "%" in address:
            return False
        found = _behind(ip_address(address))
        return any(found in network for network in self._allowed) or _is_public(found)

    def forbidden(self, addresses: Iterable[str]) -> str | None:
        """The first of *addresses* that may not be connected to."""
        return next((address for address in addresses if not self.permits(address)), None)

    def check_url(self, url: str, *, pointer: str = "/url") -> None:
        """Raise ForbiddenTarget when *url* leads to an address that may not be connected to. Looks its host up.

        Raises InvalidRequest for what is no http(s) URL to which a path can be added. pointer: of the URL in its body.
        """
        parts = _parsed(url, pointer)
        host = parts.hostname or ""
        try:
            address = self.forbidden(addresses_of(host))
        except (OSError, UnicodeError) as error:
            raise _invalid(f"The host {host} cannot be looked up", pointer, "names a host that is not known") from error
        if address is not None:
            raise ForbiddenTarget(
                f"{host} leads to {address}, to which nothing is sent",
                errors=[FieldError(pointer, "leads to an address that is not public")],
            )


def addresses_of(host: str) -> list[str]:
    """The addresses that *host*, a name or an address, leads to, the preferred one first. Waits for name servers.

    Raises OSError or UnicodeError when there are none.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _behind(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & _IPV4_BITS)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo is not None else address)


def _is_public(address: Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not (isinstance(address, IPv6Address) and address.is_site_local)
        and address not in _METADATA
        and address not in _PROTOCOL_ASSIGNMENTS
    )


def _parsed(url: str, pointer: str) -> SplitResult:
    wrong = "is not a plain http or https URL: no login, no query, no fragment"
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError as error:
        raise _invalid(f"{url[:200]!r} is no URL", pointer, wrong) from error
    plain = url.isascii() and url.isprintable() and not any(character in url for character in " ?#\\@")
    if parts.scheme not in ("http", "https") or not parts.hostname or not has_port or not plain:
        raise _invalid(f"{url[:200]!r} cannot be sent to", pointer, wrong)
    return parts


def _invalid(detail: str, pointer: str, error: str) -> InvalidRequest:
    return InvalidRequest(detail, errors=[FieldError(pointer, error)])
