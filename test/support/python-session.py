"""A session of the client in Python that a test leads: a command a line, an answer a line, both JSON.

Reads all the time, as programs do: `read` waits until so many lines have come in all, `rest` until the session is over here.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable

from panelet_client import Client, Data, PaneletError, ResumeState, Session


class Stage:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.session: Session | None = None
        self.text = b""
        self.came = asyncio.Event()
        self.reading: asyncio.Task[None] | None = None

    async def _read(self, session: Session) -> None:
        async for item in session:
            if isinstance(item, Data):
                self.text += item.payload
                self.came.set()

    def _has(self, session: Session) -> object:
        self.session = session
        self.reading = asyncio.create_task(self._read(session))
        return json.loads(session.state().to_json())

    async def open(self, panel: str) -> object:
        return self._has(await self.client.open(panel))

    async def resume(self, state: dict[str, str]) -> object:
        return self._has(await self.client.resume(ResumeState(**state)))

    async def write(self, text: str) -> object:
        await self.session.write(text.encode())

    async def end(self, _: object) -> object:
        await self.session.end()

    async def read(self, lines: int) -> object:
        while self.text.count(b"\n") < lines:
            self.came.clear()
            await self.came.wait()

    async def detach(self, _: object) -> object:
        return json.loads((await self.session.detach()).to_json())

    async def terminate(self, _: object) -> object:
        await self.session.terminate()

    async def rest(self, _: object) -> object:
        try:
            await self.reading
        finally:
            self.reading = asyncio.create_task(asyncio.sleep(0))
        return self.text.decode()


async def main() -> None:
    async with Client(os.environ["PANELET_ADDRESS"]) as client:
        stage = Stage(client)
        while line := await asyncio.to_thread(sys.stdin.readline):
            name, value = json.loads(line)
            command: Callable[[object], Awaitable[object]] = getattr(stage, name)
            try:
                answer: object = {"value": await command(value)}
            except PaneletError as error:
                answer = {"code": error.code, "reason": error.reason, "text": stage.text.decode()}
            print(json.dumps(answer), flush=True)


asyncio.run(main())
