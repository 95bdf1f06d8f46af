"""What is generated is what the protos say."""

from pathlib import Path

import grpc_tools
from grpc_tools import protoc

HERE = Path(__file__).resolve().parents[1]


def test_is_up_to_date(tmp_path: Path) -> None:
    own = Path(grpc_tools.__file__).parent / "_proto"
    proto = HERE.parents[1] / "proto"
    out = [f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    assert protoc.main(["protoc", f"-I{proto}", f"-I{own}", *out, "panelet/session/v1/session.proto"]) == 0
    for name in ("session_pb2.py", "session_pb2.pyi"):
        fresh = tmp_path / "panelet/session/v1" / name
        assert fresh.read_text() == (HERE / "panelet_client" / name).read_text()
