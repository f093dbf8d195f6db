"""Until when signed URLs work."""

import pytest

from gateway.caching import signed

NOW = 1_780_315_200.0
"""2026-06-01T12:00:00Z"""
UNKNOWN = NOW + signed.UNKNOWN_LIFE


@pytest.mark.parametrize(
    ("query", "end"),
    [
        ("X-Amz-Date=20260601T120000Z&X-Amz-Expires=900&X-Amz-Signature=ab", NOW + 900),
        ("x-amz-signature=ab&x-amz-expires=900&x-amz-date=20260601T115900Z", NOW + 840),
        ("X-Goog-Date=20260601T120000Z&X-Goog-Expires=60&X-Goog-Signature=ab", NOW + 60),
        ("AWSAccessKeyId=a&Signature=b&Expires=1780315500", NOW + 300),
        ("GoogleAccessId=a&Expires=1780315500&Signature=b", NOW + 300),
        ("Expires=1780315500&Signature=a&Key-Pair-Id=b", NOW + 300),
        ("signature=a&expires=1780315500000", NOW + 300),
        ("sv=2024&se=2026-06-01T12%3A10%3A00Z&sig=ab", NOW + 600),
        ("se=2026-06-01T14:10:00%2B02:00&sig=ab", NOW + 600),
        ("se=2026-06-01&sig=ab", NOW - 43_200),
        # Over already.
        ("X-Amz-Date=20260601T110000Z&X-Amz-Expires=1&X-Amz-Signature=ab", NOW - 3599),
        # Signed, and nobody knows for how long.
        ("X-Amz-Signature=ab", UNKNOWN),
        ("X-Amz-Date=today&X-Amz-Expires=900&X-Amz-Signature=ab", UNKNOWN),
        ("X-Amz-Date=20260601T120000Z&X-Amz-Expires=-900&X-Amz-Signature=ab", UNKNOWN),
        ("X-Amz-Date=20260601T120000Z&X-Amz-Expires=9999999999999999&X-Amz-Signature=ab", UNKNOWN),
        ("X-Amz-Date=20260631T120000Z&X-Amz-Expires=900", UNKNOWN),
        ("Expires=soon&Signature=b", UNKNOWN),
        ("se=soon&sig=b", UNKNOWN),
        ("token=eyJhbGciOi", UNKNOWN),
        # Not signed.
        ("page=2", None),
        ("expires=1780315500", None),
        ("se=2026-06-01", None),
        ("", None),
    ],
)
def test_a_url_says_when_it_ends(query: str, end: float | None) -> None:
    limit = None if end is None else end - signed.MARGIN
    url = f"https://files.test/a%20b?{query}"
    assert signed.limit([url], NOW) == limit
    assert signed.limit_of_links([url], NOW) == (limit or UNKNOWN - signed.MARGIN)


@pytest.mark.parametrize(
    "text",
    [
        "see https://files.test/x?Signature=b&Expires=1780315500 for more",
        '<a href="https://files.test/x?Signature=b&amp;Expires=1780315500">x</a>',
        '{"url": "https://files.test/x?a=1\\u0026Signature=b\\u0026Expires=1780315500"}',
        "HTTPS://FILES.TEST/X?SIGNATURE=b&EXPIRES=1780315500",
        "http://a.test http://b.test?x=1 https://files.test/x?Signature=b&Expires=1780315500",
    ],
)
def test_in_any_text(text: str) -> None:
    assert signed.limit([text], NOW) == NOW + 300 - signed.MARGIN


def test_the_first_to_end_counts() -> None:
    urls = [f"https://files.test/?Signature=b&Expires={1_780_315_200 + seconds}" for seconds in (900, 300, 600)]
    assert signed.limit(urls, NOW) == signed.limit_of_links(urls, NOW) == NOW + 300 - signed.MARGIN
    assert signed.limit([" ".join(urls)], NOW) == NOW + 300 - signed.MARGIN


def test_nothing_is_no_limit() -> None:
    assert (signed.limit([], NOW), signed.limit(["", "no://url"], NOW), signed.limit_of_links([], NOW)) == (None,) * 3


def test_a_long_text_takes_no_long_time() -> None:
    """Quadratic time would keep the suite from ever ending."""
    for text in ("http://" * 1_000_000, "https://x?" * 500_000, "https://" + "a" * 5_000_000, "&amp;" * 1_000_000):
        signed.limit([text], NOW)
