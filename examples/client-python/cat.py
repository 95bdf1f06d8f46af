"""Sends what it reads to the panel "echo", and prints what comes back, over cuts and restarts."""

import asyncio
import os
import sys

from panelet_client import Client, Data, Session


async def send(session: Session) -> None:
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        await session.write(line)
    await session.end()


async def main() -> None:
    async with Client(os.environ["PANELET_ADDRESS"].split(",")) as client:
        session = await client.open("echo")
        sending = asyncio.create_task(send(session))
        async for item in session:
            if isinstance(item, Data):
                sys.stdout.buffer.write(item.payload)
                sys.stdout.buffer.flush()
        await sending


asyncio.run(main())
