"""Whether an answer is right. Everything here says what is wrong, in words; an empty list where nothing is."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from .weather import Weather

TERMINAL_TTL = 3.0
"""For how long the gateways under test give a run that has ended without looking."""
OWN_ERRORS = frozenset({"INVALID_INPUT"})


def differences(answer: Any, truths: Sequence[Any], path: tuple[str | int, ...], errors: Collection[str]) -> list[str]:
    """Where an answer is unlike each of several truths; where `errors` has a path, null is right.

    The members of the outermost object may be as of different moments.
    """
    if isinstance(answer, dict):
        members = cast("dict[str, Any]", answer)
        found: list[str] = []
        for key, value in members.items():
            options = [cast("dict[str, Any]", truth)[key] for truth in truths if isinstance(truth, dict)]
            if not any(same(value, option, (*path, key), errors) for option in options):
                found.append(f"{dotted((*path, key))} is {value!r:.300}, the truth is {options!r:.300}")
        return found
    if any(same(answer, truth, path, errors) for truth in truths):
        return []
    return [f"{dotted(path)} is {answer!r:.300}, the truth is {truths!r:.300}"]


def same(answer: Any, truth: Any, path: tuple[str | int, ...], errors: Collection[str]) -> bool:
    """Whether two values are equal, but for what is null because of an error."""
    if answer == truth:
        return True
    if answer is None:
        return dotted(path) in errors
    if isinstance(answer, dict) and isinstance(truth, dict):
        one, other = cast("dict[str, Any]", answer), cast("dict[str, Any]", truth)
        return one.keys() == other.keys() and all(same(one[key], other[key], (*path, key), errors) for key in one)
    if isinstance(answer, list) and isinstance(truth, list):
        pairs = list(zip(cast("list[Any]", answer), cast("list[Any]", truth), strict=False))
        return len(answer) == len(truth) == len(pairs) and all(  # pyright: ignore[reportUnknownArgumentType]
            same(one, other, (*path, number), errors) for number, (one, other) in enumerate(pairs)
        )
    return False


def is_part(document: Any, whole: Any) -> bool:
    """Whether what a provider was quoted with is in what it holds: members may be missing, nothing may differ."""
    if isinstance(document, dict) and isinstance(whole, dict):
        part, full = cast("dict[str, Any]", document), cast("dict[str, Any]", whole)
        return all(key in full and is_part(value, full[key]) for key, value in part.items())
    if isinstance(document, list) and isinstance(whole, list):
        rows, all_rows = cast("list[Any]", document), cast("list[Any]", whole)
        return len(rows) == len(all_rows) and all(map(is_part, rows, all_rows))
    return bool(document == whole)


def dotted(path: Iterable[str | int]) -> str:
    return ".".join(map(str, path))


def error_paths(answer: Mapping[str, Any]) -> dict[str, str]:
    """Path -> code of each error of an answer."""
    return {dotted(error.get("path") or ()): error["extensions"]["code"] for error in answer.get("errors", ())}


def reported(document: Any) -> Iterator[tuple[str | None, str]]:
    """Provider and code of every error that an answer tells of, wherever: in `errors`, or with a source."""
    if isinstance(document, list):
        for item in cast("list[Any]", document):
            yield from reported(item)
    elif isinstance(document, dict):
        members = cast("dict[str, Any]", document)
        extensions = members.get("extensions")
        if "message" in members and isinstance(extensions, dict):
            told = cast("dict[str, Any]", extensions)
            yield told.get("provider"), told["code"]
        elif "state" in members and isinstance(members.get("error"), dict):
            yield members["provider"], members["error"]["code"]
        for key in ("errors", "data", "runs", "usage", "sources"):
            if isinstance(members.get(key), (dict, list)):
                yield from reported(members[key])


def unexplained(
    told: Iterable[tuple[str | None, str]], weather: Weather, start: float, end: float, expected: Collection[str] = ()
) -> list[str]:
    """Errors that no fault explains. `expected`: codes that the request itself asks for."""
    wrong: list[str] = []
    for provider, code in told:
        if code in expected:
            continue
        if provider is None:
            wrong.append(f"the gateway itself says {code}")
        elif code not in weather.codes(provider, start, end):
            kinds = [kind.name for kind in weather.during(provider, start, end)]
            wrong.append(f"{provider} is said to be {code}, while its faults are {kinds}")
    return wrong


def unmarked(
    answer: Mapping[str, Any], given: Collection[str], weather: Weather, start: float, end: float
) -> list[str]:
    """Runs that can't be fresh, and of which the answer does not say that they are stale; and the other way round."""
    entries: list[dict[str, Any]] = answer.get("extensions", {}).get("stale", [])
    stale = {entry["id"] for entry in entries}
    wrong = [
        f"{one} is not said to be stale, though its provider has been down for long"
        for one in given
        if one not in stale and weather.is_dead(one.partition(":")[0], start - TERMINAL_TTL - 7, end)
    ]
    wrong += [f"{one} is said to be stale, though its provider is well" for one in stale - set(given)]
    for entry in entries:
        provider = entry["id"].partition(":")[0]
        if entry["code"] not in weather.codes(provider, start, end):
            kinds = [kind.name for kind in weather.during(provider, start, end)]
            wrong.append(f"{entry['id']} is said to be stale because of {entry['code']}, and its faults are {kinds}")
    return wrong
