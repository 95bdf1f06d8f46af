"""python3 -B -m unittest, in this directory. Needs nothing but Python."""

import random
import unittest

from cursors import ProtocolError, Receiver, Sender


def sender(*sizes: int, credit: int = 1000) -> Sender:
    made = Sender()
    made.take_credit(credit)
    for size in sizes:
        made.add("x" * size, size)
    return made


def numbers(frames) -> list[int]:
    return [frame.seq for frame in frames]


class SenderTest(unittest.TestCase):
    def test_numbers_from_one_and_sends_each_frame_once(self):
        tx = sender(10, 20)
        self.assertEqual(numbers(tx.pull(1000)), [1, 2])
        self.assertEqual(tx.pull(1000), [])

    def test_keeps_until_acknowledged(self):
        tx = sender(10, 20, 30)
        tx.pull(1000)
        tx.take_ack(2)
        self.assertEqual((tx.base, tx.unacked_bytes, tx.unacked_frames), (3, 30, 1))

    def test_ignores_an_older_acknowledgement(self):
        tx = sender(10, 20)
        tx.pull(1000)
        tx.take_ack(2)
        tx.take_ack(1)
        self.assertEqual(tx.base, 3)

    def test_refuses_an_acknowledgement_of_what_was_not_sent(self):
        tx = sender(10)
        with self.assertRaises(ProtocolError):
            tx.take_ack(1)

    def test_stops_at_the_credit_and_goes_on_when_it_rises(self):
        tx = sender(10, 10, 10, credit=25)
        self.assertEqual(numbers(tx.pull(1000)), [1, 2])
        tx.take_credit(20)
        self.assertEqual(tx.pull(1000), [])
        tx.take_credit(30)
        self.assertEqual(numbers(tx.pull(1000)), [3])

    def test_needs_no_credit_for_events_but_keeps_their_place(self):
        tx = sender(10, credit=10)
        tx.add("event")
        tx.add("x", 1)
        tx.add("event")
        self.assertEqual(numbers(tx.pull(1000)), [1, 2])

    def test_fills_messages_up_to_their_size(self):
        tx = sender(10, 10, 10)
        self.assertEqual(numbers(tx.pull(20)), [1, 2])
        self.assertEqual(numbers(tx.pull(1)), [3])

    def test_replays_from_what_the_peer_expects(self):
        tx = sender(10, 20, 30)
        tx.pull(1000)
        tx.take_ack(1)
        tx.resume(3)
        self.assertEqual(numbers(tx.pull(1000)), [3])
        tx.add("y", 1)
        tx.resume(3)
        self.assertEqual(numbers(tx.pull(1000)), [3, 4])

    def test_refuses_to_replay_what_it_let_go_or_never_had(self):
        tx = sender(10, 20)
        tx.pull(1000)
        tx.take_ack(1)
        for peer_next in (1, 4):
            with self.assertRaises(ProtocolError):
                tx.resume(peer_next)


class ReceiverTest(unittest.TestCase):
    def test_takes_the_next_and_drops_a_duplicate(self):
        rx = Receiver(100)
        self.assertTrue(rx.accept(1, 10))
        self.assertFalse(rx.accept(1, 10))
        self.assertEqual((rx.next, rx.ack, rx.data_bytes, rx.duplicates), (2, 1, 10, 1))

    def test_refuses_a_gap(self):
        with self.assertRaises(ProtocolError):
            Receiver(100).accept(2, 10)

    def test_gives_credit_for_what_is_consumed(self):
        rx = Receiver(100)
        rx.accept(1, 30)
        self.assertEqual(rx.credit, 130)

    def test_skips_what_a_snapshot_covers_and_never_goes_back(self):
        rx = Receiver(100)
        rx.skip(5, 50)
        self.assertTrue(rx.accept(6, 1))
        rx.skip(3, 30)
        self.assertEqual((rx.next, rx.data_bytes), (7, 51))


class BothTest(unittest.TestCase):
    def test_arrives_once_and_in_order_however_often_the_line_is_cut(self):
        for seed in range(200):
            rng = random.Random(seed)
            tx, rx, got = Sender(), Receiver(50), []
            tx.take_credit(rx.credit)
            for number in range(60):
                tx.add(number, rng.choice([0, 1, 7]))
            while tx.unacked_frames:
                batch = tx.pull(rng.randint(1, 20))
                arrived = batch[: rng.randint(0, len(batch))] if rng.random() < 0.4 else batch
                got += [frame.content for frame in arrived if rx.accept(frame.seq, frame.size)]
                if arrived != batch or rng.random() < 0.1:
                    tx.resume(rx.next)
                elif rng.random() < 0.5:
                    tx.take_ack(rx.ack)
                tx.take_credit(rx.credit)
            self.assertEqual(got, list(range(60)), f"seed {seed}")


if __name__ == "__main__":
    unittest.main()
