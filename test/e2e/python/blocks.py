"""A byte stream of numbered random blocks, and a reader that tells which were lost, doubled or out of order."""

import hashlib
import os
import zlib

HEADER_BYTES = 8


class BlockSource:
    def __init__(self, block_bytes: int) -> None:
        if block_bytes < 2 * HEADER_BYTES:
            raise SystemExit(f"--chunk must be at least {2 * HEADER_BYTES}")
        self.block_bytes = block_bytes
        self.checks: list[int] = []
        self.sha256 = hashlib.sha256()

    def next(self) -> bytes:
        block = len(self.checks).to_bytes(HEADER_BYTES, "big") + os.urandom(self.block_bytes - HEADER_BYTES)
        self.checks.append(zlib.crc32(block))
        self.sha256.update(block)
        return block

    @property
    def sent_bytes(self) -> int:
        return len(self.checks) * self.block_bytes


class BlockReader:
    """Blocks stay aligned unless bytes are missing; what does not fit its number's check sum counts as damaged."""

    def __init__(self, source: BlockSource) -> None:
        self._source, self._rest = source, b""
        self._seen: set[int] = set()
        self._highest = -1
        self.sha256 = hashlib.sha256()
        self.received_bytes = self.duplicated = self.reordered = self.damaged = 0

    def take(self, payload: bytes) -> None:
        self.sha256.update(payload)
        self.received_bytes += len(payload)
        self._rest += payload
        size = self._source.block_bytes
        while len(self._rest) >= size:
            self._block(self._rest[:size])
            self._rest = self._rest[size:]

    def _block(self, block: bytes) -> None:
        number = int.from_bytes(block[:HEADER_BYTES], "big")
        if number >= len(self._source.checks) or self._source.checks[number] != zlib.crc32(block):
            self.damaged += 1
        elif number in self._seen:
            self.duplicated += 1
        else:
            self._seen.add(number)
            self.reordered += number < self._highest
            self._highest = max(self._highest, number)

    @property
    def lost(self) -> int:
        return len(self._source.checks) - len(self._seen)
