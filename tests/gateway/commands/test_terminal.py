"""The commands on a real terminal: what fits, what moves, and how Ctrl+C leaves it."""

import signal

import pytest
from rich.cells import cell_len

from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from tests.demo.conftest import SettableClock
from tests.support import LONG_MS

from .pseudoterminal import ALTERNATE_SCREEN, MAIN_SCREEN, SHOW_CURSOR, on_terminal, plain

CTRL_C = "\x03"
ALL_FIGURES = ("input", "output", "reported", "eigenpal credits", "rightbrain credits", "reported", "model calls")
COLOUR = "\x1b[3"


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(("columns", "no_color"), [(100, ""), (60, "1")])
def test_a_table_fits_the_terminal(columns: int, no_color: str) -> None:
    with on_terminal("runs", "--limit", "12", columns=columns, environment={"NO_COLOR": no_color}) as terminal:
        assert terminal.end() == 0
    table = [line for line in plain(terminal.shown).splitlines() if not line.startswith("rungraph: ")]
    assert len(table) == 13
    assert all(cell_len(line) <= columns for line in table)
    assert ("target" in table[0]) == (columns == 100)
    assert (COLOUR in terminal.shown) == (not no_color)


@pytest.mark.usefixtures("url")
def test_watching_marks_what_changes_and_ctrl_c_leaves_a_clean_terminal(clock: SettableClock, world: DemoWorld) -> None:
    with on_terminal("runs", "--watch", "--every", "0.2", "--limit", "100") as terminal:
        assert "+ " not in terminal.wait_for(r"refactor: unsupported").partition("created")[2]
        clock.set(20)
        terminal.wait_for(r"\n\+ .*eigenpal:exec_LIVE")
        clock.set(22)
        terminal.wait_for(r"\n\* .*RUNNING")
        world.eigenpal.faults.add(Fault(status=503))
        terminal.wait_for(r"eigenpal: failed: .*\(UNAVAILABLE\)")
        terminal.press(CTRL_C)
        assert terminal.end() == 130
    screens = terminal.shown.split(ALTERNATE_SCREEN)
    assert len(screens) == 2
    _, left, after = screens[1].partition(MAIN_SCREEN)
    assert left
    assert SHOW_CURSOR in terminal.shown
    assert plain(after).strip() in ("", "^C")


@pytest.mark.usefixtures("url")
def test_long_work_shows_progress_and_can_be_interrupted(world: DemoWorld) -> None:
    world.eigenpal.faults.add(Fault(latency_ms=LONG_MS))
    with on_terminal("usage", "--provider", "eigenpal") as terminal:
        terminal.wait_for("adding up runs")
        terminal.press(CTRL_C)
        assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    assert terminal.shown.rstrip().endswith((SHOW_CURSOR, "\x1b[2K"))


def test_ctrl_c_before_the_command_is_loaded_leaves_no_trace() -> None:
    with on_terminal("runs", environment={"PYTHONPROFILEIMPORTTIME": "1"}) as terminal:
        terminal.wait_for(r"adapters\.")
        terminal.press(CTRL_C)
        assert terminal.end() in (-signal.SIGINT, 130)
    assert "Traceback" not in terminal.shown


@pytest.mark.usefixtures("url")
def test_ctrl_c_ends_the_wait_for_a_document() -> None:
    with on_terminal("query", "-") as terminal:
        terminal.press("{ providers { name\n")
        terminal.wait_for("providers")
        terminal.press(CTRL_C)
        assert terminal.end() in (-signal.SIGINT, 130)
    assert "Traceback" not in terminal.shown


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("command", ["runs", "usage"])
def test_what_a_narrow_terminal_has_no_room_for_is_there_when_asked(command: str) -> None:
    with on_terminal(command, "--provider", "eigenpal,rightbrain", "--wide", columns=50) as terminal:
        assert terminal.end() == 0
    lines = plain(terminal.shown).splitlines()
    assert any(line.endswith({"runs": "  id", "usage": "  model calls"}[command]) for line in lines)
    assert not any("no room" in line or "cut" in line for line in lines)


@pytest.mark.usefixtures("url")
def test_figures_that_are_left_out_are_named() -> None:
    with on_terminal("usage", "--provider", "eigenpal,rightbrain", columns=60) as terminal:
        assert terminal.end() == 0
    lines = plain(terminal.shown).splitlines()
    (head,) = (line for line in lines if "tokens" in line and "runs" in line)
    assert lines[-1].startswith("rungraph: columns for which there is no room: ")
    left_out = lines[-1].removesuffix("; --wide shows them").rpartition(": ")[2].split(", ")
    assert left_out == [name for name in ALL_FIGURES if name not in head]
    assert "eigenpal credits" in left_out
