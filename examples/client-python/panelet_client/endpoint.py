"""Where and as whom to call. Addresses and tokens that are functions are asked before every attempt: both change."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
import grpc.aio

from .errors import lost_transport

Address = str | Sequence[str] | Callable[[], str | Sequence[str]]
Token = str | Callable[[], str]

CONNECT_SECONDS = 3.0
NEXT_ADDRESS_SECONDS = 0.25
_CHANNEL_OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    # A peer that says nothing is given up after 10 s.
    ("grpc.keepalive_time_ms", 5000),
    ("grpc.keepalive_timeout_ms", 5000),
    ("grpc.http2.max_pings_without_data", 0),
]


@dataclass(frozen=True)
class Tls:
    """Certificates to trust, PEM (None: those of the system), and the name in the certificate of an agent."""

    ca: bytes | Callable[[], bytes] | None = None
    server_name: str = "panelet-agent"


class Endpoint:
    """Makes connections. `tls` None is plaintext, for loopback."""

    def __init__(self, address: Address, token: Token | None = None, tls: Tls | None = None) -> None:
        self._address, self._token, self._tls = address, token, tls

    def metadata(self) -> list[tuple[str, str]]:
        if self._token is None:
            return []
        token = self._token if isinstance(self._token, str) else self._token()
        return [("authorization", f"Bearer {token.strip()}")]

    async def connect(self) -> grpc.aio.Channel:
        """A connection of its own. Several addresses race, each 250 ms behind the one before or once that has refused.

        Raises PaneletError, UNAVAILABLE, when none takes it within 3 s: who waits does so outside, where addresses are asked
        for anew."""
        addresses = self._address() if callable(self._address) else self._address
        if isinstance(addresses, str):
            addresses = [addresses]
        waiting = list(addresses)
        trying: set[asyncio.Task[grpc.aio.Channel]] = set()
        refusals: list[str] = []
        try:
            while waiting or trying:
                if waiting:
                    trying.add(asyncio.create_task(self._connect_to(waiting.pop(0))))
                wait = NEXT_ADDRESS_SECONDS if waiting else None
                done, trying = await asyncio.wait(trying, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                taken = [task.result() for task in done if task.exception() is None]
                for channel in taken[1:]:
                    await channel.close()
                if taken:
                    return taken[0]
                refusals += [str(task.exception()) for task in done]
        finally:
            for task in trying:
                task.cancel()
            for late in await asyncio.gather(*trying, return_exceptions=True):
                if isinstance(late, grpc.aio.Channel):
                    await late.close()
        raise lost_transport("; ".join(refusals) or "there is no address")

    async def _connect_to(self, address: str) -> grpc.aio.Channel:
        channel = self._channel(address)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await _connected(channel)
        except TimeoutError:
            await channel.close()
            raise ConnectionError(f"{address} did not answer within {CONNECT_SECONDS:g} s") from None
        except ConnectionError:
            await channel.close()
            raise ConnectionError(f"{address} refused") from None
        except asyncio.CancelledError:
            await channel.close()
            raise
        return channel

    def _channel(self, address: str) -> grpc.aio.Channel:
        if self._tls is None:
            return grpc.aio.insecure_channel(address, _CHANNEL_OPTIONS)
        ca = self._tls.ca() if callable(self._tls.ca) else self._tls.ca
        options = [*_CHANNEL_OPTIONS, ("grpc.ssl_target_name_override", self._tls.server_name)]
        return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca), options)


async def _connected(channel: grpc.aio.Channel) -> None:
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.READY:
        if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            raise ConnectionError
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)
