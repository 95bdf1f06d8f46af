"""python3 -B -m unittest, in this directory. Needs nothing but Python."""

import unittest

from blocks import BlockReader, BlockSource


def read(change) -> BlockReader:
    """Five blocks, changed on their way, in pieces that respect no block."""
    source = BlockSource(32)
    reader = BlockReader(source)
    arrived = b"".join(change([source.next() for _ in range(5)]))
    for start in range(0, len(arrived), 7):
        reader.take(arrived[start : start + 7])
    return reader


def counts(reader: BlockReader) -> tuple[int, int, int, int]:
    return reader.lost, reader.duplicated, reader.reordered, reader.damaged


class BlocksTest(unittest.TestCase):
    def test_finds_nothing_where_all_arrived(self):
        reader = read(lambda blocks: blocks)
        self.assertEqual(counts(reader), (0, 0, 0, 0))
        self.assertEqual(reader.sha256.hexdigest(), reader._source.sha256.hexdigest())

    def test_tells_loss_duplication_order_and_damage_apart(self):
        self.assertEqual(counts(read(lambda b: b[:2] + b[3:])), (1, 0, 0, 0))
        self.assertEqual(counts(read(lambda b: b[:2] + b[1:])), (0, 1, 0, 0))
        self.assertEqual(counts(read(lambda b: [b[1], b[0], *b[2:]])), (0, 0, 1, 0))
        self.assertEqual(counts(read(lambda b: [*b[:4], b[4][:-1] + bytes([b[4][-1] ^ 1])])), (1, 0, 0, 1))


if __name__ == "__main__":
    unittest.main()
