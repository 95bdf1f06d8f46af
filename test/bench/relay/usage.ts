import { readdirSync, readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';

/** CPU time and memory of a process with its children. */
export interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
}

const tickMs = 10;
const pageBytes = 4096;

/** Reads /proc; zero for no process. */
export function usageOf(child: ChildProcess | undefined): Usage {
  if (child?.pid === undefined) return { cpuMs: 0, rssBytes: 0 };
  const pids = [child.pid, ...childrenOf(child.pid)];
  const all = pids.map((pid) => {
    const fields = statOf(pid);
    return { ticks: Number(fields[11] ?? 0) + Number(fields[12] ?? 0), pages: Number(fields[21] ?? 0) };
  });
  return {
    cpuMs: all.reduce((sum, { ticks }) => sum + ticks, 0) * tickMs,
    rssBytes: all.reduce((sum, { pages }) => sum + pages, 0) * pageBytes,
  };
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(statOf(Number(name))[1]) === pid)
    .map(Number);
}

function statOf(pid: number): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
