"""Where sessions come from."""

import base64
import uuid
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from .endpoint import Address, Endpoint, Tls, Token
from .items import Change
from .session import ResumeState, Session

OPENING_SECONDS = 30.0


class Client:
    """A client of the agent at `address`: one, several that race, or a function that is asked before each attempt.

    `token` is the bearer token, or a function that reads it anew. Without `tls` the connection is plaintext, for loopback.
    """

    def __init__(self, address: Address, *, token: Token | None = None, tls: Tls | None = None) -> None:
        self._endpoint = Endpoint(address, token, tls)
        self._sessions: list[Session] = []

    async def open(
        self,
        panel: str,
        parameters: Mapping[str, str] | None = None,
        *,
        seconds: float = OPENING_SECONDS,
        watch: Callable[[Change], None] | None = None,
    ) -> Session:
        """Opens a session, trying for `seconds`. `watch` is told of attachments, cuts and restarts.

        Raises PaneletError where the node refuses it, or nobody answers in time."""
        return await self._begin(panel, str(uuid.uuid4()), parameters or {}, b"", seconds, watch)

    async def resume(
        self,
        state: ResumeState,
        *,
        seconds: float = OPENING_SECONDS,
        watch: Callable[[Change], None] | None = None,
    ) -> Session:
        """Takes over a session that another client had, from where that one was. Raises as `open` does."""
        return await self._begin(state.panel, state.session_id, {}, base64.b64decode(state.token), seconds, watch)

    async def _begin(
        self,
        panel: str,
        session_id: str,
        parameters: Mapping[str, str],
        token: bytes,
        seconds: float,
        watch: Callable[[Change], None] | None,
    ) -> Session:
        session = Session(self._endpoint, panel, session_id, parameters, token, seconds, watch)
        try:
            await session.opened()
        except BaseException:
            await session.close()
            raise
        self._sessions.append(session)
        return session

    async def close(self) -> None:
        """Drops all attachments. The sessions are kept, for whoever resumes them."""
        for session in self._sessions:
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
