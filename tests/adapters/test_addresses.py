"""Which addresses are whose, and which URLs every parser reads alike."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.addresses import Reach, is_listed, origin, reach, target
from adapters.testing.mutations import STABLE


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("8.8.8.8 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1", Reach.PUBLIC),
        ("10.0.0.1 172.16.0.1 192.168.1.1 fd12::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:a00:1::", Reach.PRIVATE),
        ("100.64.0.1 198.18.0.1 192.0.2.1", Reach.PRIVATE),
        ("127.0.0.1 127.9.9.9 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::", Reach.LOOPBACK),
        ("169.254.169.254 169.254.1.1 fe80::1 ::ffff:169.254.169.254 fd00:ec2::254 100.100.100.200", Reach.SPECIAL),
        ("168.63.129.16 0.0.0.0 :: 224.0.0.1 ff02::1 255.255.255.255 240.0.0.1 2001:0:808:808::1", Reach.SPECIAL),
    ],
)
def test_who_can_reach_an_address(addresses: str, expected: Reach) -> None:
    assert {text: reach(ip_address(text)) for text in addresses.split()} == dict.fromkeys(addresses.split(), expected)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Files.Example/a?b", ("https", "files.example", 443)),
        ("http://files.example:8080", ("http", "files.example", 8080)),
        ("https://files.example:443/", ("https", "files.example", 443)),
        ("http://[::1]:9/", ("http", "::1", 9)),
        ("http://10.0.0.1/", ("http", "10.0.0.1", 80)),
        ("https://a_b.s3.example./x", ("https", "a_b.s3.example.", 443)),
    ],
)
def test_origin(url: str, expected: object) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/x",
        "//files.example/x",
        "ftp://files.example/",
        "file:///etc/passwd",
        "https://",
        "https://user@files.example/",
        "https://@files.example/",
        "https://files.example\\@evil.example/",
        "https://files.example\\.evil.example/",
        "https://files.example /",
        "https://files.example\t/",
        "https://files.example\r\nx: y/",
        "https://%31%32%37.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://1.2.3.4.5/",
        "https://fi\u2024les.example/",
        "https://files.example:99999/",
        "https://files.example:x/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://-files.example/",
    ],
)
def test_a_url_that_parsers_could_disagree_on(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        origin(url)


@STABLE
@given(st.text(alphabet="abc019xf.:@/\\?#[]%- ", max_size=24))
def test_what_is_accepted_means_the_same_host_to_other_parsers(rest: str) -> None:
    url = f"https://{rest}"
    try:
        _, host, port = origin(url)
    except ValueError:
        return
    other = httpx.URL(url)
    assert (other.host, other.port or 443) == (host, port)
    assert urlsplit(url).username is None


def test_target() -> None:
    assert target("https://a.example/x/y?z", "../w#part") == "https://a.example/w"
    assert target("https://a.example/x", "//b.example/y") == "https://b.example/y"
    assert target("https://a.example/x", "http://c.example/") == "http://c.example/"


def test_listed_hosts() -> None:
    hosts = ("files.example", "*.storage.example", "10.0.0.7")
    assert [is_listed(host, hosts) for host in ("files.example", "a.b.storage.example", "10.0.0.7")] == [True] * 3
    wrong = ("storage.example", "afiles.example", "a.files.example", "files.example.evil", "xstorage.example")
    assert [is_listed(host, hosts) for host in wrong] == [False] * 5
