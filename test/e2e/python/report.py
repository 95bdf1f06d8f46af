"""What every command that holds a session reports about it."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import stubs
from panelet_client import Attached, Change, Cut, Lost, Session


class Report:
    """`watch` goes to `Client.open`; `lost` is told of what the session lost."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._lost_at = time.monotonic()
        self.attachments: list[dict[str, Any]] = []
        self.failed: list[dict[str, Any]] = []
        self.drains: list[dict[str, Any]] = []
        self.resets: list[dict[str, Any]] = []
        self.gaps_ms: list[float] = []
        self.on_attached: Callable[[], None] = lambda: None

    def watch(self, change: Change) -> None:
        if isinstance(change, Attached):
            self._attached(change)
        elif isinstance(change, Cut):
            self._cut(change)
        else:
            self.drains.append({"at": time.time(), **asdict(change)})
            self._log(f"drain: {self.drains[-1]}")

    def _attached(self, change: Attached) -> None:
        gap_ms = round((time.monotonic() - self._lost_at) * 1000, 1) if self.attachments else None
        if gap_ms is not None:
            self.gaps_ms.append(gap_ms)
        self.attachments.append({"at": time.time(), **asdict(change), "gap_ms": gap_ms})
        self._log(f"attached: {self.attachments[-1]}")
        self.on_attached()

    def _cut(self, change: Cut) -> None:
        if change.was_attached:
            self._lost_at = time.monotonic()
        if change.error is None:
            return
        self._log(f"not attached: {change.error}")
        # One row for attempts that failed the same way one after another.
        said = stubs.error_as_json(change.error)
        last = self.failed[-1] if self.failed else {}
        if said.items() <= last.items():
            last["times"] += 1
        else:
            self.failed.append({"at": time.time(), "times": 1, **said})

    def lost(self, lost: Lost) -> None:
        self.resets.append(asdict(lost))
        self._log(f"lost: {lost}")

    def of(self, session: Session) -> dict[str, Any]:
        return {
            "session_id": session.id,
            "attachments": self.attachments,
            "gaps_ms": self.gaps_ms,
            "longest_gap_ms": max(self.gaps_ms, default=0),
            "drains": self.drains,
            "resets": self.resets,
            "duplicate_frames_dropped": session.duplicates,
            "failed_attempts": self.failed,
        }
