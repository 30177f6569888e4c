"""An end to the patience of the HTTP server: uvicorn waits for ever for the rest of a request.

A client that opens many connections and sends a byte now and then ("slowloris") would hold them
all; so a request's head and its body each have a time in which they must be whole.
"""

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S: Final = 8.0
BODY_S: Final = 30.0
_PATIENCE_S: Final = {h11.IDLE: HEAD_S, h11.SEND_BODY: BODY_S}


class PatientHttp(H11Protocol):
    """uvicorn's HTTP/1.1, which hangs up on a request that does not get finished."""

    _awaited: Any = None  # the state that the client is to leave: h11 has sentinels, no enum
    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Give the client its time for what it has begun; more bytes of it give no more time."""
        state = self.conn.their_state
        if state is self._awaited:
            return
        self._forget()
        if state in _PATIENCE_S and not self.transport.is_closing():
            self._awaited = state
            self._due = self.loop.call_later(_PATIENCE_S[state], self.transport.close)

    def _forget(self) -> None:
        self._awaited = None
        if self._due is not None:
            self._due.cancel()
            self._due = None
