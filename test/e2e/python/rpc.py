"""Stubs from the protos, and calls with a token over TLS or plaintext."""

import asyncio
import atexit
import importlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import grpc
import grpc_tools
from grpc_tools import protoc

PROTOS = ["panelet/session/v1/session.proto", "panelet/gate/v1/gate.proto"]
CONNECT_SECONDS = 3
# What a gRPC library says of a cut. Others without a reason (UNIMPLEMENTED, UNAUTHENTICATED by a proxy) do not go away.
LOST_CODES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


def generate(proto_dir: Path) -> SimpleNamespace:
    """Generates the modules into a temporary directory that goes with the process, and imports them."""
    out = tempfile.mkdtemp(prefix="panelet-python-")
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    own = str(Path(grpc_tools.__file__).parent / "_proto")
    args = ["protoc", f"-I{proto_dir}", f"-I{own}", f"--python_out={out}", f"--grpc_python_out={out}", *PROTOS]
    if protoc.main(args) != 0:
        raise SystemExit(f"protoc failed on {proto_dir}")
    sys.path.insert(0, out)
    names = {"session": "session_pb2", "session_grpc": "session_pb2_grpc", "gate": "gate_pb2", "gate_grpc": "gate_pb2_grpc"}
    return SimpleNamespace(
        **{key: importlib.import_module(f"panelet.{name.split('_')[0]}.v1.{name}") for key, name in names.items()}
    )


class CallFailed(Exception):
    """An RPC ended with another status than OK."""

    def __init__(self, code: grpc.StatusCode, details: str, trailers: dict[str, str]) -> None:
        super().__init__(f"{code.name}: {details}")
        self.code = code
        self.details = details
        self.reason = trailers.get("panelet-reason", "")
        self.node = unquote(trailers.get("panelet-node", ""))
        after = trailers.get("panelet-retry-after-ms") or trailers.get("grpc-retry-pushback-ms") or "0"
        self.retry_after = int(after) / 1000 if after.isdigit() else 0.0

    @property
    def is_lost_transport(self) -> bool:
        """Without a reason nobody of Panelet has answered: grpc.aio reports many cuts as INTERNAL."""
        if self.reason:
            return self.code is grpc.StatusCode.UNAVAILABLE or self.reason == "TIMEOUT"
        return self.code in LOST_CODES

    def is_passing_limit(self, attached: bool) -> bool:
        """A session that is there waits for its turn; one that is not comes again only where a time is said."""
        return self.reason == "LIMIT_EXCEEDED" and (attached or self.retry_after > 0)

    def is_of_another_node(self, home: str) -> bool:
        """Behind one address there may be several agents, each of which knows the sessions of its own node alone."""
        unknown = self.reason in ("SESSION_UNKNOWN", "PANEL_UNKNOWN")
        return unknown and "" not in (home, self.node) and self.node != home

    @property
    def is_refused_identity(self) -> bool:
        return self.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)

    def as_json(self) -> dict:
        return {"code": self.code.name, "reason": self.reason, "details": self.details}


def trailers_of(metadata) -> dict[str, str]:
    return {key: value for key, value in metadata or [] if isinstance(value, str)}


def failed(error: grpc.aio.AioRpcError) -> CallFailed:
    return CallFailed(error.code(), error.details() or "", trailers_of(error.trailing_metadata()))


@dataclass(frozen=True)
class Endpoint:
    """Where and as whom to call. Files are read anew for every channel: addresses change, tokens rotate."""

    address: str | None
    address_file: str | None
    ca_file: str | None
    server_name: str
    token_file: str | None
    plaintext: bool

    def current_address(self) -> str:
        if self.address_file:
            return Path(self.address_file).read_text().strip()
        if not self.address:
            raise SystemExit("--address or --address-file is needed")
        return self.address

    def metadata(self) -> list[tuple[str, str]]:
        if not self.token_file:
            return []
        return [("authorization", f"Bearer {Path(self.token_file).read_text().strip()}")]

    def channel(self) -> grpc.aio.Channel:
        """A connection of its own, which gives up a silent peer after 10 s."""
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_retries", 0),
            ("grpc.enable_http_proxy", 0),
            ("grpc.keepalive_time_ms", 5000),
            ("grpc.keepalive_timeout_ms", 5000),
            ("grpc.http2.max_pings_without_data", 0),
        ]
        address = self.current_address()
        if self.plaintext:
            return grpc.aio.insecure_channel(address, options)
        options.append(("grpc.ssl_target_name_override", self.server_name))
        root = Path(self.ca_file).read_bytes() if self.ca_file else None
        return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(root), options)

    async def connect(self) -> grpc.aio.Channel:
        """A channel that is connected. UNAVAILABLE when it cannot be at once: who waits does it outside, where the address
        is read anew."""
        channel = self.channel()
        try:
            await asyncio.wait_for(connected(channel), CONNECT_SECONDS)
        except (asyncio.TimeoutError, ConnectionError) as error:
            address = self.current_address()
            await channel.close()
            why = "refused" if isinstance(error, ConnectionError) else f"not answered within {CONNECT_SECONDS} s"
            raise CallFailed(grpc.StatusCode.UNAVAILABLE, f"connection to {address} {why}", {}) from None
        return channel


async def connected(channel: grpc.aio.Channel) -> None:
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.READY:
        if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            raise ConnectionError
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)
