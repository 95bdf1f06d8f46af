import { waitFor } from '#test/support/wait-for.js';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const mib = 1024 * 1024;

/** Resident memory of a process now and at its highest, in MiB; 0 when it is gone. */
export function residentMib(pid: number): { readonly now: number; readonly peak: number } {
  let text = '';
  try {
    text = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    // Gone.
  }
  const field = (name: string): number => (Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1] ?? 0) * 1024) / mib;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}

/** Heap in use after a collection, in MiB, of a process that has loaded test/support/heap-probe.js. */
export async function heapMib(dir: string, pid: number): Promise<number> {
  const file = join(dir, `heap-${pid}.json`);
  rmSync(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  await waitFor('the process has told its heap', () => existsSync(file), 30_000);
  const { heapUsed, external } = JSON.parse(readFileSync(file, 'utf8')) as NodeJS.MemoryUsage;
  return (heapUsed + external) / mib;
}
