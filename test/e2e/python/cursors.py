"""The two sequences of a session, as a client keeps them: numbers, acknowledgements, credit, replay.

Knows no transport, no time and no protobuf. Rules R1, R2, R4 and R10 of docs/reference/session-protocol.md.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any


class ProtocolError(Exception):
    """The peer broke the protocol."""


@dataclass(frozen=True)
class Numbered:
    """A frame with its number. `end` counts the data bytes of all frames up to and with this one."""

    seq: int
    size: int
    end: int
    content: Any


class Sender:
    """Numbers frames, keeps them until they are acknowledged, and obeys the credit of the peer."""

    def __init__(self) -> None:
        self.next_seq = 1
        self.sent_bytes = 0
        self.credit = 0
        self.unacked_bytes = 0
        self._kept: deque[Numbered] = deque()
        self._acked = 0
        self._to_send = 1

    @property
    def base(self) -> int:
        """Lowest number that is still held for replay."""
        return self._kept[0].seq if self._kept else self.next_seq

    @property
    def unacked_frames(self) -> int:
        return len(self._kept)

    def add(self, content: Any, size: int = 0) -> None:
        """Numbers a frame; `size` is the bytes of its data, 0 for an event or fin."""
        self.sent_bytes += size
        self.unacked_bytes += size
        self._kept.append(Numbered(self.next_seq, size, self.sent_bytes, content))
        self.next_seq += 1

    def take_ack(self, ack: int) -> None:
        """Lets go of what the peer has. An older acknowledgement says nothing new."""
        if ack >= self._to_send and ack > self._acked:
            raise ProtocolError(f"ack {ack} is beyond what was sent, {self._to_send - 1}")
        self._acked = max(self._acked, ack)
        while self._kept and self._kept[0].seq <= self._acked:
            self.unacked_bytes -= self._kept.popleft().size

    def take_credit(self, credit: int) -> None:
        """Credit is absolute and never falls."""
        self.credit = max(self.credit, credit)

    def resume(self, peer_next_rx: int) -> None:
        """The next transmission starts at what the peer expects."""
        if not self.base <= peer_next_rx <= self.next_seq:
            raise ProtocolError(f"the peer expects {peer_next_rx}, held are {self.base}..{self.next_seq - 1}")
        self._to_send = peer_next_rx
        self.take_ack(peer_next_rx - 1)

    def pull(self, max_bytes: int) -> list[Numbered]:
        """The frames to send now, in order: at most about `max_bytes`, never more than the credit."""
        out: list[Numbered] = []
        size = 0
        first = self._to_send - self.base
        for index in range(first, len(self._kept)):
            frame = self._kept[index]
            if frame.end > self.credit and frame.size > 0:
                break
            if out and size + frame.size > max_bytes:
                break
            out.append(frame)
            size += frame.size
            self._to_send = frame.seq + 1
        return out


class Receiver:
    """Accepts the next frame, drops duplicates, refuses gaps, and gives credit as data is consumed."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.next = 1
        self.data_bytes = 0
        self.duplicates = 0

    @property
    def ack(self) -> int:
        return self.next - 1

    @property
    def credit(self) -> int:
        """What is consumed at once is credit again at once."""
        return self.data_bytes + self.window

    def accept(self, seq: int, size: int = 0) -> bool:
        """True when the frame is the next one; False for a duplicate."""
        if seq < self.next:
            self.duplicates += 1
            return False
        if seq > self.next:
            raise ProtocolError(f"frame {seq} came where {self.next} was expected")
        self.next += 1
        self.data_bytes += size
        return True

    def skip(self, through_seq: int, data_bytes: int) -> None:
        """A snapshot covers everything up to `through_seq`."""
        if through_seq >= self.next:
            self.next = through_seq + 1
            self.data_bytes = data_bytes
