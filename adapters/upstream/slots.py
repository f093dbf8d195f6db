"""How many calls there may be at a time."""

import asyncio
from collections import deque


class Slots:
    """A number of places for calls. Whoever finds none waits in line, and gets the one that comes free.

    Does what `asyncio.Semaphore` does, without its cost where a place is free, which is nearly always.
    """

    __slots__ = ("_free", "_waiting")

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a place; False where none is free."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    def give_back(self) -> None:
        """Leave a place to the first in line. Only where nobody waits it is free, so that nobody is overtaken."""
        while self._waiting:
            first = self._waiting.popleft()
            if not first.done():
                first.set_result(None)
                return
        self._free += 1

    async def wait(self) -> None:
        """Take a place once it is this caller's turn."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # The place may have come as its caller left.
            if not turn.cancelled():
                self.give_back()
            raise
