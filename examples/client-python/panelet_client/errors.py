"""What went wrong, and what a client does about it: the status table of docs/reference/session-protocol.md."""

from collections.abc import Iterable
from enum import Enum
from urllib.parse import unquote

import grpc
import grpc.aio


class PaneletError(Exception):
    """A session or a call cannot go on.

    `code` is the name of a gRPC status, or "PROTOCOL" where the peer broke the protocol. `reason` is the upper-case word of
    Panelet, such as "PANEL_UNKNOWN", and empty where nobody of Panelet has answered. `details` is for a person.
    """

    def __init__(
        self, code: str, details: str, reason: str = "", node: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(f"{reason or code}: {details}")
        self.code = code
        self.details = details
        self.reason = reason
        # The node whose agent has answered.
        self.node = node
        # Seconds that the answer asks to wait; None where it says nothing.
        self.retry_after = retry_after


class Verdict(Enum):
    """What a client does after an error."""

    AGAIN = "attach again"
    OVER = "the session has ended"
    STOP = "somebody newer has the session, or trying again changes nothing"


def verdict(error: PaneletError, attached_before: bool, home: str = "") -> Verdict:
    """`home` is the node of the session, where it is known: what another node's agent does not know, means nothing."""
    reason = error.reason
    if not reason:
        return Verdict.STOP if error.code in _FINAL_WITHOUT_REASON else Verdict.AGAIN
    if error.code == "UNAVAILABLE" or reason == "TIMEOUT":
        return Verdict.AGAIN
    if reason in ("SESSION_UNKNOWN", "PANEL_UNKNOWN") and "" not in (home, error.node) and home != error.node:
        return Verdict.AGAIN
    if reason == "LIMIT_EXCEEDED" and (attached_before or error.retry_after is not None):
        return Verdict.AGAIN
    if reason in ("SESSION_ENDED", "SESSION_UNKNOWN") and attached_before:
        return Verdict.OVER
    return Verdict.STOP


# A transport is lost with many codes. These are answers: of what is no Panelet, or of a proxy in between.
_FINAL_WITHOUT_REASON = ("PROTOCOL", "UNIMPLEMENTED", "UNAUTHENTICATED", "PERMISSION_DENIED")


def lost_transport(details: str) -> PaneletError:
    return PaneletError("UNAVAILABLE", details)


def broken_protocol(details: str, reason: str = "") -> PaneletError:
    return PaneletError("PROTOCOL", details, reason)


def error_of_status(
    code: grpc.StatusCode, details: str | None, trailers: Iterable[tuple[str, str | bytes]] | None
) -> PaneletError:
    """The error that a status and its trailers say."""
    said = {key: value for key, value in trailers or () if isinstance(value, str)}
    after = said.get("panelet-retry-after-ms", "")
    return PaneletError(
        code.name,
        details or "",
        said.get("panelet-reason", ""),
        unquote(said.get("panelet-node", "")),
        int(after) / 1000 if after.isdigit() else None,
    )


def error_of_rpc(error: grpc.aio.AioRpcError) -> PaneletError:
    return error_of_status(error.code(), error.details(), error.trailing_metadata())
