"""Sends the head of an answer together with its body: one system call and one packet in the place of two."""

import asyncio


class JoinedWrites:
    """The part of a transport that an answer is written to.

    What is written first is held back until more is written, at most for one turn of the event loop: so a head whose
    body is still to come is on its way before anybody waits for it.
    """

    __slots__ = ("_held", "_is_first", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._is_first = True
        self._held: bytes | None = None

    def write(self, data: bytes) -> None:
        if self._is_first:
            self._is_first = False
            self._held = data
            asyncio.get_running_loop().call_soon(self._release)
        elif self._held is not None:
            held, self._held = self._held, None
            self._transport.writelines((held, data))
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._release()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None and not self._transport.is_closing():
            self._transport.write(held)
