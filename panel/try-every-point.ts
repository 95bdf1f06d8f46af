import type { PanelSpec } from './define-panel.js';
import { openPanel, type OpenPanelOptions, type TriedPanel } from './open-panel.js';

/** One thing that a client does. */
export type TriedInput =
  /** Data. */
  | string
  | Uint8Array
  | { readonly event: string; readonly content?: unknown }
  | { readonly resize: readonly [rows: number, cols: number] }
  | { readonly signal: string }
  | { readonly end: true };

/** What is tried. */
export interface TryOptions extends OpenPanelOptions {
  /** What the client does, in order. */
  readonly inputs: readonly TriedInput[];
}

/** What a client has seen. */
interface Seen {
  readonly output: string;
  readonly events: string;
  readonly exit: string | undefined;
}

/** Ways in which a restart meets an input. */
const ways: Readonly<Record<string, (session: TriedPanel, input: TriedInput) => Promise<void>>> = {
  'a restart before': async (session, input) => {
    await session.restart();
    await give(session, input);
  },
  'a restart right behind, while it is taken': async (session, input) => {
    const given = give(session, input);
    await session.restart().catch(whereItIsNotOver(session));
    await given;
  },
  'a restart while the client reads nothing': async (session, input) => {
    session.block();
    await give(session, input);
    await session.restart().catch(whereItIsNotOver(session));
    await session.unblock();
  },
  'a restart that is called off': async (session, input) => {
    await session.freeze().then(() => session.thaw(), whereItIsNotOver(session));
    await give(session, input);
  },
  'a freeze behind, that is called off': async (session, input) => {
    const given = give(session, input);
    await session.freeze().then(() => session.thaw(), whereItIsNotOver(session));
    await given;
  },
  'two restarts': async (session, input) => {
    await session.restart();
    await session.restart();
    await give(session, input);
  },
};

/**
 * Does what a client does once without a restart, then again and again with one at every point, in every way: before an input, while it is
 * taken, while its answer is not read, called off. What the client sees has to be the same each time.
 * @returns how many points were tried
 * @throws an Error that names the first point at which it is not
 */
export async function tryEveryPoint(spec: PanelSpec, options: TryOptions): Promise<number> {
  const expected = await run(spec, options, -1, give);
  let tried = 0;
  for (const [way, meet] of Object.entries(ways)) {
    for (const [at, input] of options.inputs.entries()) {
      const point = `${way}, at input ${at + 1}, ${JSON.stringify(input)}`;
      const seen = await run(spec, options, at, meet).catch((cause: unknown) => {
        throw new Error(`With ${point}: ${(cause as Error).message}`, { cause });
      });
      for (const what of ['exit', 'output', 'events'] as const) {
        if (seen[what] === expected[what]) continue;
        throw new Error(
          `With ${point}, ${what} is ${JSON.stringify(seen[what])}; without, ${JSON.stringify(expected[what])}.`,
        );
      }
      tried += 1;
    }
  }
  return tried;
}

async function run(spec: PanelSpec, options: TryOptions, at: number, meet: typeof give): Promise<Seen> {
  const session = await openPanel(spec, options);
  for (const [index, input] of options.inputs.entries()) await (index === at ? meet : give)(session, input);
  await session.idle();
  const seen = {
    output: Buffer.from(session.output).toString('latin1'),
    events: JSON.stringify(session.events),
    exit: session.exit,
  };
  await session.close();
  return seen;
}

async function give(session: TriedPanel, input: TriedInput): Promise<void> {
  if (typeof input === 'string' || input instanceof Uint8Array) return session.write(input);
  if ('event' in input) return session.send(input.event, input.content);
  if ('resize' in input) return session.resize(...input.resize);
  if ('signal' in input) return session.signal(input.signal);
  return session.endInput();
}

/** A session that an input ends is not restarted. */
function whereItIsNotOver(session: TriedPanel): (error: unknown) => void {
  return (error) => {
    if (session.exit === undefined) throw error;
  };
}
