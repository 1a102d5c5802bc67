"""Where requests may be sent to, of the addresses that others give. Source: docs/contract/, "Subscriptions"."""

import socket
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
        """Whether *address*, an IPv4 or IPv6 address, may be connected to."""
        found = _behind(ip_address(address))
        return any(found in network for network in self._allowed) or _is_public(found)

    def check_url(self, url: str, *, pointer: str = "/url") -> None:
        """Raise ForbiddenTarget when *url* leads to an address that may not be connected to. Looks its host up.

        Raises InvalidRequest for what is no http(s) URL to which a path can be added. pointer: of the URL in its body.
        """
        parts = _parsed(url, pointer)
        host, port = parts.hostname, parts.port
        try:
            found = socket.getaddrinfo(host, port or parts.scheme, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise _invalid(f"The host {host} cannot be looked up", pointer, "names a host that is not known") from error
        for *_, address in found:
            if not self.permits(str(address[0])):
                raise ForbiddenTarget(
                    f"{host} leads to {address[0]}, to which nothing is sent",
                    errors=[FieldError(pointer, "leads to an address that is not public")],
                )


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
