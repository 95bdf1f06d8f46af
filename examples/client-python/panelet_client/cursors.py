"""The two sequences of a session, as a client keeps them: numbers, acknowledgements, credit, replay.

Knows no transport, no time and no protobuf. Rules R1, R2, R4 and R10 of docs/reference/session-protocol.md.
"""

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from .errors import broken_protocol

Content = TypeVar("Content")


@dataclass(frozen=True)
class Numbered(Generic[Content]):
    """A frame with its number. `end` counts the data bytes of all frames up to and with this one."""

    seq: int
    size: int
    end: int
    content: Content
    is_event: bool = False


class Sender(Generic[Content]):
    """Numbers frames, keeps them until they are acknowledged, and obeys the credit and the limits of the peer."""

    def __init__(self, next_seq: int = 1, sent_bytes: int = 0, max_unacked_events: int = 64) -> None:
        self.next_seq = next_seq
        self.sent_bytes = sent_bytes
        self.max_unacked_events = max_unacked_events
        self.credit = 0
        self.unacked_bytes = 0
        self._kept: deque[Numbered[Content]] = deque()
        self._acked = next_seq - 1
        self._to_send = next_seq
        self._events_out = 0

    @property
    def base(self) -> int:
        """Lowest number that is still held for replay; `next_seq` when none is."""
        return self._kept[0].seq if self._kept else self.next_seq

    @property
    def unacked_frames(self) -> int:
        return len(self._kept)

    def add(self, content: Content, size: int = 0, is_event: bool = False) -> None:
        """Numbers a frame; `size` is the bytes of its data, 0 for an event or fin."""
        self.sent_bytes += size
        self.unacked_bytes += size
        self._kept.append(Numbered(self.next_seq, size, self.sent_bytes, content, is_event))
        self.next_seq += 1

    def take_ack(self, ack: int) -> None:
        """Lets go of what the peer has. An older acknowledgement says nothing new. Raises on one of what was not sent."""
        if ack >= self._to_send and ack > self._acked:
            raise broken_protocol(f"ack {ack} is beyond what was sent, {self._to_send - 1}")
        self._acked = max(self._acked, ack)
        while self._kept and self._kept[0].seq <= self._acked:
            frame = self._kept.popleft()
            self.unacked_bytes -= frame.size
            self._events_out -= frame.is_event

    def take_credit(self, credit: int) -> None:
        """Credit is absolute and never falls."""
        self.credit = max(self.credit, credit)

    def resume(self, peer_next_rx: int) -> None:
        """The next transmission starts at what the peer expects. What is below stays until it is acknowledged.

        Raises SESSION_LOST where the peer expects what is not there."""
        if not self._acked < peer_next_rx <= self.next_seq:
            held = f"{self.base}..{self.next_seq - 1}"
            raise broken_protocol(f"the peer expects {peer_next_rx}, held are {held}", "SESSION_LOST")
        self._to_send = peer_next_rx
        self._events_out = sum(frame.is_event for frame in self._kept if frame.seq < peer_next_rx)

    def start_over(self, from_seq: int) -> "Sender[Content]":
        """A sequence from 1 with the frames that were numbered `from_seq` and higher: the peer never heard of them."""
        fresh = Sender[Content](max_unacked_events=self.max_unacked_events)
        for frame in self._kept:
            if frame.seq >= from_seq:
                fresh.add(frame.content, frame.size, frame.is_event)
        return fresh

    def pull(self, max_bytes: int) -> list[Numbered[Content]]:
        """The frames to send now, in order: about `max_bytes` at most, never more than credit and limits allow."""
        out: list[Numbered[Content]] = []
        size = 0
        for frame in islice(self._kept, self._to_send - self.base, None):
            if frame.size > 0 and frame.end > self.credit:
                break
            if frame.is_event and self._events_out >= self.max_unacked_events:
                break
            if out and size + frame.size > max_bytes:
                break
            out.append(frame)
            size += frame.size
            self._events_out += frame.is_event
            self._to_send = frame.seq + 1
        return out


class Receiver:
    """Accepts the next frame, drops duplicates, refuses gaps, and gives credit as data is consumed."""

    def __init__(self, window: int, next_seq: int = 1, data_bytes: int = 0) -> None:
        self.window = window
        self.next = next_seq
        # Of all frames that have come.
        self.data_bytes = data_bytes
        self.duplicates = 0
        self._waiting = 0

    @property
    def ack(self) -> int:
        return self.next - 1

    @property
    def credit(self) -> int:
        return self.data_bytes - self._waiting + self.window

    def accept(self, seq: int, size: int = 0) -> bool:
        """True when the frame is the next one; False for a duplicate. Raises on a gap."""
        if seq < self.next:
            self.duplicates += 1
            return False
        if seq > self.next:
            raise broken_protocol(f"frame {seq} came where {self.next} was expected")
        self.next += 1
        self.data_bytes += size
        self._waiting += size
        return True

    def consume(self, size: int) -> None:
        """The reader has taken `size` bytes: they are credit again."""
        self._waiting -= size

    def skip(self, through_seq: int, data_bytes: int) -> None:
        """A snapshot covers everything up to `through_seq`."""
        if through_seq >= self.next:
            self.next = through_seq + 1
            self.data_bytes = data_bytes
