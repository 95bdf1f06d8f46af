"""client.py shell: types commands into a shell of the panel "terminal" and reads what it says."""

import asyncio
import re
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import stubs
from panelet_client import Client, Data, ExitStatus, Item, Lost, Session, Snapshot
from report import Report

# No echo and no prompt: what comes back is what commands print. `tick` counts how often its line was executed.
# Field 22 of /proc/PID/stat is the start time of a process; the second one, its name, may contain spaces.
PREPARE = r"""
stty -echo; PS1=; PS2=; panelet_ticks=0
panelet_whoami() { read -r stat < /proc/$$/stat; set -- ${stat##*) }; echo "<shell $1 pid=$$ start=${20}>"; }
panelet_tick() { panelet_ticks=$((panelet_ticks + 1)); echo "<tick $1 of=$panelet_ticks>"; }
"""
SAID_SHELL = re.compile(r"<shell \S pid=(\d+) start=(\d+)>")
SAID_TICK = re.compile(r"<tick (\d+) of=(\d+)>")
SAID_LINE = re.compile(r"<line (\d+)>\r?\n?(.*?)<done (\d+) status=(\d+)>", re.DOTALL)
QUIET_SECONDS = 60


class Shell:
    """What is typed, and what was understood of the answers."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._text, self._changed = "", asyncio.Event()
        self.ticks_typed = 0

    def take(self, item: Item) -> None:
        """What the shell has printed."""
        if isinstance(item, Data | Snapshot):
            self._text += (item.payload if isinstance(item, Data) else item.content).decode("utf-8", "replace")
            self._changed.set()

    async def type(self, text: str) -> None:
        await self._session.write(text.encode())

    async def whoami(self, after: str) -> dict:
        count = len(SAID_SHELL.findall(self._text))
        await self.type("panelet_whoami\n")
        said = await self._until(lambda: SAID_SHELL.findall(self._text)[count:])
        return {"pid": int(said[0][0]), "start": int(said[0][1]), "after": after, "at": time.time()}

    async def tick(self) -> None:
        self.ticks_typed += 1
        await self.type(f"panelet_tick {self.ticks_typed}\n")

    async def line(self, number: int, line: str) -> dict:
        await self.type(f'echo "<line {number}>"; {line}\necho "<done {number} status=$?>"\n')
        said = await self._until(lambda: [got for got in SAID_LINE.findall(self._text) if int(got[0]) == number])
        return {"line": line, "status": int(said[0][3]), "output": said[0][1].replace("\r\n", "\n")}

    async def ticks_done(self) -> list[tuple[int, int]]:
        """[number that was typed, how many had been executed then], in order of the answers."""
        await self._until(lambda: len(self.ticks()) >= self.ticks_typed)
        return self.ticks()

    def ticks(self) -> list[tuple[int, int]]:
        return [(int(number), int(of)) for number, of in SAID_TICK.findall(self._text)]

    async def _until(self, look) -> Any:
        deadline = time.monotonic() + QUIET_SECONDS
        while not (found := look()):
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), max(0.1, deadline - time.monotonic()))
        return found


async def run_shell(args: Namespace, log) -> tuple[int, dict]:
    parameters = {"command": args.command, "args": "[]", "rows": "24", "cols": "200", "term": "dumb"}
    report, exits, result = Report(log), [], {"shells": [], "lines": []}
    async with Client(**stubs.arguments_of_client(args)) as client:
        session = await client.open("terminal", parameters, seconds=args.give_up, watch=report.watch)
        shell = Shell(session)

        async def listen() -> None:
            async for item in session:
                shell.take(item)
                if isinstance(item, ExitStatus):
                    exits.append({"code": item.code, "signal": item.signal})
                elif isinstance(item, Lost):
                    report.lost(item)

        talking = asyncio.create_task(talk(args, session, shell, report, result))
        listening = asyncio.create_task(listen())
        await asyncio.wait([talking, listening], return_when=asyncio.FIRST_COMPLETED)
        if talking.done() and talking.exception():
            listening.cancel()
            details = f"the shell did not answer: {talking.exception()!r}"
            result["error"] = {"code": "TIMEOUT", "reason": "", "details": details}
        try:
            await listening
        except asyncio.CancelledError:
            pass
        talking.cancel()
    processes = {(seen["pid"], seen["start"]) for seen in result["shells"]}
    done = shell.ticks()
    once = done == [(number, number) for number in range(1, shell.ticks_typed + 1)]
    good = len(processes) == 1 and once and "error" not in result and not report.resets
    return (0 if good else 1), {
        "same_process": len(processes) == 1,
        "keystrokes": {"typed": shell.ticks_typed, "executed": len(done), "exactly_once_in_order": once},
        **result,
        "exit": exits[-1] if exits else None,
        **report.of(session),
    }


async def talk(args: Namespace, session: Session, shell: Shell, report: Report, result: dict) -> None:
    await shell.type(PREPARE)
    result["shells"].append(await shell.whoami("open"))
    script = Path(args.script).read_text().splitlines() if args.script else []
    for number, line in enumerate(script, 1):
        if line.strip():
            result["lines"].append(await shell.line(number, line))
    start, seen, asked = time.monotonic(), 1, time.monotonic()
    while time.monotonic() - start < args.seconds:
        await shell.tick()
        if len(report.attachments) > seen:
            seen = len(report.attachments)
            result["shells"].append(await shell.whoami(f"attachment {seen}"))
        if args.repeat_every and time.monotonic() - asked >= args.repeat_every:
            asked = time.monotonic()
            result["shells"].append(await shell.whoami("time"))
        await asyncio.sleep(args.tick_seconds)
    await shell.ticks_done()
    result["shells"].append(await shell.whoami("end"))
    await shell.type("exit 0\n")
