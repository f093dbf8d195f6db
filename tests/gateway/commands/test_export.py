"""`rungraph export`."""

import csv
import io
import json
from pathlib import Path

import pytest

from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld

from .asking import rungraph, scripted


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(("name", "flags"), [("runs.ndjson", []), ("runs", ["--format", "ndjson"]), ("a.b.csv", [])])
def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path, name: str, flags: list[str]) -> None:
    path = tmp_path / name
    path.write_text("what was there before")
    ended = rungraph("export", "--provider", "eigenpal", "--since", "36500d", "--output", path, *flags)
    assert (ended.code, ended.out) == (0, "")
    rows = len(path.read_text().splitlines()) - 1 - name.endswith("csv")
    assert rows >= 240
    assert ended.err == f"rungraph: {rows} runs in {path}\n"
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.usefixtures("config")
def test_a_configuration_is_as_good_as_a_gateway(tmp_path: Path) -> None:
    path = tmp_path / "runs.parquet"
    ended = rungraph("export", "--provider", "middesk", "--output", path, "--json")
    assert ended.code == 0
    assert path.read_bytes().startswith(b"PAR1")
    said = ended.document["export"]
    assert (said["file"], said["format"], said["complete"], said["error"]) == (str(path), "parquet", True, None)


@pytest.mark.usefixtures("url")
def test_standard_output_has_the_file_and_nothing_else() -> None:
    ended = rungraph("export", "-p", "eigenpal", "--columns", "id,status", "--columns", "usage.totalTokens", "-o", "-")
    rows = list(csv.reader(io.StringIO(ended.out)))
    assert rows[0] == ["id", "status", "usage.totalTokens"]
    assert rows[-1][0].startswith("#end complete=true rows=")
    assert ended.err == ""


@pytest.mark.usefixtures("url")
def test_a_file_that_lacks_runs_has_a_name_that_says_so(world: DemoWorld, tmp_path: Path) -> None:
    path = tmp_path / "runs.ndjson"
    path.write_text("what was there before")
    world.rightbrain.faults.add(Fault(status=503))
    ended = rungraph("export", "--provider", "eigenpal,rightbrain", "--output", path)
    assert ended.code == 3
    assert path.read_text() == "what was there before"
    end = json.loads((tmp_path / "runs.incomplete.ndjson").read_text().splitlines()[-1])
    assert end["_end"]["complete"] is False
    assert "runs.incomplete.ndjson, incomplete\n" in ended.err
    assert "rungraph: rightbrain: failed: " in ended.err


@pytest.mark.parametrize(("body", "is_cut"), [(b'{"id": "a"}\n', False), (b'{"id": "a"}\n{"id"', True), (b"", False)])
def test_a_file_that_was_cut_leaves_nothing(tmp_path: Path, body: bytes, is_cut: bool) -> None:
    path = tmp_path / "runs.ndjson"
    path.write_text("what was there before")
    with scripted(body, is_cut=is_cut) as gateway:
        ended = rungraph("export", "--url", gateway.url, "--output", path)
    assert ended.code == 3
    assert ("broke off" if is_cut else "was cut") in ended.err
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(path.name, "what was there before")]


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(
    ("code", "flags", "sentence"),
    [
        (1, ["--columns", "nothing"], "nothing"),
        (1, ["--provider", "nobody"], "nobody"),
        (2, ["--format", "docx"], '--format: there is no "docx"; there are csv, ndjson, parquet'),
        (2, ["--output", "nowhere/at/all.csv"], "can't write nowhere/at/all.csv: No such file or directory"),
        (2, ["--output", "/dev/null"], "can't write /dev/null: it is no ordinary file"),
        (2, ["--output", "."], "can't write .: it is no ordinary file"),
        (2, ["--output", "-", "--json"], "can't both go to standard output"),
    ],
)
def test_what_is_refused(tmp_path: Path, code: int, flags: list[str], sentence: str) -> None:
    ended = rungraph("export", "--output", tmp_path / "runs.csv", *flags)
    assert (ended.code, ended.out) == (code, "")
    assert sentence in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("url")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "there" / "runs.csv")
    assert rungraph("export", "-p", "eigenpal", "--columns", "id", "-o", tmp_path / "link.csv").code == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "there" / "runs.csv").read_text().startswith("id\n")
