"""One Attach RPC: a hello, a welcome, and frames both ways until it ends."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from . import session_pb2 as pb
from .endpoint import Endpoint
from .errors import error_of_rpc, error_of_status, lost_transport
from .link import Link

SERVICE = "/panelet.session.v1.SessionService"
WELCOME_SECONDS = 15.0
# After a detach of either end, the RPC ends at once.
GOODBYE_SECONDS = 5.0


class Attachment:
    """`heard` is called after every message of the worker; set `wake` when the link has something to say."""

    def __init__(self, endpoint: Endpoint, link: Link, wake: asyncio.Event, heard: Callable[[], None]) -> None:
        self._endpoint, self._link, self._wake, self._heard = endpoint, link, wake, heard
        self.welcomed_at: float | None = None

    async def run(self) -> None:
        """Returns when the RPC has ended with OK. Raises PaneletError when it has not, or the worker broke the protocol."""
        channel = await self._endpoint.connect()
        try:
            call = channel.stream_stream(
                f"{SERVICE}/Attach",
                request_serializer=pb.Frames.SerializeToString,
                response_deserializer=pb.Frames.FromString,
            )(metadata=self._endpoint.metadata())
            try:
                await self._talk(call)
            finally:
                call.cancel()
        finally:
            await channel.close()

    async def _talk(self, call: Any) -> None:
        try:
            await call.write(self._link.hello())
            async with asyncio.timeout(WELCOME_SECONDS):
                message = await call.read()
            if message is not grpc.aio.EOF:
                self._link.take_welcome(message, time.monotonic())
                self.welcomed_at = time.monotonic()
                self._heard()
                await self._pump(call)
        except TimeoutError:
            if self._link.detach is None:
                raise lost_transport("no answer to the hello") from None
            return
        except grpc.aio.AioRpcError as error:
            raise error_of_rpc(error) from None
        except asyncio.InvalidStateError:
            pass  # Written to an RPC that was over already: its status says why.
        code = await call.code()
        if code is not grpc.StatusCode.OK:
            raise error_of_status(code, await call.details(), await call.trailing_metadata())

    async def _pump(self, call: Any) -> None:
        sending = asyncio.create_task(self._send(call))
        try:
            while True:
                async with asyncio.timeout(None if self._link.detach is None else GOODBYE_SECONDS):
                    message = await call.read()
                if message is grpc.aio.EOF:
                    return
                self._link.take(message, time.monotonic())
                self._heard()
                self._wake.set()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, call: Any) -> None:
        while True:
            self._wake.clear()
            now = time.monotonic()
            if (message := self._link.outgoing(now)) is not None:
                await call.write(message)
                continue
            try:
                async with asyncio.timeout(self._link.seconds_to_ack(now)):
                    await self._wake.wait()
            except TimeoutError:
                pass


async def end_session(endpoint: Endpoint, session_id: str, seconds: float) -> None:
    """Ends a session for good. Raises PaneletError, SESSION_UNKNOWN where it has ended before."""
    channel = await endpoint.connect()
    try:
        call = channel.unary_unary(
            f"{SERVICE}/EndSession",
            request_serializer=pb.EndSessionRequest.SerializeToString,
            response_deserializer=pb.EndSessionResponse.FromString,
        )
        await call(pb.EndSessionRequest(session_id=session_id), metadata=endpoint.metadata(), timeout=seconds)
    except grpc.aio.AioRpcError as error:
        raise error_of_rpc(error) from None
    finally:
        await channel.close()
