"""The commands on a real terminal: what fits, what moves, and how Ctrl+C leaves it."""

import pytest
from rich.cells import cell_len

from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from tests.demo.conftest import SettableClock

from .pseudoterminal import ALTERNATE_SCREEN, MAIN_SCREEN, SHOW_CURSOR, on_terminal, plain

CTRL_C = "\x03"
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
    world.eigenpal.faults.add(Fault(latency_ms=60_000))
    with on_terminal("usage", "--provider", "eigenpal") as terminal:
        terminal.wait_for("adding up runs")
        terminal.press(CTRL_C)
        assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    assert terminal.shown.rstrip().endswith((SHOW_CURSOR, "\x1b[2K"))
