import { type Clock, createFakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import type { Channel, Event } from '#proto/session/v1/session.js';
import { createOpGate, type OpGate } from '#worker/panel/op-gate.js';
import type { PanelContext, PanelOutput } from '#worker/panel/panel.js';

/** Output of a panel session, kept for a test to look at. */
export interface RecordedOutput extends PanelOutput {
  /** All data, of all channels. */
  readonly text: string;
  readonly bytes: Buffer;
  /** Everything in order. */
  readonly items: readonly OutputItem[];
  /** Panel events by name, with their JSON content. */
  readonly events: readonly { readonly name: string; readonly content: unknown }[];
  readonly ended: boolean;
  /** Says whether the panel may write; calls it back when it may again. */
  setWritable(writable: boolean): void;
  /** Closes by itself after this many bytes, until `setWritable(true)`. */
  closeAfter(bytes: number): void;
  /** Resolves as soon as the output satisfies the condition. */
  until(condition: (output: RecordedOutput) => boolean): Promise<void>;
}

/** One thing that a panel wrote. */
export type OutputItem =
  | { readonly kind: 'data'; readonly channel: Channel; readonly bytes: Buffer }
  | { readonly kind: 'event'; readonly event: Event }
  | { readonly kind: 'end' };

/** An output that takes everything. */
export function createRecordedOutput(): RecordedOutput {
  const items: OutputItem[] = [];
  const writables: (() => void)[] = [];
  const watchers = new Set<() => void>();
  let writable = true;
  let room = Infinity;
  const add = (item: OutputItem): void => {
    items.push(item);
    for (const watch of [...watchers]) watch();
  };
  const output: RecordedOutput = {
    writeData: (channel, bytes) => {
      room -= bytes.length;
      if (room <= 0) writable = false;
      add({ kind: 'data', channel, bytes: Buffer.from(bytes) });
      return writable;
    },
    writeEvent: (event) => add({ kind: 'event', event }),
    end: () => add({ kind: 'end' }),
    canWrite: () => writable,
    onWritable: (callback) => writables.push(callback),
    get bytes() {
      return Buffer.concat(items.map((item) => (item.kind === 'data' ? item.bytes : Buffer.alloc(0))));
    },
    get text() {
      return output.bytes.toString('utf8');
    },
    items,
    get events() {
      return items.flatMap((item) => {
        if (item.kind !== 'event' || item.event.kind?.$case !== 'panel') return [];
        const { name, payload } = item.event.kind.value;
        return [{ name, content: JSON.parse(payload.toString('utf8')) as unknown }];
      });
    },
    get ended() {
      return items.some((item) => item.kind === 'end');
    },
    setWritable: (next) => {
      writable = next;
      room = Infinity;
      if (next) for (const callback of writables) callback();
    },
    closeAfter: (bytes) => {
      room = bytes;
    },
    until: (condition) =>
      new Promise((resolve) => {
        const watch = (): void => {
          if (!condition(output)) return;
          watchers.delete(watch);
          resolve();
        };
        watchers.add(watch);
        watch();
      }),
  };
  return output;
}

/** What a test may choose about a panel's context. */
export interface FakeContextOptions {
  readonly parameters?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly output?: RecordedOutput;
}

/** A context with an output to look at and a clock that stands still unless another is given. */
export function createFakePanelContext(
  options: FakeContextOptions = {},
): PanelContext & { readonly output: RecordedOutput; readonly gate: OpGate; readonly failures: readonly unknown[] } {
  const clock = options.clock ?? createFakeClock();
  const failures: unknown[] = [];
  return {
    failures,
    fail: (error) => void failures.push(error),
    sessionId: '00000000-0000-4000-8000-000000000001',
    owner: 'alice',
    parameters: options.parameters ?? {},
    output: options.output ?? createRecordedOutput(),
    gate: createOpGate({ clock }),
    log: createSilentLog(),
    clock,
    random: createSeededRandom(1),
  };
}
