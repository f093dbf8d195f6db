"""The end of an exported file tells a whole one from a cut one."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.endings import FORMATS
from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld

Files = dict[str, bytes]


@pytest.fixture(scope="session")
def files(served: str) -> Files:
    """An export in every format."""
    query = {"providers": "eigenpal,refactor", "maxRuns": "3"}
    address = f"{served}/export/runs."
    return {name: httpx.get(address + name, params=query, timeout=60, trust_env=False).content for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
def test_the_end_is_read(files: Files, name: str) -> None:
    ending = FORMATS[name](files[name])
    assert ending is not None
    assert (ending["complete"], ending["rows"], ending["rowsFailed"], ending["error"]) == (False, 3, 0, None)
    states = {source["provider"]: source["state"] for source in ending["sources"]}
    assert states == {"refactor": "UNSUPPORTED", "eigenpal": "PARTIAL"}


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_a_file_that_was_cut_has_no_end(files: Files, name: str, data: st.DataObject) -> None:
    whole = files[name]
    assert FORMATS[name](whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@pytest.mark.parametrize("name", FORMATS)
def test_a_source_that_failed_is_named_with_its_error(world: DemoWorld, served: str, name: str) -> None:
    world.bridgetown.faults.add(Fault(status=503))
    query = {"providers": "bridgetown", "scope": "head/count;a:b,c d"}
    answer = httpx.get(f"{served}/export/runs.{name}", params=query, timeout=60, trust_env=False)
    ending = FORMATS[name](answer.content)
    assert ending is not None
    (source,) = ending["sources"]
    assert (source["provider"], source["scope"]) == ("bridgetown", "head/count;a:b,c d")
    assert (source["state"], source["error"]["code"]) == ("FAILED", "UNAVAILABLE")
