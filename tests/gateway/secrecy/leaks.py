"""Finds secrets in outputs, in every form that they take on their way."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping

HALF = 10
"""Letters and digits of half a canary: what is searched for, so that a secret that was cut is found, too."""


def canary(name: str, number: int) -> str:
    """A secret whose middle is searched for. What is around that has to be escaped in URLs, JSON, HTML and headers."""
    half = f"{number:02}{name[:2]}Zq7{number * 37 % 1000:03}"
    assert len(half) == HALF
    return f"+/=&<{half}{half.swapcase()}X\"'%\\"


def core(secret: str) -> str:
    """The letters and digits of a canary, for where nothing else may stand."""
    return secret.removeprefix("+/=&<")[: 2 * HALF]


def forms(secret: str) -> Iterator[bytes]:
    """What betrays a secret: its halves, each also backwards, in hexadecimal, and in base64 wherever it starts."""
    parts = (core(secret)[:HALF], core(secret)[HALF : 2 * HALF]) if "+/=&<" in secret else (secret,)
    for part in parts:
        for text in (part, part[::-1]):
            raw = text.encode()
            yield raw
            yield raw.hex().encode()
            yield raw.hex().upper().encode()
            for offset in range(3):
                encoded = b64encode(bytes(offset) + raw)
                # Only what no neighbour has a part in.
                first, last = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
                yield encoded[first:last]


def leaks(secrets: Mapping[str, str], outputs: Iterable[tuple[str, str | bytes]]) -> list[tuple[str, str]]:
    """Which secret stands in which output; both by their names."""
    needles = [(name, form) for name, secret in secrets.items() for form in dict.fromkeys(forms(secret))]
    found: list[tuple[str, str]] = []
    for where, output in outputs:
        content = output if isinstance(output, bytes) else output.encode("utf-8", "surrogatepass")
        found += dict.fromkeys((name, where) for name, needle in needles if needle in content)
    return found
