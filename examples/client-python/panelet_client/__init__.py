"""A client of Panelet: sessions that outlive connections, agents and planned restarts.

    async with Client("127.0.0.1:7443", token=token) as client:
        session = await client.open("echo")
        await session.write(b"hello")
        async for item in session:
            ...

Written from docs/reference/session-protocol.md and session.proto of Panelet. It does not offer the capability "move".
"""

from .client import Client
from .endpoint import Tls
from .errors import PaneletError
from .items import Attached, Change, Channel, Cut, Data, Draining, ExitStatus, Item, Lost, PanelEvent, Snapshot
from .session import ResumeState, Session

__all__ = [
    "Attached",
    "Change",
    "Channel",
    "Client",
    "Cut",
    "Data",
    "Draining",
    "ExitStatus",
    "Item",
    "Lost",
    "PanelEvent",
    "PaneletError",
    "ResumeState",
    "Session",
    "Snapshot",
    "Tls",
]
