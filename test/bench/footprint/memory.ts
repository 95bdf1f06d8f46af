import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** One process and the memory it holds. */
export interface Held {
  /** For people: `agent`, `worker echo`. */
  readonly program: string;
  /** Resident, in bytes. */
  readonly rss: number;
  /** Of the resident memory what no other process shares, in bytes. */
  readonly own: number;
}

/** Reads what a process holds now. @returns undefined when it is gone or is none of Panelet's programs */
export function heldBy(pid: number): Held | undefined {
  try {
    const program = programOf(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'));
    if (program === undefined) return undefined;
    return { program, ...sizesIn(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) };
  } catch {
    return undefined;
  }
}

/** The name of a program of Panelet for people, by what it was started with; undefined for another one. */
export function programOf(args: readonly string[]): string | undefined {
  const file = args.find((arg) => /(^|\/)panelet(-\w+)?\.js$/.test(arg));
  if (file === undefined) return undefined;
  const name = basename(file, '.js').replace(/^panelet-/, '');
  if (name !== 'worker') return name;
  const at = args.findIndex((arg) => arg === '--panel' || arg.startsWith('--panel='));
  const panel = args[at] === '--panel' ? args[at + 1] : args[at]?.slice('--panel='.length);
  return panel === undefined ? name : `worker ${panel}`;
}

/** Reads sizes in the form of /proc/<pid>/smaps_rollup. */
export function sizesIn(text: string): Pick<Held, 'rss' | 'own'> {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return { rss: bytes('Rss'), own: bytes('Private_Clean') + bytes('Private_Dirty') };
}
