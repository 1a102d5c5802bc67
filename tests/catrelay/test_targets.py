"""Which addresses may be sent to."""

import pytest

from catrelay.problems import ForbiddenTarget, InvalidRequest
from catrelay.targets import Targets


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_that_are_not_public_are_not_permitted(address: str) -> None:
    assert not Targets("").permits(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert Targets("").permits(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "fd00::5"])
def test_the_operator_may_allow_ranges(address: str) -> None:
    assert Targets("127.0.0.0/8, fd00::/8").permits(address)


def test_an_address_with_a_zone_is_not_permitted_as_no_connection_can_be_told_the_zone() -> None:
    assert Targets("fe80::/10").permits("fe80::1")
    assert not Targets("fe80::/10").permits("fe80::1%eth0")


@pytest.mark.parametrize("url", ["http://127.1/", "http://2130706433/", "https://[::1]:8443/hook", "http://localhost"])
def test_however_an_address_is_written_it_is_looked_up(url: str) -> None:
    with pytest.raises(ForbiddenTarget):
        Targets("").check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1",
        "//8.8.8.8/",
        "http://",
        "http://8.8.8.8:0/",
        "http://8.8.8.8:99999/",
        "http://8.8.8.8/?a=b",
        "http://8.8.8.8/#a",
        "http://me@8.8.8.8/",
        "http://8.8.8.8/a b",
        "http://8.8.8.8\\@127.0.0.1/",
        "http://8.8.8.8/\x00",
        "http://[::1",
        "http://" + "a" * 70 + ".invalid/",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        Targets("0.0.0.0/0,::/0").check_url(url)


def test_a_refusal_says_where_the_host_leads() -> None:
    with pytest.raises(ForbiddenTarget, match=r"127\.1 leads to 127\.0\.0\.1"):
        Targets("").check_url("http://127.1/")


def test_a_plain_url_of_a_permitted_address_passes() -> None:
    Targets("").check_url("https://8.8.8.8:8443/hooks/catrelay")
