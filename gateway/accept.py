"""What a client wants to get, by its `Accept` header."""

from functools import lru_cache

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
HTML = "text/html"


@lru_cache(maxsize=256)
def answer_type(accept: str) -> str | None:
    """The media type of the answer to a GraphQL request; None where the client accepts neither.

    Of two that it likes as much it gets the newer one only if it names that: older clients don't.
    """
    ranges = _ranges(accept)
    if not ranges:
        return JSON
    newer_is_named = GRAPHQL_RESPONSE in ranges
    by_preference = (GRAPHQL_RESPONSE, JSON) if newer_is_named else (JSON, GRAPHQL_RESPONSE)
    media_type = max(by_preference, key=lambda candidate: _quality(ranges, candidate))
    return media_type if _quality(ranges, media_type) > 0 else None


def prefers_page(accept: str) -> bool:
    """Whether the client would rather see a page than data: browsers name HTML, other clients don't."""
    ranges = _ranges(accept)
    data = max(ranges.get(JSON, 0), ranges.get(GRAPHQL_RESPONSE, 0))
    return 0 < ranges.get(HTML, 0) >= data


def _quality(ranges: dict[str, float], media_type: str) -> float:
    """The quality of the most specific range that the media type is in."""
    for media_range in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if media_range in ranges:
            return ranges[media_range]
    return 0


def _ranges(accept: str) -> dict[str, float]:
    """Quality by media range. Parameters other than q are not looked at."""
    ranges: dict[str, float] = {}
    for item in accept.lower().split(","):
        media_range, *parameters = (part.strip() for part in item.split(";"))
        if media_range:
            ranges[media_range] = max(ranges.get(media_range, 0), _weight(parameters))
    return ranges


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0
            return weight if 0 <= weight <= 1 else 0
    return 1
