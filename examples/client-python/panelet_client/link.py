"""One session as its client knows it, over all its attachments: what it says, and what it makes of what it hears.

Knows no transport and no clock: it is given messages and the time, in seconds.
"""

import uuid
from collections.abc import Callable, Mapping

from . import session_pb2 as pb
from .cursors import Receiver, Sender
from .errors import broken_protocol
from .items import Attached, Change, Channel, Data, Item, Snapshot, change_of_drain, item_of_event, item_of_reset

WINDOW_BYTES = 256 * 1024
MESSAGE_BYTES = 32 * 1024
ACK_SECONDS = 0.02


class Link:
    """`deliver` gets what a reader is to have, with the bytes of credit that it is worth; `tell` what happens otherwise."""

    def __init__(
        self,
        panel: str,
        parameters: Mapping[str, str],
        session_id: str,
        token: bytes,
        deliver: Callable[[Item, int], None],
        tell: Callable[[Change], None],
    ) -> None:
        self.panel, self.session_id, self.token = panel, session_id, token
        self._parameters, self._deliver, self._tell = parameters, deliver, tell
        self._client_id = str(uuid.uuid4())
        # A token without an incarnation is that of another client, which has taken its state with it.
        self._takes_over = bool(token)
        self._nonces: set[str] = set()
        self.incarnation = 0
        self.node = ""
        # How long the session is kept without a client, in seconds; 0 before it was welcomed.
        self.kept_seconds = 0.0
        self.max_data_bytes = 64 * 1024
        self.tx = Sender[pb.Frame]()
        self.rx = Receiver(WINDOW_BYTES)
        self.peer_fin = False
        # The last words of an attachment: how it ended, and what for.
        self.detach: pb.Detach | None = None
        self.ready: pb.Drain | None = None
        self._fin_seq: int | None = None
        self._hello_tx_next = 1
        self._ack_due: float | None = None
        self._said_credit = 0
        self._unnumbered: list[pb.Frame] = []
        self._leaves = self._has_left = False
        self._chunks: list[bytes] = []
        self._duplicates_before = 0

    @property
    def duplicates(self) -> int:
        """Frames that came again and were dropped by their number."""
        return self._duplicates_before + self.rx.duplicates

    # What the client says.

    def add_data(self, channel: Channel, payload: bytes) -> None:
        frame = pb.Frame(data=pb.Data(channel=pb.Channel.Name(channel), payload=payload))
        self.tx.add(frame, len(payload))

    def add_event(self, event: pb.Event) -> None:
        self.tx.add(pb.Frame(event=event), is_event=True)

    def add_fin(self) -> None:
        """Ends the data of this direction; a second time it does nothing."""
        if self._fin_seq is None:
            self._fin_seq = self.tx.next_seq
            self.tx.add(pb.Frame(fin=pb.Fin()))

    @property
    def has_fin(self) -> bool:
        return self._fin_seq is not None

    def leave(self) -> None:
        """Says that the client leaves; the worker then ends the RPC. What comes behind is of whoever resumes, who gets it again."""
        self._leaves = True

    @property
    def has_left(self) -> bool:
        """True when this attachment has said that the client leaves, and up to where it has everything."""
        return self._has_left

    def consume(self, rx: Receiver, size: int, now: float) -> None:
        """The reader has taken what was delivered while `rx` was the receiver: it may be of an incarnation before."""
        rx.consume(size)
        if rx is self.rx and rx.credit - self._said_credit >= WINDOW_BYTES // 4:
            self._acknowledge(now)

    def hello(self) -> pb.Frames:
        """The first message of another attachment. What was said over the one before counts no more."""
        self.detach = self.ready = self._ack_due = None
        self._unnumbered, self._chunks = [], []
        self._has_left = False
        nonce = str(uuid.uuid4())
        self._nonces.add(nonce)
        self._hello_tx_next = self.tx.next_seq
        hello = pb.Hello(
            versions=[1],
            panel=self.panel,
            session_id=self.session_id,
            client_id=self._client_id,
            takeover=self._takes_over,
            mode=pb.ATTACH_MODE_RESUME if self.token else pb.ATTACH_MODE_OPEN,
            attach_nonce=nonce,
            resume_token=self.token,
            incarnation=self.incarnation,
            next_rx=self.rx.next,
            tx_base=self.tx.base,
            tx_next=self.tx.next_seq,
            parameters={} if self.token else self._parameters,
        )
        return self._envelope([pb.Frame(hello=hello)])

    def is_own(self, nonce: str) -> bool:
        """True for the nonce of an attachment of this client."""
        return nonce in self._nonces

    def outgoing(self, now: float) -> pb.Frames | None:
        """The next message to send; None when there is nothing to say yet, or no more."""
        if self._has_left:
            return None
        frames = self._unnumbered
        for numbered in self.tx.pull(MESSAGE_BYTES):
            numbered.content.seq = numbered.seq
            frames.append(numbered.content)
        if self._leaves and self.tx.unacked_frames == 0:
            frames.append(pb.Frame(detach=pb.Detach(reason=pb.DETACH_REASON_LEAVING)))
            self._has_left = True
        if not frames and (self._ack_due is None or self._ack_due > now):
            return None
        self._unnumbered, self._ack_due = [], None
        return self._envelope(frames)

    def seconds_to_ack(self, now: float) -> float | None:
        """How long an acknowledgement may still wait for company; None when none is owed."""
        return None if self._ack_due is None or self._has_left else max(0.0, self._ack_due - now)

    def _envelope(self, frames: list[pb.Frame]) -> pb.Frames:
        self._said_credit = self.rx.credit
        return pb.Frames(ack=self.rx.ack, credit=self.rx.credit, frames=frames)

    def _acknowledge(self, due: float) -> None:
        self._ack_due = due if self._ack_due is None else min(self._ack_due, due)

    # What the worker says.

    def take_welcome(self, message: pb.Frames, now: float) -> None:
        """Takes the first message of the worker. Raises where it is none, or where the worker expects what is not there."""
        if not message.frames or message.frames[0].WhichOneof("kind") != "welcome":
            raise broken_protocol("the first frame of the worker is not a welcome")
        welcome = message.frames[0].welcome
        if welcome.outcome == pb.RESUME_OUTCOME_ROLLED_BACK:
            self._start_over(now)
        elif self._takes_over:
            self._take_over(welcome, now)
        self.token, self.incarnation, self.node = welcome.resume_token, welcome.incarnation, welcome.node
        self._takes_over = False
        self.kept_seconds = welcome.resume_ttl.ToTimedelta().total_seconds()
        self.max_data_bytes = welcome.limits.max_data_bytes or self.max_data_bytes
        self.tx.max_unacked_events = welcome.limits.max_unacked_events or self.tx.max_unacked_events
        self.tx.resume(welcome.next_rx)
        outcome = pb.ResumeOutcome.Name(welcome.outcome).removeprefix("RESUME_OUTCOME_")
        self._tell(Attached(welcome.node, outcome, welcome.incarnation))
        self.take(message, now)

    def _start_over(self, now: float) -> None:
        """Numbering starts again at 1; what the Hello spoke of is lost, and Reset frames say so."""
        before = self._hello_tx_next - 1
        if self._fin_seq is not None:
            self._fin_seq = self._fin_seq - before if self._fin_seq > before else None
        self.tx = self.tx.start_over(self._hello_tx_next)
        self._duplicates_before += self.rx.duplicates
        self.rx = Receiver(WINDOW_BYTES)
        self.peer_fin = False
        self._acknowledge(now)

    def _take_over(self, welcome: pb.Welcome, now: float) -> None:
        """Counts on from where the client before was."""
        self.tx = Sender[pb.Frame](welcome.next_rx, welcome.rx_data_bytes)
        self.rx = Receiver(WINDOW_BYTES, welcome.tx_base, welcome.tx_data_bytes)
        self._fin_seq = welcome.next_rx - 1 if welcome.rx_fin else None
        self._acknowledge(now)

    def take(self, message: pb.Frames, now: float) -> None:
        """Takes a message of the worker. Raises where it breaks the protocol."""
        self.tx.take_ack(message.ack)
        self.tx.take_credit(message.credit)
        for frame in message.frames:
            kind = frame.WhichOneof("kind")
            if frame.seq or kind in ("data", "event", "fin"):
                self._take_numbered(frame, kind, now)
            else:
                self._take_unnumbered(frame, kind, now)

    def _take_numbered(self, frame: pb.Frame, kind: str | None, now: float) -> None:
        if self._has_left:
            return
        if kind not in ("data", "event", "fin"):
            raise broken_protocol(f"frame {frame.seq} is of a kind that nobody agreed on")
        size = len(frame.data.payload) if kind == "data" else 0
        fresh = self.rx.accept(frame.seq, size)
        self._acknowledge(now + (0 if kind == "fin" else ACK_SECONDS))
        if not fresh:
            return
        if kind == "fin":
            self.peer_fin = True
        elif kind == "data":
            self._deliver(Data(Channel(frame.data.channel), frame.data.payload), size)
        elif (item := item_of_event(frame.event)) is not None:
            self._deliver(item, 0)

    def _take_unnumbered(self, frame: pb.Frame, kind: str | None, now: float) -> None:
        if kind == "detach":
            self.detach = frame.detach
        elif kind == "drain":
            self._take_drain(frame.drain, now)
        elif kind == "reset":
            self._deliver(item_of_reset(frame.reset), 0)
        elif kind == "snapshot":
            self._take_snapshot(frame.snapshot, now)
        elif kind == "ping":
            self._unnumbered.append(pb.Frame(pong=pb.Pong(nonce=frame.ping.nonce)))

    def _take_drain(self, drain: pb.Drain, now: float) -> None:
        self.ready = drain if drain.phase == pb.DRAIN_PHASE_READY else None
        if drain.phase == pb.DRAIN_PHASE_FREEZE:
            self._acknowledge(now)
        self._tell(change_of_drain(drain))

    def _take_snapshot(self, snapshot: pb.Snapshot, now: float) -> None:
        self._chunks.append(snapshot.chunk)
        if not snapshot.last:
            return
        content, self._chunks = b"".join(self._chunks), []
        self.rx.skip(snapshot.through_seq, snapshot.data_bytes)
        self._acknowledge(now)
        self._deliver(Snapshot(snapshot.content_type, content), 0)
