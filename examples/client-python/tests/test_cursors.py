"""Numbers, acknowledgements, credit and replay."""

import random

import pytest

from panelet_client.cursors import Numbered, Receiver, Sender
from panelet_client.errors import PaneletError


def sender(*sizes: int, credit: int = 1000) -> Sender[str]:
    made = Sender[str]()
    made.take_credit(credit)
    for size in sizes:
        made.add("x" * size, size)
    return made


def numbers(frames: list[Numbered[str]]) -> list[int]:
    return [frame.seq for frame in frames]


def test_numbers_from_one_and_sends_each_frame_once() -> None:
    tx = sender(10, 20)
    assert numbers(tx.pull(1000)) == [1, 2]
    assert tx.pull(1000) == []


def test_keeps_until_acknowledged() -> None:
    tx = sender(10, 20, 30)
    tx.pull(1000)
    tx.take_ack(2)
    assert (tx.base, tx.unacked_bytes, tx.unacked_frames) == (3, 30, 1)


def test_ignores_an_older_acknowledgement() -> None:
    tx = sender(10, 20)
    tx.pull(1000)
    tx.take_ack(2)
    tx.take_ack(1)
    assert tx.base == 3


def test_refuses_an_acknowledgement_of_what_was_not_sent() -> None:
    tx = sender(10)
    with pytest.raises(PaneletError):
        tx.take_ack(1)


def test_stops_at_the_credit_and_goes_on_when_it_rises() -> None:
    tx = sender(10, 10, 10, credit=25)
    assert numbers(tx.pull(1000)) == [1, 2]
    tx.take_credit(20)
    assert tx.pull(1000) == []
    tx.take_credit(30)
    assert numbers(tx.pull(1000)) == [3]


def test_needs_no_credit_for_events_but_keeps_their_place() -> None:
    tx = sender(10, credit=10)
    tx.add("event")
    tx.add("x", 1)
    tx.add("event")
    assert numbers(tx.pull(1000)) == [1, 2]


def test_fills_messages_up_to_their_size() -> None:
    tx = sender(10, 10, 10)
    assert numbers(tx.pull(20)) == [1, 2]
    assert numbers(tx.pull(1)) == [3]


def test_replays_from_what_the_peer_expects() -> None:
    tx = sender(10, 20, 30)
    tx.pull(1000)
    tx.take_ack(1)
    tx.resume(3)
    assert numbers(tx.pull(1000)) == [3]
    tx.add("y", 1)
    tx.resume(3)
    assert numbers(tx.pull(1000)) == [3, 4]


def test_refuses_to_replay_what_it_let_go_or_never_had() -> None:
    tx = sender(10, 20)
    tx.pull(1000)
    tx.take_ack(1)
    for peer_next in (1, 4):
        with pytest.raises(PaneletError):
            tx.resume(peer_next)


def test_takes_the_next_and_drops_a_duplicate() -> None:
    rx = Receiver(100)
    assert rx.accept(1, 10)
    assert not rx.accept(1, 10)
    assert (rx.next, rx.ack, rx.data_bytes, rx.duplicates) == (2, 1, 10, 1)


def test_refuses_a_gap() -> None:
    with pytest.raises(PaneletError):
        Receiver(100).accept(2, 10)


def test_gives_credit_for_what_is_consumed() -> None:
    rx = Receiver(100)
    rx.accept(1, 30)
    assert rx.credit == 100
    rx.consume(30)
    assert rx.credit == 130


def test_skips_what_a_snapshot_covers_and_never_goes_back() -> None:
    rx = Receiver(100)
    rx.skip(5, 50)
    assert rx.accept(6, 1)
    rx.skip(3, 30)
    assert (rx.next, rx.data_bytes) == (7, 51)


def test_arrives_once_and_in_order_however_often_the_line_is_cut() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        tx, rx, got = Sender[int](), Receiver(50), []
        tx.take_credit(rx.credit)
        for number in range(60):
            tx.add(number, rng.choice([0, 1, 7]))
        while tx.unacked_frames:
            batch = tx.pull(rng.randint(1, 20))
            arrived = batch[: rng.randint(0, len(batch))] if rng.random() < 0.4 else batch
            taken = [frame for frame in arrived if rx.accept(frame.seq, frame.size)]
            got += [frame.content for frame in taken]
            rx.consume(sum(frame.size for frame in taken))
            if arrived != batch or rng.random() < 0.1:
                tx.resume(rx.next)
            elif rng.random() < 0.5:
                tx.take_ack(rx.ack)
            tx.take_credit(rx.credit)
        assert got == list(range(60)), f"seed {seed}"


def test_holds_back_events_beyond_the_limit_until_they_are_acknowledged() -> None:
    tx = Sender[str](max_unacked_events=2)
    for number in range(4):
        tx.add(str(number), is_event=True)
    assert [frame.seq for frame in tx.pull(1000)] == [1, 2]
    tx.take_ack(1)
    assert [frame.seq for frame in tx.pull(1000)] == [3]
    tx.resume(2)
    assert [frame.seq for frame in tx.pull(1000)] == [2, 3]


def test_starts_over_with_what_the_peer_never_heard_of() -> None:
    tx = sender(10, 20, 30)
    tx.pull(1000)
    fresh = tx.start_over(3)
    fresh.take_credit(30)
    assert [(frame.seq, frame.size, frame.end) for frame in fresh.pull(1000)] == [(1, 30, 30)]
