#!/usr/bin/env python3
"""The client package of examples/client-python as a witness in tests. See README.md.

Prints one JSON object; progress goes to stderr. Exit code: 0 as expected, 1 not as expected, 2 usage, 3 the agent refuses
who calls or what they may not do, 4 another failure.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

# No __pycache__ beside the sources.
sys.dont_write_bytecode = True

import stubs  # First: it says where panelet_client is.
from echo import run_echo
from panelet_client import PaneletError
from shell import run_shell
from unary import run_call, run_gate, run_ls, run_sessions


def parse(argv: list[str]) -> argparse.Namespace:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--address", help="host:port of an agent")
    common.add_argument("--address-file", help="file with host:port, read before each attempt")
    common.add_argument("--ca", help="certificates to trust, PEM")
    common.add_argument("--server-name", default="panelet-agent", help="name in the agent's certificate")
    common.add_argument("--token-file", help="file with the bearer token, read before each attempt; no token without it")
    common.add_argument("--plaintext", action="store_true", help="no TLS")
    common.add_argument("--give-up", type=float, default=30, help="seconds to try before there is a session (%(default)s)")
    common.add_argument("--proto", type=Path, default=Path(__file__).resolve().parents[3] / "proto")

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="subcommand", required=True)

    echo = commands.add_parser("echo", parents=[common], help="send random bytes and read them back")
    length = echo.add_mutually_exclusive_group(required=True)
    length.add_argument("--seconds", type=float)
    length.add_argument("--bytes", type=int, help="rounded up to whole chunks")
    length.add_argument("--until", type=Path, help="ends once this file is there")
    echo.add_argument("--rate", type=float, default=65536, help="bytes per second (%(default)s)")
    echo.add_argument("--chunk", type=int, default=1024, help="bytes written at a time (%(default)s)")
    echo.set_defaults(run=run_echo)

    shell = commands.add_parser("shell", parents=[common], help="type into a shell, watch that it stays the same one")
    shell.add_argument("--command", default="/bin/sh")
    shell.add_argument("--script", help="file with lines to type")
    shell.add_argument("--seconds", type=float, default=0, help="how long to go on counting keystrokes after the script")
    shell.add_argument("--tick-seconds", type=float, default=0.2, help="pause between counted lines (%(default)s)")
    shell.add_argument("--repeat-every", type=float, default=0, help="seconds between looks at pid and start time")
    shell.set_defaults(run=run_shell)

    commands.add_parser("ls", parents=[common], help="panels of the node").set_defaults(run=run_ls)
    commands.add_parser("sessions", parents=[common], help="own sessions on the node").set_defaults(run=run_sessions)

    call = commands.add_parser("call", parents=[common], help="one request to any method of the protos")
    call.add_argument("--method", required=True, help="package.Service/Method")
    call.add_argument("--json", default="{}", help="the request")
    call.set_defaults(run=run_call)

    gate = commands.add_parser("gate", parents=[common], help="ask the gate; cordon and drain are called off again")
    gate.add_argument("act", choices=["status", "receipt", "cordon", "drain", "uncordon"])
    gate.add_argument("--restart-uid")
    gate.add_argument("--fencing", type=int, default=0)
    gate.add_argument("--target", choices=["agent", "host"], default="agent")
    gate.set_defaults(run=run_gate)
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    args = parse(argv)
    started = time.monotonic()

    def log(text: str) -> None:
        print(f"{time.monotonic() - started:8.3f} {text}", file=sys.stderr, flush=True)

    try:
        code, result = asyncio.run(args.run(args, log))
    except PaneletError as error:
        code, result = (3 if stubs.is_refused_identity(error) else 4), {"error": stubs.error_as_json(error)}
    print(json.dumps(result, indent=2))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
