import type { Finding } from './finding.js';

/** How much a run of `bench:handover` measures. */
export interface HandoverExpectation {
  readonly handovers: number;
  readonly sessions: number;
  readonly measured: number;
  readonly terminals: number;
}

const causes = ['freeze and take', 'socket', 'restore', 'live', 'Welcome', 'the rest'];
const beside = 'Hello to Welcome beside the old way';
const ms = /^\d+(\.\d+)? (ms|s)$/;
const ratio = /^\d+\.\d\d ×$/;

/**
 * Looks in the printed table of `bench:handover` for each row with as many numbers as were measured, for sessions that have all moved,
 * and for what was lost; how long anything took does not matter.
 */
export function handoverFindings(output: string, expected: HandoverExpectation): readonly Finding[] {
  const { handovers, sessions, measured, terminals } = expected;
  const rows = new Map(output.split('\n').map((line) => [nameOf(line), cellsOf(line)]));
  const find = (name: string, count: number, forms: readonly RegExp[] = [ms, ms, ms]): Finding => {
    const [n, ...numbers] = rows.get(name) ?? [];
    const hasAll = numbers.length === forms.length && forms.every((form, at) => form.test(numbers[at] ?? ''));
    if (!hasAll) return { name, problem: 'No row with all its numbers.' };
    return { name, problem: n === String(count) ? undefined : `${n} of ${count} were measured.` };
  };
  const stream = (name: string, count: number): Finding[] => [
    find(`${name}: silence`, count * handovers, [ms, ms, ms, ratio]),
    find(`${name}: silence while it starts`, count * handovers),
    find(`${name}: event loop of the clients`, handovers),
  ];
  const moved = Number(/^(\d+) of \d+ sessions moved/m.exec(output)?.[1] ?? 0);
  const all = 2 * handovers * sessions;
  const lost = /^Messages lost: (\d+) by Panelet, \d+ by plain gRPC\.$/m.exec(output)?.[1];
  return [
    ...['worker', 'agent'].flatMap((name) => [
      ...stream(name, measured),
      ...causes.map((cause) => find(`${name}: ${cause}`, measured * handovers)),
    ]),
    ...stream('agent, terminals', terminals),
    find(`agent, terminals: ${beside}`, terminals * handovers),
    ...stream('plain gRPC', measured),
    { name: 'sessions moved', problem: moved === all ? undefined : `${moved} sessions of ${all}.` },
    { name: 'messages lost', problem: lost === '0' ? undefined : `${lost ?? 'Nobody says how many'} by Panelet.` },
  ];
}

function nameOf(line: string): string {
  const [name = ''] = line.replace(/: +/, ': ').trim().split(/ {2,}/);
  return name;
}

function cellsOf(line: string): string[] {
  return line.replace(/: +/, ': ').trim().split(/ {2,}/).slice(1);
}
