import { summarizeDurations } from '#common/time/percentiles.js';
import { formatMs, textTable } from '#test/support/text-table.js';
import type { HandoverParts } from './handover-parts.js';

/** What was measured of one kind of stream over replacements of one kind, in milliseconds. */
export interface Measured {
  readonly name: string;
  /** Longest silence of each stream in a second in which nothing was replaced: what the machine itself does; before each replacement. */
  readonly quietMs: number[];
  /** Longest silence of each stream while what takes over started; of each replacement. */
  readonly startingMs: number[];
  /** The same from when that served. */
  readonly silencesMs: number[];
  /** Where the time of those silences went, of sessions that have moved. */
  readonly parts: Parts[];
  /** From Hello to Welcome, of sessions that changed their way and were attached all the time. */
  readonly movesMs: number[];
  /** Longest delay of the event loop that all clients are in, of each replacement. */
  readonly loopMs: number[];
}

/** Where the time of one silence went, in milliseconds. */
export type Parts = Readonly<Record<keyof typeof partNames, number>>;

const partNames = {
  freezeMs: 'freeze and take',
  socketMs: 'socket',
  restoreMs: 'restore',
  liveMs: 'live',
  welcomeMs: 'Welcome',
  restMs: 'the rest',
} as const;

/** Nothing was measured yet. */
export function nothingMeasured(name: string): Measured {
  return { name, quietMs: [], startingMs: [], silencesMs: [], parts: [], movesMs: [], loopMs: [] };
}

/** Divides a silence by its causes. @param welcomedAtMs when the client had its Welcome, in milliseconds of the epoch */
export function divideSilence(
  silenceMs: number,
  { decidedAtMs, ...worker }: HandoverParts,
  welcomedAtMs: number,
): Parts {
  // Two clocks of whole milliseconds.
  const known = { ...worker, welcomeMs: Math.max(0, welcomedAtMs - decidedAtMs) };
  const knownMs = Object.values(known).reduce((sum, ms) => sum + ms, 0);
  return { ...known, restMs: Math.max(0, silenceMs - knownMs) };
}

/** Lines of the table; silences are compared with those of the last one. */
export function reportLines(all: readonly Measured[]): readonly string[] {
  const peerMs = summarizeDurations(all.at(-1)?.silencesMs ?? []).p50;
  const header = ['', 'n', 'p50', 'p99', 'max', 'p50 : peer'];
  return textTable(
    header,
    all.flatMap((measured) => rowsOf(measured, peerMs)),
  );
}

function rowsOf(measured: Measured, peerMs: number): string[][] {
  const { name, silencesMs, quietMs, startingMs, parts, movesMs, loopMs } = measured;
  const row = (what: string, durationsMs: readonly number[], more = ''): string[] => {
    const { count, p50, p99, max } = summarizeDurations(durationsMs);
    return [`${name}: ${what}`, String(count), formatMs(p50), formatMs(p99), formatMs(max), more];
  };
  const ratio = peerMs > 0 ? `${(summarizeDurations(silencesMs).p50 / peerMs).toFixed(2)} ×` : '–';
  const keys = Object.keys(partNames) as (keyof typeof partNames)[];
  return [
    row('silence', silencesMs, ratio),
    ...(parts.length === 0
      ? []
      : keys.map((key) =>
          row(
            `  ${partNames[key]}`,
            parts.map((each) => each[key]),
          ),
        )),
    ...(movesMs.length === 0 ? [] : [row('  Hello to Welcome beside the old way', movesMs)]),
    row('silence while it starts', startingMs),
    row('silence while nothing is replaced', quietMs),
    row('event loop of the clients', loopMs),
  ];
}
