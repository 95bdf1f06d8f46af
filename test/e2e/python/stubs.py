"""Where the client package is, stubs of the gate from the protos, and an endpoint from arguments."""

import atexit
import importlib
import shutil
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "examples/client-python"))

from panelet_client import PaneletError, Tls  # noqa: E402
from panelet_client.endpoint import Endpoint  # noqa: E402

GATE = "panelet/gate/v1/gate.proto"


def generate_gate(proto_dir: Path) -> tuple[Any, Any]:
    """Generates the modules of messages and of services into a temporary directory that goes with the process."""
    out = tempfile.mkdtemp(prefix="panelet-python-")
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    own = str(Path(grpc_tools.__file__).parent / "_proto")
    args = ["protoc", f"-I{proto_dir}", f"-I{own}", f"--python_out={out}", f"--grpc_python_out={out}", GATE]
    if protoc.main(args) != 0:
        raise SystemExit(f"protoc failed on {proto_dir}")
    sys.path.insert(0, out)
    messages, service = (importlib.import_module(f"panelet.gate.v1.{name}") for name in ("gate_pb2", "gate_pb2_grpc"))
    return messages, service


def arguments_of_client(args: Namespace) -> dict[str, Any]:
    """What `Client` and `Endpoint` are made of. Files are read anew for every attempt: addresses change, tokens rotate."""

    def address() -> str:
        if args.address_file:
            return Path(args.address_file).read_text().strip()
        if not args.address:
            raise SystemExit("--address or --address-file is needed")
        return args.address

    token = (lambda: Path(args.token_file).read_text()) if args.token_file else None
    ca = (lambda: Path(args.ca).read_bytes()) if args.ca else None
    return {"address": address, "token": token, "tls": None if args.plaintext else Tls(ca, args.server_name)}


def endpoint_of(args: Namespace) -> Endpoint:
    return Endpoint(**arguments_of_client(args))


def is_refused_identity(error: PaneletError) -> bool:
    return error.code in ("UNAUTHENTICATED", "PERMISSION_DENIED")


def error_as_json(error: PaneletError) -> dict[str, str]:
    return {"code": error.code, "reason": error.reason, "details": error.details}
