"""One session of panelet.session.v1, held over as many attachments as it takes.

Follows docs/reference/session-protocol.md and the comments of session.proto, nothing else.
"""

import asyncio
import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Callable

import grpc

from cursors import ProtocolError, Receiver, Sender
from rpc import CallFailed, Endpoint, failed, trailers_of

WINDOW_BYTES = 256 * 1024
COALESCE_BYTES = 32 * 1024
MAX_DATA_BYTES = 64 * 1024
ACK_SECONDS = 0.02
WELCOME_SECONDS = 15
GOODBYE_SECONDS = 5
BACKOFF_FIRST, BACKOFF_MOST = 0.05, 5.0


@dataclass
class Options:
    panel: str
    parameters: dict[str, str] = field(default_factory=dict)
    # How long to try before there is a session; afterwards the worker's resume_ttl counts.
    open_seconds: float = 30
    capabilities: tuple[str, ...] = ()


class Session:
    """`run` attaches until the session has ended; `write`, `event` and `fin` may be called at any time meanwhile."""

    def __init__(self, pb: Any, endpoint: Endpoint, options: Options, log: Callable[[str], None]) -> None:
        self._pb, self._grpc = pb.session, pb.session_grpc
        self._endpoint, self._options, self._log = endpoint, options, log
        self.id = str(uuid.uuid4())
        self._client_id = str(uuid.uuid4())
        self._token, self._incarnation, self._epoch = b"", 0, 0
        self._resume_seconds = options.open_seconds
        self._tx, self._rx = Sender(), Receiver(WINDOW_BYTES)
        self._dropped_before = 0
        self._wake, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._ack_due: float | None = None
        self._acked_bytes = 0
        self._unnumbered: list[Any] = []
        self._ready: Any = None
        self._call: Any = None
        self._lost_at = time.monotonic()
        self._peer_fin = False
        self._snapshot: list[bytes] = []
        self._own_fin = False
        self.attached = False
        self.finished = False
        self.attachments: list[dict] = []
        self.attempts_failed: list[dict] = []
        self.drains: list[dict] = []
        self.resets: list[dict] = []
        self.gaps_ms: list[float] = []
        self.on_data: Callable[[int, bytes], None] = lambda channel, payload: None
        self.on_event: Callable[[Any], None] = lambda event: None
        self.on_attached: Callable[[dict], None] = lambda attachment: None
        self.on_snapshot: Callable[[bytes], None] = lambda content: None

    # What the caller writes.

    @property
    def unacked_bytes(self) -> int:
        return self._tx.unacked_bytes

    @property
    def duplicates_dropped(self) -> int:
        return self._dropped_before + self._rx.duplicates

    async def write(self, payload: bytes) -> None:
        """Numbers bytes of standard input; waits while much is unacknowledged."""
        for start in range(0, len(payload), MAX_DATA_BYTES):
            piece = payload[start : start + MAX_DATA_BYTES]
            data = self._pb.Data(channel=self._pb.CHANNEL_STDIN, payload=piece)
            self._number(size=len(piece), data=data)
        while self._tx.unacked_bytes > WINDOW_BYTES and not self.finished:
            self._room.clear()
            await self._room.wait()

    def panel_event(self, name: str, payload: bytes = b"") -> None:
        self._number(event=self._pb.Event(panel=self._pb.PanelEvent(name=name, payload=payload)))

    def fin(self) -> None:
        if not self._own_fin:
            self._own_fin = True
            self._number(fin=self._pb.Fin())

    def _number(self, size: int = 0, **kind: Any) -> None:
        self._tx.add(self._pb.Frame(seq=self._tx.next_seq, **kind), size)
        self._wake.set()

    # Attachments.

    async def run(self) -> None:
        """Returns when the session has ended. Raises CallFailed or ProtocolError when it cannot go on."""
        tries = 0
        while True:
            count, failure, self._ready = len(self.attachments), None, None
            try:
                await self._attach_once()
            except CallFailed as error:
                elsewhere = error.is_of_another_node(self.attachments[-1]["node"] if self.attachments else "")
                over = self._peer_fin and not elsewhere and error.reason in ("SESSION_ENDED", "SESSION_UNKNOWN")
                passing = error.is_lost_transport or error.is_passing_limit(bool(self.attachments))
                if not (self.finished or over or elsewhere or passing):
                    raise
                self.finished = self.finished or over
                failure = error
            if self.finished:
                return
            tries = 0 if len(self.attachments) > count else tries + 1
            wait = self._delay(tries, failure)
            if time.monotonic() + wait - self._lost_at > self._resume_seconds:
                raise failure or CallFailed(grpc.StatusCode.UNAVAILABLE, "could not attach again in time", {})
            await asyncio.sleep(wait)

    def _delay(self, tries: int, failure: CallFailed | None) -> float:
        if self._ready is not None:
            return self._ready.retry_after.ToTimedelta().total_seconds()
        if failure:
            self._count(failure)
            self._log(f"not attached: {failure}")
        ceiling = min(BACKOFF_MOST, BACKOFF_FIRST * 2 ** min(tries, 20))
        return max(random.uniform(0, ceiling), failure.retry_after if failure else 0)

    def _count(self, failure: CallFailed) -> None:
        """One row for attempts that failed the same way one after another."""
        said = failure.as_json()
        last = self.attempts_failed[-1] if self.attempts_failed else {}
        if said.items() <= last.items():
            last["times"] += 1
        else:
            self.attempts_failed.append({"at": time.time(), "times": 1, **said})

    async def _attach_once(self) -> None:
        channel = await self._endpoint.connect()
        try:
            self._call = call = self._grpc.SessionServiceStub(channel).Attach(metadata=self._endpoint.metadata())
            try:
                await call.write(self._envelope([self._hello()]))
                message = await asyncio.wait_for(call.read(), WELCOME_SECONDS)
                if message is grpc.aio.EOF:
                    await self._end_of(call)
                    return
                self._welcome(message)
                await self._pump(call)
                await self._end_of(call)
            except asyncio.TimeoutError:
                raise CallFailed(grpc.StatusCode.UNAVAILABLE, "no answer to hello", {}) from None
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
                if isinstance(error, grpc.aio.AioRpcError):
                    raise failed(error) from None
                await self._end_of(call)
            except asyncio.CancelledError:
                if not self.finished:
                    raise
            finally:
                self.attached = False
                call.cancel()
        finally:
            await channel.close()

    async def _end_of(self, call: Any) -> None:
        """Raises unless the RPC ended with OK."""
        code = await call.code()
        if code is not grpc.StatusCode.OK:
            raise CallFailed(code, await call.details() or "", trailers_of(await call.trailing_metadata()))

    async def _pump(self, call: Any) -> None:
        """Sends and receives until the worker ends the RPC or there is nothing left to do."""
        sending = asyncio.create_task(self._send(call))
        try:
            while (message := await call.read()) is not grpc.aio.EOF:
                self._receive(message)
        finally:
            self._lost_at = time.monotonic()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, call: Any) -> None:
        while True:
            frames = [numbered.content for numbered in self._tx.pull(COALESCE_BYTES)]
            due = self._ack_due is not None and self._ack_due <= time.monotonic()
            if frames or due or self._unnumbered:
                frames = self._unnumbered + frames
                self._unnumbered, self._ack_due = [], None
                self._acked_bytes = self._rx.data_bytes
                await call.write(self._envelope(frames))
                continue
            self._wake.clear()
            wait = None if self._ack_due is None else max(0, self._ack_due - time.monotonic())
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except asyncio.TimeoutError:
                pass

    def _envelope(self, frames: list[Any]) -> Any:
        return self._pb.Frames(ack=self._rx.ack, credit=self._rx.credit, frames=frames)

    # What frames mean.

    def _hello(self) -> Any:
        resuming = bool(self._token)
        return self._pb.Frame(
            hello=self._pb.Hello(
                versions=[1],
                capabilities=self._options.capabilities,
                panel=self._options.panel,
                session_id=self.id,
                client_id=self._client_id,
                mode=self._pb.ATTACH_MODE_RESUME if resuming else self._pb.ATTACH_MODE_OPEN,
                attach_nonce=str(uuid.uuid4()),
                resume_token=self._token,
                incarnation=self._incarnation,
                next_rx=self._rx.next,
                tx_base=self._tx.base,
                tx_next=self._tx.next_seq,
                parameters={} if resuming else self._options.parameters,
            )
        )

    def _welcome(self, message: Any) -> None:
        pb = self._pb
        if not message.frames or message.frames[0].WhichOneof("kind") != "welcome":
            raise ProtocolError("the first frame of the worker is not a welcome")
        welcome = message.frames[0].welcome
        if welcome.incarnation < self._incarnation or (
            welcome.incarnation == self._incarnation and welcome.attach_epoch <= self._epoch
        ):
            raise ProtocolError(f"epoch {welcome.attach_epoch} of incarnation {welcome.incarnation} does not rise")
        outcome = pb.ResumeOutcome.Name(welcome.outcome).removeprefix("RESUME_OUTCOME_")
        if welcome.outcome == pb.RESUME_OUTCOME_ROLLED_BACK:
            self._start_over()
        self._token, self._incarnation, self._epoch = welcome.resume_token, welcome.incarnation, welcome.attach_epoch
        self._resume_seconds = welcome.resume_ttl.ToTimedelta().total_seconds()
        self._tx.resume(welcome.next_rx)
        gap_ms = round((time.monotonic() - self._lost_at) * 1000, 1)
        if self.attachments:
            self.gaps_ms.append(gap_ms)
        attachment = {
            "at": time.time(),
            "node": welcome.node,
            "outcome": outcome,
            "incarnation": welcome.incarnation,
            "epoch": welcome.attach_epoch,
            "gap_ms": gap_ms if self.attachments else None,
        }
        self.attachments.append(attachment)
        self.attached, self._unnumbered = True, []
        self._log(f"attached: {attachment}")
        self._receive(message)
        self.on_attached(attachment)
        self._wake.set()

    def _start_over(self) -> None:
        """Numbering starts again in the new incarnation; what was not acknowledged is what the resets speak of."""
        self._dropped_before += self._rx.duplicates
        self._tx, self._rx = Sender(), Receiver(WINDOW_BYTES)
        self._acked_bytes = 0
        if self._own_fin:
            self._own_fin = False
            self.fin()

    def _receive(self, message: Any) -> None:
        self._tx.take_ack(message.ack)
        self._tx.take_credit(message.credit)
        if self._tx.unacked_bytes <= WINDOW_BYTES:
            self._room.set()
        for frame in message.frames:
            self._take(frame)
        self._wake.set()

    def _take(self, frame: Any) -> None:
        kind = frame.WhichOneof("kind")
        if frame.seq:
            self._take_numbered(frame, kind)
        elif kind == "drain":
            self._drain(frame.drain)
        elif kind == "detach":
            self._detach(frame.detach)
        elif kind == "reset":
            self._reset(frame.reset)
        elif kind == "snapshot":
            self._take_snapshot(frame.snapshot)
        elif kind == "ping":
            self._unnumbered.append(self._pb.Frame(pong=self._pb.Pong(nonce=frame.ping.nonce)))

    def _take_numbered(self, frame: Any, kind: str | None) -> None:
        if kind not in ("data", "event", "fin"):
            raise ProtocolError(f"frame {frame.seq} is of a kind that nobody agreed on")
        fresh = self._rx.accept(frame.seq, len(frame.data.payload) if kind == "data" else 0)
        self._acknowledge(at_once=kind == "fin" or self._rx.data_bytes - self._acked_bytes > WINDOW_BYTES // 4)
        if not fresh:
            return
        if kind == "data":
            self.on_data(frame.data.channel, frame.data.payload)
        elif kind == "event":
            self.on_event(frame.event)
        else:
            # The worker ends the RPC once it has the acknowledgement; not for ever do we wait for that.
            self._peer_fin = True
            self.fin()
            asyncio.get_running_loop().call_later(GOODBYE_SECONDS, self._give_up)

    def _acknowledge(self, at_once: bool) -> None:
        due = time.monotonic() + (0 if at_once else ACK_SECONDS)
        self._ack_due = due if self._ack_due is None else min(self._ack_due, due)

    def _drain(self, drain: Any) -> None:
        phase = self._pb.DrainPhase.Name(drain.phase).removeprefix("DRAIN_PHASE_")
        fate = self._pb.SessionFate.Name(drain.fate).removeprefix("SESSION_FATE_")
        said = {"at": time.time(), "phase": phase, "fate": fate, "reason": drain.reason, "node": drain.node}
        self.drains.append(said)
        self._log(f"drain: {said}")
        if phase == "FREEZE":
            self._acknowledge(at_once=True)
        if phase == "READY":
            self._ready = drain

    def _detach(self, detach: Any) -> None:
        if detach.reason == self._pb.DETACH_REASON_SUPERSEDED:
            raise CallFailed(grpc.StatusCode.ABORTED, f"superseded: {detach.message}", {})
        if detach.reason == self._pb.DETACH_REASON_REVOKED:
            raise CallFailed(grpc.StatusCode.PERMISSION_DENIED, f"revoked: {detach.message}", {})
        if detach.reason == self._pb.DETACH_REASON_ENDED:
            self._finish()

    def _finish(self) -> None:
        self.finished = True
        self._room.set()

    def _give_up(self) -> None:
        self._finish()
        self._call.cancel()

    def _reset(self, reset: Any) -> None:
        said = {
            "direction": self._pb.Direction.Name(reset.direction).removeprefix("DIRECTION_"),
            "from_seq": reset.from_seq,
            "through_seq": reset.through_seq,
            "incarnation": reset.incarnation,
            "code": reset.code,
            "message": reset.message,
        }
        self.resets.append(said)
        self._log(f"reset: {said}")

    def _take_snapshot(self, snapshot: Any) -> None:
        self._snapshot.append(snapshot.chunk)
        if snapshot.last:
            content = b"".join(self._snapshot)
            self._snapshot = []
            self._rx.skip(snapshot.through_seq, snapshot.data_bytes)
            self._acknowledge(at_once=True)
            self.on_snapshot(content)
