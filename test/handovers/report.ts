import { textTable } from '#test/support/text-table.js';
import { faults, ways } from './fault.js';
import type { HandoversReport } from './run-handovers.js';
import type { HandoverRecord } from './what-is-wrong.js';

/** What a run came to, line by line. */
export function handoversReport({ handovers, outcomes, wrong }: HandoversReport): string[] {
  const sum = (numbers: readonly (number | undefined)[]): string =>
    String(numbers.reduce<number>((total, number) => total + (number ?? 0), 0));
  const rows = faults.map((fault) => {
    const of = handovers.filter((handover) => handover.fault === fault);
    const byWay = ways.map((way) => String(of.filter((handover) => handover.way === way).length));
    return [fault, ...byWay, sum(of.map(({ moved }) => moved)), sum(of.map(({ checkpointed }) => checkpointed))];
  });
  const seconds = (one: HandoverRecord): number => (one.toMs - one.fromMs) / 1000;
  const longest = handovers.toSorted((a, b) => seconds(b) - seconds(a))[0];
  const count = (outcome: string): number => outcomes.filter((session) => session.outcome === outcome).length;
  const megabytes = Math.round(outcomes.reduce((total, { bytes }) => total + bytes, 0) / 1e6);
  const resumes = sum(outcomes.map((session) => session.resumes));
  return [
    '',
    ...textTable(['fault', ...ways, 'sessions moved', 'written down'], rows),
    '',
    ...(longest === undefined
      ? []
      : [`The longest took ${seconds(longest).toFixed(1)} s: ${longest.way}, ${longest.fault}.`]),
    `${outcomes.length} sessions, ${megabytes} MB, ${resumes} attachments after the first:`,
    `${count('exact')} exact, ${count('told')} told of a loss after a worker was killed, ${count('broken')} broken.`,
    ...wrong.map((line) => `! ${line}`),
  ];
}
