"""A session as its user has it: written to, read from, left or ended, whatever happens to connections meanwhile."""

import asyncio
import base64
import json
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

from . import session_pb2 as pb
from .attachment import Attachment, end_session
from .backoff import Backoff
from .cursors import Receiver
from .endpoint import Endpoint
from .errors import PaneletError, Verdict, lost_transport, verdict
from .items import Change, Channel, Cut, Item
from .link import WINDOW_BYTES, Link

CALL_SECONDS = 20.0


@dataclass(frozen=True)
class ResumeState:
    """What another process needs to go on with a session. Keep it secret: the token is in it, in base 64."""

    panel: str
    session_id: str
    token: str
    node: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))


class Session:
    """Made by `Client.open` and `Client.resume`. One task iterates; any task of the same loop may write.

    Iterating ends when the session has ended as it should, and raises PaneletError otherwise. Frames are acknowledged when they
    arrive here; the worker is held back while more than 256 KiB wait to be iterated over.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        panel: str,
        session_id: str,
        parameters: Mapping[str, str],
        token: bytes,
        opening_seconds: float,
        watch: Callable[[Change], None] | None,
    ) -> None:
        self._endpoint = endpoint
        self._watch: Callable[[Change], None] = watch or (lambda change: None)
        self._link = Link(panel, parameters, session_id, token, self._deliver, self._watch)
        self._items: deque[tuple[Item, int, Receiver]] = deque()
        self._opening_seconds = opening_seconds
        self._wake, self._heard, self._arrived = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._attached = self._was_attached = self._is_ended_here = self._is_over = False
        self._failure: BaseException | None = None
        self._running = asyncio.create_task(self._run())
        self._running.add_done_callback(self._on_over)

    # What it is.

    @property
    def id(self) -> str:
        return self._link.session_id

    @property
    def node(self) -> str:
        """Name of the node that it lives on; empty where the worker does not know it."""
        return self._link.node

    @property
    def incarnation(self) -> int:
        """Which life of the session this is; rises with every restart of its worker."""
        return self._link.incarnation

    @property
    def attached(self) -> bool:
        return self._attached

    @property
    def unacknowledged_bytes(self) -> int:
        """Bytes that were written and would be sent again after a cut."""
        return self._link.tx.unacked_bytes

    @property
    def duplicates(self) -> int:
        """Frames that came again and were dropped by their number."""
        return self._link.duplicates

    def state(self) -> ResumeState:
        """Ask again after each `Attached`: every attachment brings a new token."""
        link = self._link
        return ResumeState(link.panel, link.session_id, base64.b64encode(link.token).decode(), link.node)

    # Writing.

    async def write(self, payload: bytes, channel: Channel = Channel.STDIN) -> None:
        """Sends bytes, now or after the next attachment. Waits while more than 256 KiB are unacknowledged.

        Raises where the session is over, or `end` was called."""
        for start in range(0, len(payload), self._link.max_data_bytes):
            self._must_go_on()
            if self._link.has_fin:
                raise PaneletError("FAILED_PRECONDITION", "written after end()", "WRITE_AFTER_END")
            self._link.add_data(channel, payload[start : start + self._link.max_data_bytes])
            self._wake.set()
            await self._until(lambda: self._link.tx.unacked_bytes <= WINDOW_BYTES)

    async def resize(self, rows: int, cols: int) -> None:
        """Gives the size of the window, in character cells."""
        await self._event(pb.Event(resize=pb.Resize(rows=rows, cols=cols)))

    async def signal(self, name: str) -> None:
        """Signals the program of the panel; `name` as in "SIGINT"."""
        await self._event(pb.Event(signal=pb.Signal(name=name)))

    async def send(self, name: str, payload: bytes = b"") -> None:
        """Sends an event of the panel, at most 4 KiB."""
        await self._event(pb.Event(panel=pb.PanelEvent(name=name, payload=payload)))

    async def _event(self, event: pb.Event) -> None:
        self._must_go_on()
        self._link.add_event(event)
        self._wake.set()

    async def end(self) -> None:
        """Ends the data of this direction. What that means is the panel's: a program on pipes reads the end of its input."""
        self._must_go_on()
        self._link.add_fin()
        self._wake.set()

    async def flush(self) -> None:
        """Waits until the worker has acknowledged everything. Raises where the session is over before."""
        await self._until(lambda: self._link.tx.unacked_frames == 0)
        if self._link.tx.unacked_frames > 0:
            self._must_go_on()

    # Leaving.

    async def detach(self) -> ResumeState:
        """Waits until everything that was written is acknowledged, says how far this client has read, and leaves.

        What had come by then can still be iterated over; what follows is for whoever resumes. The session is kept, 15 minutes by
        default. Where nobody answers for 30 s it leaves all the same: what was not acknowledged then comes again."""
        await self.flush()
        self._link.leave()
        self._wake.set()
        await asyncio.wait({self._running}, timeout=self._opening_seconds)
        await self.close()
        return self.state()

    async def terminate(self) -> None:
        """Ends the session for good. Raises PaneletError where the node refuses or cannot be reached in time."""
        if self._is_over and self._failure is None:
            return
        self._is_ended_here = True
        backoff, started = Backoff(lambda most: random.uniform(0, most)), time.monotonic()
        while True:
            try:
                await end_session(self._endpoint, self.id, CALL_SECONDS)
                break
            except PaneletError as error:
                outcome = verdict(error, True, self.node)
                if outcome is Verdict.OVER:
                    break
                wait = backoff.after(error, time.monotonic())
                if outcome is Verdict.STOP or time.monotonic() + wait - started > self._opening_seconds:
                    raise
                await asyncio.sleep(wait)
        await self.close()

    async def close(self) -> None:
        """Drops the attachment without a word, as a cut does. The session is kept."""
        self._running.cancel()
        await asyncio.wait({self._running})

    async def opened(self) -> None:
        """Waits for the first welcome. Raises where there is none."""
        await self._until(lambda: self._was_attached)
        if not self._was_attached:
            self._must_go_on()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Reading.

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while not self._items:
            if self._is_over:
                if self._failure is not None:
                    raise self._failure
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        item, size, receiver = self._items.popleft()
        self._link.consume(receiver, size, time.monotonic())
        self._wake.set()
        return item

    def _deliver(self, item: Item, size: int) -> None:
        self._items.append((item, size, self._link.rx))
        self._arrived.set()

    # Attachments.

    async def _run(self) -> None:
        try:
            await self._attach_until_over()
        except Exception as error:
            self._failure = error

    def _on_over(self, _running: asyncio.Task[None]) -> None:
        self._is_over, self._attached = True, False
        self._heard.set()
        self._arrived.set()

    async def _attach_until_over(self) -> None:
        backoff = Backoff(lambda most: random.uniform(0, most))
        lost_at = time.monotonic()
        while True:
            attachment = Attachment(self._endpoint, self._link, self._wake, self._on_message)
            error: PaneletError | None = None
            try:
                await attachment.run()
            except PaneletError as failure:
                error = failure
            self._attached = False
            now = time.monotonic()
            if self._is_last(error):
                return
            # Said of this attachment's end, and of none that follows.
            ready, self._link.ready = self._link.ready, None
            is_planned = ready is not None and (error is None or not error.reason)
            self._watch(Cut(attachment.welcomed_at is not None, None if is_planned else error))
            if attachment.welcomed_at is not None:
                backoff.lived(now - attachment.welcomed_at)
                lost_at = now
            if ready is not None:
                backoff.ready(now)
                wait = ready.retry_after.ToTimedelta().total_seconds()
            else:
                wait = backoff.after(error, now)
            if now + wait - lost_at > (self._link.kept_seconds or self._opening_seconds):
                raise error or lost_transport("could not attach again in time")
            await asyncio.sleep(wait)

    def _on_message(self) -> None:
        self._attached = self._was_attached = True
        self._heard.set()

    def _is_last(self, error: PaneletError | None) -> bool:
        """True when the session is over as it should be. Raises where it is over otherwise."""
        detach = self._link.detach
        if detach is not None:
            if detach.reason == pb.DETACH_REASON_ENDED:
                self._must_have_finished(detach)
                return True
            if detach.reason == pb.DETACH_REASON_REVOKED:
                raise PaneletError("PERMISSION_DENIED", detach.message, "REVOKED", self.node)
            if detach.reason == pb.DETACH_REASON_SUPERSEDED and not self._link.is_own(detach.attach_nonce):
                raise PaneletError("ABORTED", detach.message or "somebody newer has the session", "ATTACH_SUPERSEDED")
        if error is None:
            return self._link.has_left
        outcome = verdict(error, self._was_attached, self.node)
        if outcome is Verdict.OVER and (self._link.peer_fin or self._is_ended_here):
            return True
        if outcome is not Verdict.AGAIN:
            raise error
        return False

    def _must_have_finished(self, detach: pb.Detach) -> None:
        cause = pb.EndCause.Name(detach.cause).removeprefix("END_CAUSE_")
        if cause not in ("FINISHED", "UNSPECIFIED") and not self._is_ended_here:
            raise PaneletError("FAILED_PRECONDITION", f"{cause}: {detach.message}", "SESSION_ENDED", self.node)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Resolves when a condition holds, or the session is over."""
        while not (condition() or self._is_over):
            self._heard.clear()
            await self._heard.wait()

    def _must_go_on(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._is_over:
            raise PaneletError("FAILED_PRECONDITION", "the session is over here", "SESSION_ENDED", self.node)
