"""client.py ls, sessions, call and gate: calls that hold no session."""

import uuid
from argparse import Namespace
from typing import Any

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.duration_pb2 import Duration

import stubs
from panelet_client import session_pb2  # noqa: F401 - its methods are among those that `call` finds
from panelet_client.errors import error_of_rpc

CALL_SECONDS = 20


def as_json(message: Any) -> dict:
    return json_format.MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


async def run_call(args: Namespace, log) -> tuple[int, dict]:
    """Any method of the protos with one request; `--method panelet.session.v1.SessionService/ListPanels`."""
    endpoint = stubs.endpoint_of(args)
    stubs.generate_gate(args.proto)
    service, _, name = args.method.partition("/")
    try:
        method = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)
    except KeyError:
        raise SystemExit(f"the protos have no method {args.method}") from None
    request = json_format.Parse(args.json, message_factory.GetMessageClass(method.input_type)())
    response_class = message_factory.GetMessageClass(method.output_type)
    channel = await endpoint.connect()
    async with channel:
        make = channel.unary_stream if method.server_streaming else channel.unary_unary
        call = make(
            f"/{args.method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response_class.FromString,
        )(request, metadata=endpoint.metadata(), timeout=CALL_SECONDS)
        try:
            if method.server_streaming:
                return 0, {"responses": [as_json(response) async for response in call]}
            return 0, as_json(await call)
        except grpc.aio.AioRpcError as error:
            raise error_of_rpc(error) from None


async def run_ls(args: Namespace, log) -> tuple[int, dict]:
    return await run_call(asking(args, "ListPanels"), log)


async def run_sessions(args: Namespace, log) -> tuple[int, dict]:
    return await run_call(asking(args, "ListSessions"), log)


def asking(args: Namespace, method: str) -> Namespace:
    return Namespace(**vars(args), method=f"panelet.session.v1.SessionService/{method}", json="{}")


async def run_gate(args: Namespace, log) -> tuple[int, dict]:
    """Leaves the gate as it was: a cordon and a drain are called off, and a drain is held in its notice until then."""
    endpoint = stubs.endpoint_of(args)
    gate, service = stubs.generate_gate(args.proto)
    channel = await endpoint.connect()
    async with channel:
        stub = service.GateServiceStub(channel)
        metadata = endpoint.metadata()
        command = gate.Command(restart_uid=args.restart_uid or f"python-{uuid.uuid4()}", fencing=args.fencing, generation=1)
        target = gate.Target.Value(f"TARGET_{args.target.upper()}")
        try:
            if args.act == "status":
                return 0, as_json(await stub.Status(gate.StatusRequest(), metadata=metadata, timeout=CALL_SECONDS))
            if args.act == "receipt":
                request = gate.GetReceiptRequest(restart_uid=command.restart_uid)
                return 0, as_json(await stub.GetReceipt(request, metadata=metadata, timeout=CALL_SECONDS))
            if args.act == "cordon":
                request = gate.CordonRequest(command=command, target=target, reason="a try", lease=Duration(seconds=1))
                result = as_json(await stub.Cordon(request, metadata=metadata, timeout=CALL_SECONDS))
            elif args.act == "drain":
                request = gate.DrainRequest(
                    command=command,
                    target=target,
                    reason="a try",
                    notice=Duration(seconds=3600),
                    notice_end=gate.NOTICE_END_HELD,
                    timeout=Duration(seconds=7200),
                    lease=Duration(seconds=CALL_SECONDS),
                    on_timeout=gate.ON_TIMEOUT_ABORT,
                )
                states = stub.Drain(request, metadata=metadata, timeout=CALL_SECONDS)
                result = {"states": await states_until_notified(gate, states)}
            else:
                result = {}
            request = gate.UncordonRequest(command=command, target=target, any_restart=args.act == "uncordon")
            after = await stub.Uncordon(request, metadata=metadata, timeout=CALL_SECONDS)
            return 0, {**result, "after": as_json(after)}
        except grpc.aio.AioRpcError as error:
            raise error_of_rpc(error) from None


async def states_until_notified(gate: Any, states: Any) -> list[str]:
    """Every session has been told then, and nothing is frozen."""
    seen = []
    async for said in states:
        seen.append(gate.State.Name(said.status.state))
        if said.status.state not in (gate.STATE_SERVING, gate.STATE_CORDONED):
            break
    states.cancel()
    return seen
