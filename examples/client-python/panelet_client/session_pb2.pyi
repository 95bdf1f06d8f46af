import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AttachMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTACH_MODE_UNSPECIFIED: _ClassVar[AttachMode]
    ATTACH_MODE_OPEN: _ClassVar[AttachMode]
    ATTACH_MODE_RESUME: _ClassVar[AttachMode]
    ATTACH_MODE_OPEN_OR_RESUME: _ClassVar[AttachMode]

class ResumeOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESUME_OUTCOME_UNSPECIFIED: _ClassVar[ResumeOutcome]
    RESUME_OUTCOME_NEW: _ClassVar[ResumeOutcome]
    RESUME_OUTCOME_EXACT: _ClassVar[ResumeOutcome]
    RESUME_OUTCOME_ROLLED_BACK: _ClassVar[ResumeOutcome]

class Contract(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTRACT_UNSPECIFIED: _ClassVar[Contract]
    CONTRACT_GRACEFUL: _ClassVar[Contract]

class Channel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_UNSPECIFIED: _ClassVar[Channel]
    CHANNEL_STDIN: _ClassVar[Channel]
    CHANNEL_STDOUT: _ClassVar[Channel]
    CHANNEL_STDERR: _ClassVar[Channel]
    CHANNEL_CONTROL: _ClassVar[Channel]

class DrainPhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DRAIN_PHASE_UNSPECIFIED: _ClassVar[DrainPhase]
    DRAIN_PHASE_NOTICE: _ClassVar[DrainPhase]
    DRAIN_PHASE_FREEZE: _ClassVar[DrainPhase]
    DRAIN_PHASE_READY: _ClassVar[DrainPhase]
    DRAIN_PHASE_CANCELLED: _ClassVar[DrainPhase]

class SessionFate(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_FATE_UNSPECIFIED: _ClassVar[SessionFate]
    SESSION_FATE_KEPT: _ClassVar[SessionFate]
    SESSION_FATE_CHECKPOINTED: _ClassVar[SessionFate]
    SESSION_FATE_ENDS: _ClassVar[SessionFate]

class DetachReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DETACH_REASON_UNSPECIFIED: _ClassVar[DetachReason]
    DETACH_REASON_LEAVING: _ClassVar[DetachReason]
    DETACH_REASON_SUPERSEDED: _ClassVar[DetachReason]
    DETACH_REASON_IDLE: _ClassVar[DetachReason]
    DETACH_REASON_DRAINED: _ClassVar[DetachReason]
    DETACH_REASON_ENDED: _ClassVar[DetachReason]
    DETACH_REASON_REVOKED: _ClassVar[DetachReason]

class EndCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    END_CAUSE_UNSPECIFIED: _ClassVar[EndCause]
    END_CAUSE_FINISHED: _ClassVar[EndCause]
    END_CAUSE_ASKED: _ClassVar[EndCause]
    END_CAUSE_EXPIRED: _ClassVar[EndCause]
    END_CAUSE_LIMIT: _ClassVar[EndCause]
    END_CAUSE_FAILED: _ClassVar[EndCause]
    END_CAUSE_FORCED: _ClassVar[EndCause]

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[Direction]
    DIRECTION_INPUT: _ClassVar[Direction]
    DIRECTION_OUTPUT: _ClassVar[Direction]
ATTACH_MODE_UNSPECIFIED: AttachMode
ATTACH_MODE_OPEN: AttachMode
ATTACH_MODE_RESUME: AttachMode
ATTACH_MODE_OPEN_OR_RESUME: AttachMode
RESUME_OUTCOME_UNSPECIFIED: ResumeOutcome
RESUME_OUTCOME_NEW: ResumeOutcome
RESUME_OUTCOME_EXACT: ResumeOutcome
RESUME_OUTCOME_ROLLED_BACK: ResumeOutcome
CONTRACT_UNSPECIFIED: Contract
CONTRACT_GRACEFUL: Contract
CHANNEL_UNSPECIFIED: Channel
CHANNEL_STDIN: Channel
CHANNEL_STDOUT: Channel
CHANNEL_STDERR: Channel
CHANNEL_CONTROL: Channel
DRAIN_PHASE_UNSPECIFIED: DrainPhase
DRAIN_PHASE_NOTICE: DrainPhase
DRAIN_PHASE_FREEZE: DrainPhase
DRAIN_PHASE_READY: DrainPhase
DRAIN_PHASE_CANCELLED: DrainPhase
SESSION_FATE_UNSPECIFIED: SessionFate
SESSION_FATE_KEPT: SessionFate
SESSION_FATE_CHECKPOINTED: SessionFate
SESSION_FATE_ENDS: SessionFate
DETACH_REASON_UNSPECIFIED: DetachReason
DETACH_REASON_LEAVING: DetachReason
DETACH_REASON_SUPERSEDED: DetachReason
DETACH_REASON_IDLE: DetachReason
DETACH_REASON_DRAINED: DetachReason
DETACH_REASON_ENDED: DetachReason
DETACH_REASON_REVOKED: DetachReason
END_CAUSE_UNSPECIFIED: EndCause
END_CAUSE_FINISHED: EndCause
END_CAUSE_ASKED: EndCause
END_CAUSE_EXPIRED: EndCause
END_CAUSE_LIMIT: EndCause
END_CAUSE_FAILED: EndCause
END_CAUSE_FORCED: EndCause
DIRECTION_UNSPECIFIED: Direction
DIRECTION_INPUT: Direction
DIRECTION_OUTPUT: Direction

class Frames(_message.Message):
    __slots__ = ("ack", "credit", "frames")
    ACK_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    ack: int
    credit: int
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    def __init__(self, ack: _Optional[int] = ..., credit: _Optional[int] = ..., frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("seq", "hello", "welcome", "data", "event", "fin", "snapshot", "drain", "detach", "reset", "ping", "pong", "move")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    FIN_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    DETACH_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    seq: int
    hello: Hello
    welcome: Welcome
    data: Data
    event: Event
    fin: Fin
    snapshot: Snapshot
    drain: Drain
    detach: Detach
    reset: Reset
    ping: Ping
    pong: Pong
    move: Move
    def __init__(self, seq: _Optional[int] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ..., data: _Optional[_Union[Data, _Mapping]] = ..., event: _Optional[_Union[Event, _Mapping]] = ..., fin: _Optional[_Union[Fin, _Mapping]] = ..., snapshot: _Optional[_Union[Snapshot, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ..., detach: _Optional[_Union[Detach, _Mapping]] = ..., reset: _Optional[_Union[Reset, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., move: _Optional[_Union[Move, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("versions", "capabilities", "panel", "session_id", "client_id", "takeover", "mode", "attach_nonce", "resume_token", "incarnation", "next_rx", "tx_base", "tx_next", "parameters", "moves")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    PANEL_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    TAKEOVER_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    ATTACH_NONCE_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    NEXT_RX_FIELD_NUMBER: _ClassVar[int]
    TX_BASE_FIELD_NUMBER: _ClassVar[int]
    TX_NEXT_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedScalarFieldContainer[int]
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    panel: str
    session_id: str
    client_id: str
    takeover: bool
    mode: AttachMode
    attach_nonce: str
    resume_token: bytes
    incarnation: int
    next_rx: int
    tx_base: int
    tx_next: int
    parameters: _containers.ScalarMap[str, str]
    moves: bool
    def __init__(self, versions: _Optional[_Iterable[int]] = ..., capabilities: _Optional[_Iterable[str]] = ..., panel: _Optional[str] = ..., session_id: _Optional[str] = ..., client_id: _Optional[str] = ..., takeover: _Optional[bool] = ..., mode: _Optional[_Union[AttachMode, str]] = ..., attach_nonce: _Optional[str] = ..., resume_token: _Optional[bytes] = ..., incarnation: _Optional[int] = ..., next_rx: _Optional[int] = ..., tx_base: _Optional[int] = ..., tx_next: _Optional[int] = ..., parameters: _Optional[_Mapping[str, str]] = ..., moves: _Optional[bool] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("version", "session_id", "incarnation", "attach_epoch", "outcome", "contract", "resume_token", "resume_ttl", "next_rx", "tx_base", "tx_next", "limits", "node", "rx_data_bytes", "tx_data_bytes", "rx_fin")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    ATTACH_EPOCH_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESUME_TTL_FIELD_NUMBER: _ClassVar[int]
    NEXT_RX_FIELD_NUMBER: _ClassVar[int]
    TX_BASE_FIELD_NUMBER: _ClassVar[int]
    TX_NEXT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    RX_DATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    TX_DATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    RX_FIN_FIELD_NUMBER: _ClassVar[int]
    version: int
    session_id: str
    incarnation: int
    attach_epoch: int
    outcome: ResumeOutcome
    contract: Contract
    resume_token: bytes
    resume_ttl: _duration_pb2.Duration
    next_rx: int
    tx_base: int
    tx_next: int
    limits: Limits
    node: str
    rx_data_bytes: int
    tx_data_bytes: int
    rx_fin: bool
    def __init__(self, version: _Optional[int] = ..., session_id: _Optional[str] = ..., incarnation: _Optional[int] = ..., attach_epoch: _Optional[int] = ..., outcome: _Optional[_Union[ResumeOutcome, str]] = ..., contract: _Optional[_Union[Contract, str]] = ..., resume_token: _Optional[bytes] = ..., resume_ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., next_rx: _Optional[int] = ..., tx_base: _Optional[int] = ..., tx_next: _Optional[int] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., node: _Optional[str] = ..., rx_data_bytes: _Optional[int] = ..., tx_data_bytes: _Optional[int] = ..., rx_fin: _Optional[bool] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_data_bytes", "max_message_bytes", "max_event_bytes", "max_unacked_events")
    MAX_DATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_EVENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_UNACKED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    max_data_bytes: int
    max_message_bytes: int
    max_event_bytes: int
    max_unacked_events: int
    def __init__(self, max_data_bytes: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., max_event_bytes: _Optional[int] = ..., max_unacked_events: _Optional[int] = ...) -> None: ...

class Data(_message.Message):
    __slots__ = ("channel", "payload")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    channel: Channel
    payload: bytes
    def __init__(self, channel: _Optional[_Union[Channel, str]] = ..., payload: _Optional[bytes] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("resize", "signal", "exit_status", "panel")
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    EXIT_STATUS_FIELD_NUMBER: _ClassVar[int]
    PANEL_FIELD_NUMBER: _ClassVar[int]
    resize: Resize
    signal: Signal
    exit_status: ExitStatus
    panel: PanelEvent
    def __init__(self, resize: _Optional[_Union[Resize, _Mapping]] = ..., signal: _Optional[_Union[Signal, _Mapping]] = ..., exit_status: _Optional[_Union[ExitStatus, _Mapping]] = ..., panel: _Optional[_Union[PanelEvent, _Mapping]] = ...) -> None: ...

class Resize(_message.Message):
    __slots__ = ("rows", "cols")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    cols: int
    def __init__(self, rows: _Optional[int] = ..., cols: _Optional[int] = ...) -> None: ...

class Signal(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ExitStatus(_message.Message):
    __slots__ = ("code", "signal")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    code: int
    signal: str
    def __init__(self, code: _Optional[int] = ..., signal: _Optional[str] = ...) -> None: ...

class PanelEvent(_message.Message):
    __slots__ = ("name", "payload")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    name: str
    payload: bytes
    def __init__(self, name: _Optional[str] = ..., payload: _Optional[bytes] = ...) -> None: ...

class Fin(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("through_seq", "content_type", "chunk", "last", "data_bytes")
    THROUGH_SEQ_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    DATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    through_seq: int
    content_type: str
    chunk: bytes
    last: bool
    data_bytes: int
    def __init__(self, through_seq: _Optional[int] = ..., content_type: _Optional[str] = ..., chunk: _Optional[bytes] = ..., last: _Optional[bool] = ..., data_bytes: _Optional[int] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ("generation", "phase", "remaining", "reason", "fate", "node", "retry_after")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FATE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    generation: int
    phase: DrainPhase
    remaining: _duration_pb2.Duration
    reason: str
    fate: SessionFate
    node: str
    retry_after: _duration_pb2.Duration
    def __init__(self, generation: _Optional[int] = ..., phase: _Optional[_Union[DrainPhase, str]] = ..., remaining: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reason: _Optional[str] = ..., fate: _Optional[_Union[SessionFate, str]] = ..., node: _Optional[str] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Move(_message.Message):
    __slots__ = ("generation", "reattach", "within")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    REATTACH_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    generation: int
    reattach: Reattach
    within: _duration_pb2.Duration
    def __init__(self, generation: _Optional[int] = ..., reattach: _Optional[_Union[Reattach, _Mapping]] = ..., within: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Reattach(_message.Message):
    __slots__ = ("pod", "uid", "address")
    POD_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    pod: str
    uid: str
    address: str
    def __init__(self, pod: _Optional[str] = ..., uid: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class Detach(_message.Message):
    __slots__ = ("reason", "message", "cause", "attach_nonce")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    ATTACH_NONCE_FIELD_NUMBER: _ClassVar[int]
    reason: DetachReason
    message: str
    cause: EndCause
    attach_nonce: str
    def __init__(self, reason: _Optional[_Union[DetachReason, str]] = ..., message: _Optional[str] = ..., cause: _Optional[_Union[EndCause, str]] = ..., attach_nonce: _Optional[str] = ...) -> None: ...

class Reset(_message.Message):
    __slots__ = ("direction", "from_seq", "through_seq", "incarnation", "code", "message")
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    THROUGH_SEQ_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    direction: Direction
    from_seq: int
    through_seq: int
    incarnation: int
    code: str
    message: str
    def __init__(self, direction: _Optional[_Union[Direction, str]] = ..., from_seq: _Optional[int] = ..., through_seq: _Optional[int] = ..., incarnation: _Optional[int] = ..., code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    def __init__(self, nonce: _Optional[int] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    def __init__(self, nonce: _Optional[int] = ...) -> None: ...

class ListPanelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPanelsResponse(_message.Message):
    __slots__ = ("panels", "node")
    PANELS_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    panels: _containers.RepeatedCompositeFieldContainer[Panel]
    node: str
    def __init__(self, panels: _Optional[_Iterable[_Union[Panel, _Mapping]]] = ..., node: _Optional[str] = ...) -> None: ...

class Panel(_message.Message):
    __slots__ = ("name", "serving", "sessions", "checkpointable", "message", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SERVING_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTABLE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    serving: bool
    sessions: int
    checkpointable: bool
    message: str
    version: str
    def __init__(self, name: _Optional[str] = ..., serving: _Optional[bool] = ..., sessions: _Optional[int] = ..., checkpointable: _Optional[bool] = ..., message: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("panel",)
    PANEL_FIELD_NUMBER: _ClassVar[int]
    panel: str
    def __init__(self, panel: _Optional[str] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[Session]
    def __init__(self, sessions: _Optional[_Iterable[_Union[Session, _Mapping]]] = ...) -> None: ...

class WatchSessionsRequest(_message.Message):
    __slots__ = ("panel",)
    PANEL_FIELD_NUMBER: _ClassVar[int]
    panel: str
    def __init__(self, panel: _Optional[str] = ...) -> None: ...

class WatchSessionsResponse(_message.Message):
    __slots__ = ("complete", "sessions", "gone")
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    sessions: _containers.RepeatedCompositeFieldContainer[Session]
    gone: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, complete: _Optional[bool] = ..., sessions: _Optional[_Iterable[_Union[Session, _Mapping]]] = ..., gone: _Optional[_Iterable[str]] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("session_id", "panel", "node", "owner", "incarnation", "attached", "age", "frames_in", "frames_out", "checkpointable", "details", "retiring", "ends_at")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PANEL_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_IN_FIELD_NUMBER: _ClassVar[int]
    FRAMES_OUT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTABLE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    RETIRING_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    panel: str
    node: str
    owner: str
    incarnation: int
    attached: bool
    age: _duration_pb2.Duration
    frames_in: int
    frames_out: int
    checkpointable: bool
    details: _containers.ScalarMap[str, str]
    retiring: bool
    ends_at: _timestamp_pb2.Timestamp
    def __init__(self, session_id: _Optional[str] = ..., panel: _Optional[str] = ..., node: _Optional[str] = ..., owner: _Optional[str] = ..., incarnation: _Optional[int] = ..., attached: _Optional[bool] = ..., age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., frames_in: _Optional[int] = ..., frames_out: _Optional[int] = ..., checkpointable: _Optional[bool] = ..., details: _Optional[_Mapping[str, str]] = ..., retiring: _Optional[bool] = ..., ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EndSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class EndSessionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
