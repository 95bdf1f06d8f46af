"""client.py echo: random bytes to the panel "echo" and back."""

import asyncio
import json
import time
from argparse import Namespace

import stubs
from blocks import BlockReader, BlockSource
from panelet_client import Client, Data, Lost, PanelEvent, Session
from report import Report

# The panel answers the event "digest" with {bytes, sha256} of all that came in, and its end after our fin.
DIGEST = "digest"


async def run_echo(args: Namespace, log) -> tuple[int, dict]:
    report, source, quiet = Report(log), BlockSource(args.chunk), Quiet()
    reader = BlockReader(source)
    report.on_attached = quiet.start
    digests: list[dict] = []
    async with Client(**stubs.arguments_of_client(args)) as client:
        session = await client.open("echo", {"mode": "echo"}, seconds=args.give_up, watch=report.watch)
        writing = asyncio.create_task(write_all(args, session, source))
        try:
            async for item in session:
                if isinstance(item, Data):
                    quiet.data()
                    reader.take(item.payload)
                elif isinstance(item, PanelEvent) and item.name == DIGEST:
                    digests.append(json.loads(item.payload))
                elif isinstance(item, Lost):
                    report.lost(item)
                    if writing.done():
                        # What asked for the end is lost, too.
                        await session.end()
        finally:
            writing.cancel()
    sent, received = source.sha256.hexdigest(), reader.sha256.hexdigest()
    at_worker = digests[-1] if digests else None
    equal = sent == received and source.sent_bytes == reader.received_bytes
    return (0 if equal else 1), {
        "bytes_sent": source.sent_bytes,
        "bytes_received": reader.received_bytes,
        "sha256_sent": sent,
        "sha256_received": received,
        "sha256_at_worker": at_worker and at_worker["sha256"],
        "equal": equal,
        "blocks": {
            "sent": len(source.checks),
            "lost": reader.lost,
            "duplicated": reader.duplicated,
            "reordered": reader.reordered,
            "damaged": reader.damaged,
        },
        "longest_quiet_ms": quiet.longest_ms,
        **report.of(session),
    }


async def write_all(args: Namespace, session: Session, source: BlockSource) -> None:
    """Writes at the asked rate on average; what the rate would have allowed during a pause is not made up for in a burst
    larger than a second's worth."""
    start = time.monotonic()
    ahead = start
    while not enough(args, source, start):
        await session.write(source.next())
        ahead = max(ahead, time.monotonic() - 1) + args.chunk / args.rate
        await asyncio.sleep(max(0, ahead - time.monotonic()))
    await session.send(DIGEST)
    await session.end()


def enough(args: Namespace, source: BlockSource, start: float) -> bool:
    if args.bytes is not None:
        return source.sent_bytes >= args.bytes
    if args.until is not None:
        return bool(args.until.exists())
    return time.monotonic() - start >= args.seconds


class Quiet:
    """The longest time between two arrivals of data after the first attachment."""

    def __init__(self) -> None:
        self._last: float | None = None
        self.longest_ms = 0.0

    def start(self) -> None:
        self._last = self._last or time.monotonic()

    def data(self) -> None:
        now = time.monotonic()
        if self._last is not None:
            self.longest_ms = max(self.longest_ms, round((now - self._last) * 1000, 1))
        self._last = now
