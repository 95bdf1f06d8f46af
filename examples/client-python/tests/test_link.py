"""What a session says, and what it makes of what it hears, without a transport."""

import pytest

from panelet_client import Change, Channel, Data, Draining, Item, Lost, PaneletError, PanelEvent, Snapshot
from panelet_client import session_pb2 as pb
from panelet_client.link import WINDOW_BYTES, Link


class Ends:
    """A link, and what came out of it."""

    def __init__(self, token: bytes = b"") -> None:
        self.items: list[Item] = []
        self.changes: list[Change] = []
        self.link = Link("echo", {"a": "b"}, "id", token, lambda item, size: self.items.append(item), self.changes.append)

    def hello(self) -> pb.Hello:
        return self.link.hello().frames[0].hello

    def welcome(self, outcome: str = "NEW", *behind: pb.Frame, ack: int = 0, credit: int = 1000, **fields: object) -> None:
        values: dict[str, object] = {"resume_token": b"t1", "incarnation": 1, "next_rx": 1, "tx_base": 1, "tx_next": 1}
        welcome = pb.Welcome(outcome=pb.ResumeOutcome.Value(f"RESUME_OUTCOME_{outcome}"), **{**values, **fields})  # type: ignore[arg-type]
        self.link.take_welcome(pb.Frames(ack=ack, credit=credit, frames=[pb.Frame(welcome=welcome), *behind]), 0)

    def take(self, *frames: pb.Frame, ack: int = 0) -> None:
        self.link.take(pb.Frames(ack=ack, frames=frames), 0)

    def sent(self, now: float = 0) -> list[int]:
        message = self.link.outgoing(now)
        return [] if message is None else [frame.seq for frame in message.frames]


def opened() -> Ends:
    ends = Ends()
    ends.hello()
    ends.welcome()
    return ends


def data(seq: int, payload: bytes = b"x") -> pb.Frame:
    return pb.Frame(seq=seq, data=pb.Data(channel=pb.CHANNEL_STDOUT, payload=payload))


def test_opens_and_then_resumes_with_its_cursors_and_the_newest_token() -> None:
    ends = Ends()
    first = ends.hello()
    assert (first.mode, dict(first.parameters), first.incarnation) == (pb.ATTACH_MODE_OPEN, {"a": "b"}, 0)
    ends.welcome(resume_token=b"newest", incarnation=7)
    ends.link.add_data(Channel.STDIN, b"1")
    ends.link.add_data(Channel.STDIN, b"2")
    ends.sent()
    ends.take(data(1), ack=1)
    again = ends.hello()
    assert (again.mode, again.resume_token, again.incarnation) == (pb.ATTACH_MODE_RESUME, b"newest", 7)
    assert (again.next_rx, again.tx_base, again.tx_next) == (2, 2, 3)
    assert (again.client_id, again.session_id) == (first.client_id, first.session_id)
    assert again.attach_nonce != first.attach_nonce
    assert not again.parameters and not again.takeover


def test_sends_again_from_where_the_worker_expects() -> None:
    ends = opened()
    for payload in (b"1", b"2", b"3"):
        ends.link.add_data(Channel.STDIN, payload)
    assert ends.sent() == [1, 2, 3]
    ends.hello()
    ends.welcome("EXACT", next_rx=2)
    assert ends.sent() == [2, 3]


def test_gives_up_where_the_worker_expects_what_is_not_there() -> None:
    ends = opened()
    ends.hello()
    with pytest.raises(PaneletError, match="SESSION_LOST"):
        ends.welcome("EXACT", next_rx=2)


def test_delivers_once_and_in_order() -> None:
    ends = opened()
    event = pb.Frame(seq=3, event=pb.Event(panel=pb.PanelEvent(name="n", payload=b"p")))
    ends.take(data(1, b"a"), data(2, b"b"), event)
    ends.take(data(2, b"b"))
    assert ends.items == [Data(Channel.STDOUT, b"a"), Data(Channel.STDOUT, b"b"), PanelEvent("n", b"p")]
    assert ends.link.duplicates == 1
    with pytest.raises(PaneletError):
        ends.take(data(5))


def test_acknowledges_within_25_ms_and_at_once_on_freeze_and_fin() -> None:
    for frame in (pb.Frame(drain=pb.Drain(phase=pb.DRAIN_PHASE_FREEZE)), pb.Frame(seq=2, fin=pb.Fin())):
        ends = opened()
        ends.take(data(1))
        assert ends.link.outgoing(0) is None
        assert 0 < (ends.link.seconds_to_ack(0) or 0) <= 0.025
        ends.take(frame)
        message = ends.link.outgoing(0)
        assert message is not None and message.ack == ends.link.rx.ack


def test_gives_credit_for_what_was_read_alone() -> None:
    ends = opened()
    ends.take(data(1, b"x" * 65536))
    message = ends.link.outgoing(1)
    assert message is not None and message.credit == WINDOW_BYTES
    ends.link.consume(ends.link.rx, 65536, 1)
    message = ends.link.outgoing(1)
    assert message is not None and message.credit == WINDOW_BYTES + 65536


def test_starts_over_after_a_rollback_and_says_what_is_lost() -> None:
    ends = opened()
    ends.link.add_data(Channel.STDIN, b"lost")
    ends.link.add_fin()
    ends.take(data(1))
    ends.sent()
    ends.hello()
    ends.link.add_data(Channel.STDIN, b"written since")
    before = ends.link.rx
    reset = pb.Reset(direction=pb.DIRECTION_INPUT, from_seq=1, through_seq=2, incarnation=1, code="WORKER_CRASHED")
    ends.welcome("ROLLED_BACK", pb.Frame(reset=reset), incarnation=2)
    assert ends.items[-1] == Lost("INPUT", 1, 2, 1, "WORKER_CRASHED", "")
    message = ends.link.outgoing(0)
    assert message is not None and (message.ack, message.credit) == (0, WINDOW_BYTES)
    assert [(frame.seq, frame.data.payload) for frame in message.frames] == [(1, b"written since")]
    assert not ends.link.has_fin
    # What was read of the incarnation before is no credit of this one.
    ends.link.consume(before, 1, 0)
    assert ends.link.rx.credit == WINDOW_BYTES


def test_takes_over_where_the_client_before_was() -> None:
    ends = Ends(token=b"of another")
    hello = ends.hello()
    assert hello.takeover and (hello.incarnation, hello.next_rx, hello.tx_base, hello.tx_next) == (0, 1, 1, 1)
    fields = {"next_rx": 5, "rx_data_bytes": 990, "tx_base": 8, "tx_data_bytes": 70}
    ends.welcome("EXACT", credit=1000, incarnation=3, **fields)
    ends.link.add_data(Channel.STDIN, b"x" * 10)
    ends.link.add_data(Channel.STDIN, b"beyond the credit")
    message = ends.link.outgoing(0)
    assert message is not None and (message.ack, message.credit) == (7, 70 + WINDOW_BYTES)
    assert [frame.seq for frame in message.frames] == [5]
    ends.take(data(8))
    assert len(ends.items) == 1 and not ends.hello().takeover


def test_puts_a_snapshot_together() -> None:
    ends = Ends(token=b"of another")
    ends.hello()
    ends.welcome("EXACT", tx_base=1)
    for chunk, last in ((b"sc", False), (b"reen", True)):
        ends.take(pb.Frame(snapshot=pb.Snapshot(through_seq=9, data_bytes=90, content_type="t", chunk=chunk, last=last)))
    assert ends.items == [Snapshot("t", b"screen")]
    assert (ends.link.rx.next, ends.link.rx.credit) == (10, 90 + WINDOW_BYTES)


def test_answers_a_ping_and_refuses_what_it_cannot_number() -> None:
    ends = opened()
    ends.take(pb.Frame(ping=pb.Ping(nonce=3)))
    message = ends.link.outgoing(0)
    assert message is not None and message.frames[0].pong.nonce == 3
    ends.take(pb.Frame())
    with pytest.raises(PaneletError):
        ends.take(pb.Frame(seq=1))


def test_forgets_a_ready_that_is_called_off() -> None:
    ends = opened()
    ends.take(pb.Frame(drain=pb.Drain(phase=pb.DRAIN_PHASE_READY)))
    assert ends.link.ready is not None
    ends.take(pb.Frame(drain=pb.Drain(phase=pb.DRAIN_PHASE_CANCELLED)))
    assert ends.link.ready is None
    assert [change.phase for change in ends.changes if isinstance(change, Draining)] == ["READY", "CANCELLED"]


def test_leaves_once_everything_is_acknowledged_and_takes_nothing_that_comes_behind() -> None:
    ends = opened()
    ends.link.add_data(Channel.STDIN, b"1")
    ends.link.leave()
    assert ends.sent() == [1] and not ends.link.has_left
    ends.take(data(1), ack=1)
    message = ends.link.outgoing(0)
    assert message is not None and ends.link.has_left
    assert [frame.detach.reason for frame in message.frames] == [pb.DETACH_REASON_LEAVING]
    assert message.ack == 1
    # The worker sent this before it heard of it: whoever resumes gets it again.
    ends.take(data(2))
    assert len(ends.items) == 1
    assert ends.link.outgoing(1) is None


def test_says_again_that_it_leaves_where_the_attachment_was_cut_over_it() -> None:
    ends = opened()
    ends.link.leave()
    assert ends.sent() == [0]
    assert ends.hello().next_rx == 1 and not ends.link.has_left
    ends.welcome("EXACT", data(1))
    assert len(ends.items) == 1
    message = ends.link.outgoing(0)
    assert message is not None and message.ack == 1 and message.frames[0].WhichOneof("kind") == "detach"
