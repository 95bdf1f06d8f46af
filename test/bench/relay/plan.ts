import type { Clock } from '#common/time/clock.js';
import type { Figure } from './figure.js';
import { measureIdle } from './idle.js';
import { coalescedMessage, measureLatency, measureThroughput, type LoadOptions, type Shape } from './load.js';
import type { Peer, PeerKind } from './peers.js';
import { withScene } from './scene.js';
import type { Line, Series } from './series.js';
import { measureUpload } from './upload.js';
import { usageOf } from './usage.js';

/** Everything the benchmark measures, by the scene it is measured in. */
export interface Plan {
  /** Clients in the clear, and a delaying proxy beside each peer. */
  readonly plain: readonly Series<Peer>[];
  /** Clients with TLS. */
  readonly secure: readonly Series<Peer>[];
  /** A scene of its own for each figure: memory that one left behind is not the next one's. */
  readonly idle: readonly Series<PeerKind>[];
}

/** How the plan is measured. */
export interface PlanOptions {
  readonly clock: Clock;
  readonly durationMs: number;
  /** Numbers of idle sessions. */
  readonly sessions: readonly number[];
  /** Rows without this in the title of the table or their own are left out. */
  readonly only: string;
  /** This program. */
  readonly self: string;
  readonly signal: AbortSignal;
}

/** What the delaying proxy adds, one way. */
export const delayMs = 10;

const framesPerMessage = 400;
const sizes: readonly (readonly [name: string, sizeBytes: number])[] = [
  ['64 B', 64],
  ['1 KiB', 1024],
  ['16 KiB', 16 * 1024],
];
// TLS is paid for each write and for each byte: the ends of the scale show both.
const secureSizes = sizes.filter(([name]) => name !== '1 KiB');
const one = { streams: 1, window: 64 };
const few = { streams: 1, window: 2 };
const many = { streams: 50, window: 4 };
const whole = (value: number): string => Math.round(value).toLocaleString('en');
const short = (value: number): string => value.toFixed(Math.abs(value) < 1 ? 3 : 1);

/** Every row. */
export function createPlan(options: PlanOptions): Plan {
  const { only, sessions } = options;
  const chosen = <T>(all: readonly Series<T>[]): Series<T>[] =>
    all.filter(({ lines }) => lines.some(({ table, title }) => `${table}: ${title}`.includes(only)));
  return {
    plain: chosen([
      ...sizes.map(([name, sizeBytes]) => roundTrip(name, sizeBytes, options)),
      ...sizes.flatMap(([name, bytes]) => [one, few, many].map((shape) => plainRow({ name, bytes, shape }, options))),
      coalescedRow(options),
      ...[1, 32].map((count) => uploadRow(count, options)),
    ]),
    secure: chosen(
      secureSizes.flatMap(([name, bytes]) => [one, many].map((shape) => secureRow({ name, bytes, shape }, options))),
    ),
    idle: chosen(sessions.map((count) => idleRow(count, options))),
  };
}

type Measuring = Pick<PlanOptions, 'clock' | 'durationMs'>;

function roundTrip(name: string, sizeBytes: number, options: Measuring): Series<Peer> {
  const table = 'Round trip, one in flight (in brackets: the agent takes this many times as long)';
  const line = (percentile: string): Line => {
    return { table, title: `${name}, ${percentile} µs`, better: 'less', format: whole };
  };
  return {
    lines: [line('p50'), line('p99')],
    measure: async (peer) => {
      const times = await measureLatency(loadOf(peer, options), sizeBytes);
      return [0.5, 0.99].map((share) => times[Math.floor(times.length * share)] ?? 'failed');
    },
  };
}

interface Sent {
  readonly name: string;
  readonly bytes: number;
  readonly shape: Shape;
}

function titleOf({ name, shape: { streams, window } }: Sent): string {
  return `messages/s, ${name}, ${streams} ${streams === 1 ? 'stream' : 'streams'} × ${window} in flight`;
}

function plainRow(sent: Sent, options: Measuring): Series<Peer> {
  const row = { title: titleOf(sent), message: Buffer.alloc(sent.bytes, 1), shape: sent.shape, suffix: '' };
  return throughput({ ...row, unitsPerMessage: 1 }, options);
}

function secureRow(sent: Sent, options: Measuring): Series<Peer> {
  const row = { title: titleOf(sent), message: Buffer.alloc(sent.bytes, 1), shape: sent.shape };
  return throughput({ ...row, suffix: ' with TLS', unitsPerMessage: 1 }, options);
}

function coalescedRow(options: Measuring): Series<Peer> {
  const title = `frames/s, ${framesPerMessage} coalesced frames of 64 B a message, 1 stream × 16 in flight`;
  const message = coalescedMessage(framesPerMessage, 64);
  const row = { title, message, shape: { streams: 1, window: 16 }, suffix: '' };
  return throughput({ ...row, unitsPerMessage: framesPerMessage }, options);
}

interface ThroughputRow {
  readonly title: string;
  readonly message: Buffer;
  readonly shape: Shape;
  /** Of the titles of the tables. */
  readonly suffix: string;
  /** What the row counts, in each message. */
  readonly unitsPerMessage: number;
}

function throughput(row: ThroughputRow, options: Measuring): Series<Peer> {
  const { title, message, shape, suffix, unitsPerMessage } = row;
  const speed = `Throughput${suffix} (in brackets: the agent is this many times as fast)`;
  const cpu = `CPU of the process in between${suffix}, µs for one (in brackets: the agent takes this many times as much)`;
  return {
    lines: [
      { table: speed, title, better: 'more', format: whole },
      { table: cpu, title, better: 'less', format: short },
    ],
    measure: async (peer) => {
      const before = usageOf(peer.process).cpuMs;
      const moved = await measureThroughput(loadOf(peer, options), message, shape);
      if (moved === undefined) return ['stalls', 'stalls'];
      const units = moved.count * unitsPerMessage;
      const cpuUs: Figure = peer.process === undefined ? '–' : ((usageOf(peer.process).cpuMs - before) * 1000) / units;
      return [units / moved.seconds, cpuUs];
    },
  };
}

function uploadRow(sessions: number, options: Measuring): Series<Peer> {
  const table = `Upload through ${2 * delayMs} ms of delay, one connection (in brackets: the agent is this many times as fast)`;
  const title = `MiB/s, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`;
  return {
    lines: [{ table, title, better: 'more', format: short }],
    measure: async (peer) => {
      const { delayedAddress: address, credentials } = peer;
      if (address === undefined) throw new Error('There is no delaying proxy.');
      const moved = await measureUpload(loadOf({ address, credentials }, options), sessions);
      return [moved === undefined ? 'stalls' : moved.count / moved.seconds / 1024 / 1024];
    },
  };
}

function idleRow(sessions: number, { clock, self, signal }: PlanOptions): Series<PeerKind> {
  const table =
    'Idle sessions, KiB RSS for one, 100 on each connection (in brackets: the agent takes this many times as much)';
  const line = (what: string): Line => {
    const title = `${sessions.toLocaleString('en')} sessions, ${what}`;
    return { table, title, better: 'less', format: (value) => value.toFixed(1) };
  };
  return {
    lines: [line('process in between'), line('worker'), line('both')],
    measure: (kind) =>
      withScene({ clock, self, signal, kinds: [kind] }, (scene) => measureIdle(scene, clock, sessions)),
  };
}

function loadOf(peer: LoadOptions['peer'], { clock, durationMs }: Measuring): LoadOptions {
  return { clock, durationMs, peer };
}
