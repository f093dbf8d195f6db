"""The search itself: it finds each form, so that nothing found means something."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from .leaks import HALF, canary, leaks

SECRET = canary("token", 7)
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in a header": "Authorization: Bearer {}".format,
    "in a path": lambda text: quote(text, safe=""),
    "in a form": quote_plus,
    "in JSON": json.dumps,
    "in JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "in HTML": html.escape,
    "in a repr": repr,
    "backwards": lambda text: text[::-1],
    "as bytes": lambda text: text.encode().hex(),
    "as bytes, in capitals": lambda text: text.encode().hex().upper(),
    "the first half": lambda text: text[: 5 + HALF],
    "the other half": lambda text: text[5 + HALF :],
    **{
        f"in base64 behind {count}": lambda text, count=count: b64encode(("x" * count + text).encode()).decode()
        for count in range(3)
    },
    "in a URL's base64": lambda text: urlsafe_b64encode(f"name:{text}:".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found(form: str) -> None:
    output = f"before {FORMS[form](SECRET)} after"
    assert leaks({"a": SECRET, "b": canary("other", 8)}, [("log", output), ("answer", "nothing")]) == [("a", "log")]
    assert leaks({"a": SECRET}, [("log", output.encode())]) == [("a", "log")]


def test_a_secret_of_others_is_searched_for_as_it_is() -> None:
    assert leaks({"a": "demo-access-token-"}, [("log", "Bearer demo-access-token-12")]) == [("a", "log")]
