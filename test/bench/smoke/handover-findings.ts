import type { Finding } from './finding.js';

const rows = ['silence', 'freeze and take', 'socket', 'restore', 'live'];
const ms = /^\d+(\.\d+)? (ms|s)$/;

/** Looks in the printed table of `bench:handover` for each part with all its numbers, and for `sessions` that have moved. */
export function handoverFindings(output: string, sessions: number): readonly Finding[] {
  const lines = output.split('\n').map((line) => line.trim().split(/ {2,}/));
  const hasNumbers = (name: string): boolean =>
    lines.some(([first, ...cells]) => first === name && cells.length === 3 && cells.every((cell) => ms.test(cell)));
  const moved = Number(/^(\d+) of \d+ sessions moved/m.exec(output)?.[1] ?? 0);
  return [
    ...rows.map((name) => ({ name, problem: hasNumbers(name) ? undefined : 'No row with all its numbers.' })),
    { name: 'sessions moved', problem: moved === sessions ? undefined : `${moved} sessions of ${sessions}.` },
  ];
}
