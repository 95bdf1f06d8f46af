import type { PaneletClient, PaneletSession } from '#client/sdk.js';
import { createSystemClock, sleep } from '#common/time/clock.js';
import { createSequenceTracker, type SequenceVerdict } from '#test/support/record-stream.js';
import { waitFor } from '#test/support/wait-for.js';

// A counter behind, and in front a loop that carries out what is typed: both say what they did, in order.
const script = `
stty -echo
me() { echo "shell $$ $(cut -d' ' -f22 /proc/$$/stat)"; }
me
( i=0; while :; do i=$((i+1)); echo "tick $i"; sleep 0.05; done ) &
while read -r line; do
  case "$line" in
    who) me ;;
    stop) kill $!; wait $! 2>/dev/null; echo "last"; exit 0 ;;
    *) echo "ran $line" ;;
  esac
done
`;

/** A process, by what does not change in its life. */
export interface ShellProcess {
  /** Process id in its container. */
  readonly pid: number;
  /** Start in clock ticks since boot; proc(5), stat, field 22. */
  readonly startTicks: string;
}

/** What became of a shell that was typed into. */
export interface ShellVerdict {
  readonly before: ShellProcess;
  readonly after: ShellProcess;
  /** The counter's output: lost, repeated, out of order. */
  readonly output: SequenceVerdict;
  readonly typed: readonly string[];
  readonly executed: readonly string[];
  readonly gapsMs: readonly number[];
  readonly failures: readonly string[];
}

/** A shell with a counter, typed into all the time. */
export interface ShellSession {
  readonly session: PaneletSession;
  readonly shell: ShellProcess;
  readonly typed: readonly string[];
  readonly failures: readonly string[];
  /** Set when the session is over before it was finished, with the reason. */
  readonly ended: string | undefined;
  finish(limitMs: number): Promise<ShellVerdict>;
}

const keyPauseMs = 25;

/** Opens a shell and begins to type. */
export async function openShell(client: PaneletClient, command = '/bin/sh'): Promise<ShellSession> {
  const clock = createSystemClock({ keepsAlive: true });
  const session = await client.open({
    panel: 'terminal',
    parameters: { command, args: JSON.stringify(['-c', script]) },
  });
  const failures: string[] = [];
  const shells: ShellProcess[] = [];
  const executed: string[] = [];
  const typed: string[] = [];
  const tracker = createSequenceTracker();
  const stopping = new AbortController();
  let ticks = 0;
  let last = false;
  let ended: string | undefined;
  session.on('lost', (loss) => failures.push(`lost: ${JSON.stringify(loss)}`));

  const takeLine = (line: string): void => {
    const [word, first = '', second = ''] = line.split(' ');
    if (word === 'tick') {
      ticks = Number(first);
      tracker.take(ticks - 1);
    } else if (word === 'ran') executed.push(line.slice('ran '.length));
    else if (word === 'shell') shells.push({ pid: Number(first), startTicks: second });
    else if (word === 'last') last = true;
  };
  const read = async (): Promise<void> => {
    let partial = '';
    for await (const item of session) {
      if (item.kind === 'exit' && !last) ended = `exit ${JSON.stringify(item)}`;
      if (item.kind !== 'data') continue;
      const lines = (partial + Buffer.from(item.payload).toString('latin1')).split(/\r?\n/);
      partial = lines.pop() ?? '';
      lines.forEach(takeLine);
    }
    if (!last) ended ??= 'the session is over';
  };
  const reading = read().catch((error: unknown) => {
    ended ??= String(error);
    failures.push(`read: ${String(error)}`);
  });
  await waitFor('the shell to say who it is', () => shells.length > 0, 20_000);
  const type = async (): Promise<void> => {
    for (let index = 0; !stopping.signal.aborted && ended === undefined; index++) {
      const line = `cmd ${index}`;
      typed.push(line);
      await session.write(Buffer.from(`${line}\n`));
      await sleep(clock, keyPauseMs, stopping.signal).catch(() => undefined);
    }
  };
  const typing = type().catch((error: unknown) => failures.push(`type: ${String(error)}`));
  const settle = async (limitMs: number): Promise<void> => {
    await typing;
    const known = shells.length;
    await session.write(Buffer.from('who\n'));
    await waitFor('every line to be carried out', () => executed.length >= typed.length, limitMs);
    await waitFor('the shell to say who it is again', () => shells.length > known, limitMs);
    await session.write(Buffer.from('stop\n'));
    await waitFor('the counter to stop', () => last, limitMs);
  };
  const firstShell = shells[0] ?? { pid: 0, startTicks: '' };
  return {
    session,
    shell: firstShell,
    typed,
    failures,
    get ended() {
      return ended;
    },
    finish: async (limitMs) => {
      stopping.abort(new Error('enough'));
      await settle(limitMs).catch((error: unknown) => failures.push((error as Error).message));
      const { gapsMs } = session.stats();
      await session.terminate().catch((error: unknown) => failures.push(`close: ${String(error)}`));
      await reading;
      const after = shells.at(-1) ?? { pid: 0, startTicks: 'unknown' };
      return {
        before: firstShell,
        after,
        output: tracker.verdict(ticks),
        typed,
        executed,
        gapsMs: [...gapsMs],
        failures,
      };
    },
  };
}
