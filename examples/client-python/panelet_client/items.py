"""What a reader of a session gets, and what a watcher of it hears."""

from dataclasses import dataclass
from enum import IntEnum

from . import session_pb2 as pb
from .errors import PaneletError


class Channel(IntEnum):
    """Which stream bytes belong to."""

    STDIN = 1
    STDOUT = 2
    STDERR = 3
    CONTROL = 4


@dataclass(frozen=True)
class Data:
    """Bytes of the panel."""

    channel: Channel
    payload: bytes


@dataclass(frozen=True)
class PanelEvent:
    """An event that only the panel and its clients know."""

    name: str
    payload: bytes


@dataclass(frozen=True)
class ExitStatus:
    """The program of the panel has ended: with `code`, or by `signal`."""

    code: int
    signal: str


@dataclass(frozen=True)
class Snapshot:
    """State that stands for all output before it, for example a screen."""

    content_type: str
    content: bytes


@dataclass(frozen=True)
class Lost:
    """A range of frames that is gone; `through_seq` 0: it is not known how many. `direction` is "INPUT" or "OUTPUT"."""

    direction: str
    from_seq: int
    through_seq: int
    incarnation: int
    code: str
    message: str


Item = Data | PanelEvent | ExitStatus | Snapshot | Lost


@dataclass(frozen=True)
class Attached:
    """An attachment was welcomed. `outcome` is "NEW", "EXACT" or "ROLLED_BACK"."""

    node: str
    outcome: str
    incarnation: int


@dataclass(frozen=True)
class Cut:
    """An attachment, or an attempt at one, is over and another follows. `error`: None where the worker has ended it, as after READY."""

    was_attached: bool
    error: PaneletError | None


@dataclass(frozen=True)
class Draining:
    """How far a restart is: `phase` is "NOTICE", "FREEZE", "READY" or "CANCELLED"."""

    phase: str
    fate: str
    reason: str
    node: str


Change = Attached | Cut | Draining


def item_of_event(event: pb.Event) -> Item | None:
    """None for an event that only clients send, or that this version does not know."""
    kind = event.WhichOneof("kind")
    if kind == "panel":
        return PanelEvent(event.panel.name, event.panel.payload)
    if kind == "exit_status":
        return ExitStatus(event.exit_status.code, event.exit_status.signal)
    return None


def item_of_reset(reset: pb.Reset) -> Lost:
    direction = pb.Direction.Name(reset.direction).removeprefix("DIRECTION_")
    return Lost(direction, reset.from_seq, reset.through_seq, reset.incarnation, reset.code, reset.message)


def change_of_drain(drain: pb.Drain) -> Draining:
    phase = pb.DrainPhase.Name(drain.phase).removeprefix("DRAIN_PHASE_")
    fate = pb.SessionFate.Name(drain.fate).removeprefix("SESSION_FATE_")
    return Draining(phase, fate, drain.reason, drain.node)
