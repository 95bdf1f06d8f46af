"""When a session attaches again, and what it tells of it, without a transport."""

import asyncio

import pytest

from panelet_client import Change, Cut, PaneletError
from panelet_client import session as session_module
from panelet_client import session_pb2 as pb
from panelet_client.attachment import Attachment
from panelet_client.errors import lost_transport
from panelet_client.session import Session

READY = pb.Frame(drain=pb.Drain(phase=pb.DRAIN_PHASE_READY))
OTHER_END = PaneletError("INTERNAL", "Internal error from Core")
REFUSED = lost_transport("127.0.0.1:1 refused")


class Ends:
    """An attachment that hears READY and is over; all after it are refused, until enough of them were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first: PaneletError | None) -> None:
        self.waits: list[float] = []
        self.changes: list[Change] = []
        runs = 0

        async def run(attachment: Attachment) -> None:
            nonlocal runs
            runs += 1
            if runs > 1:
                raise REFUSED
            link = attachment._link
            link.hello()
            welcome = pb.Welcome(resume_token=b"t", incarnation=1, next_rx=1, tx_base=1, tx_next=1)
            welcome.outcome, welcome.resume_ttl.seconds = pb.RESUME_OUTCOME_NEW, 900
            link.take_welcome(pb.Frames(frames=[pb.Frame(welcome=welcome)]), 0)
            attachment.welcomed_at = 0
            link.take(pb.Frames(frames=[READY]), 0)
            if first is not None:
                raise first

        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)
            if len(self.waits) == 4:
                raise PaneletError("CANCELLED", "enough")

        monkeypatch.setattr(Attachment, "run", run)
        monkeypatch.setattr(session_module.asyncio, "sleep", sleep)
        monkeypatch.setattr(session_module.random, "uniform", lambda _least, most: most)

    async def run(self) -> None:
        session = Session(None, "echo", "id", {}, b"", 30, self.changes.append)  # type: ignore[arg-type]
        await asyncio.wait({session._running})

    def cuts(self) -> list[Cut]:
        return [change for change in self.changes if isinstance(change, Cut)]


def test_after_ready_comes_one_attempt_at_once_and_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends(monkeypatch, None)
    asyncio.run(ends.run())
    assert ends.waits == [0, 0.05, 0.1, 0.2]


@pytest.mark.parametrize("first", [None, OTHER_END])
def test_the_end_after_ready_is_no_error_however_grpc_puts_it(
    monkeypatch: pytest.MonkeyPatch, first: PaneletError | None
) -> None:
    ends = Ends(monkeypatch, first)
    asyncio.run(ends.run())
    assert ends.cuts()[:2] == [Cut(True, None), Cut(False, REFUSED)]
