"""client.py echo: random bytes to the panel "echo" and back."""

import asyncio
import json
import time
from argparse import Namespace
from typing import Any

from blocks import BlockReader, BlockSource
from report import session_report
from rpc import Endpoint
from session import Options, Session

# The panel answers the event "digest" with {bytes, sha256} of all that came in, and its end after our fin.
DIGEST = "digest"


async def run_echo(args: Namespace, pb: Any, endpoint: Endpoint, log) -> tuple[int, dict]:
    session = Session(pb, endpoint, Options("echo", {"mode": "echo"}, open_seconds=args.give_up), log)
    source = BlockSource(args.chunk)
    reader = BlockReader(source)
    quiet = Quiet()
    digests: list[dict] = []

    def on_data(_channel: int, payload: bytes) -> None:
        quiet.data()
        reader.take(payload)

    def on_event(event: Any) -> None:
        if event.WhichOneof("kind") == "panel" and event.panel.name == DIGEST:
            digests.append(json.loads(event.panel.payload))

    session.on_data, session.on_event = on_data, on_event
    session.on_attached = lambda _attachment: quiet.start()
    writing = asyncio.create_task(write_all(args, session, source))
    try:
        await session.run()
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
        **session_report(session),
    }


async def write_all(args: Namespace, session: Session, source: BlockSource) -> None:
    """Writes at the asked rate on average; what the rate would have allowed during a pause is not made up for in a burst
    larger than a second's worth."""
    while not session.attached:
        await asyncio.sleep(0.01)
    start = time.monotonic()
    ahead = start
    while not enough(args, source, start):
        await session.write(source.next())
        ahead = max(ahead, time.monotonic() - 1) + args.chunk / args.rate
        await asyncio.sleep(max(0, ahead - time.monotonic()))
    session.panel_event(DIGEST)
    session.fin()


def enough(args: Namespace, source: BlockSource, start: float) -> bool:
    if args.bytes is not None:
        return source.sent_bytes >= args.bytes
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
