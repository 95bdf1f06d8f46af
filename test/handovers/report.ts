import { textTable } from '#test/support/text-table.js';
import { faults, type HandoversReport } from './run-handovers.js';

/** What a run came to, line by line. */
export function handoversReport({ handovers, outcomes, wrong }: HandoversReport): string[] {
  const sum = (numbers: readonly (number | undefined)[]): string =>
    String(numbers.reduce<number>((total, number) => total + (number ?? 0), 0));
  const rows = faults.map((fault) => {
    const of = handovers.filter((handover) => handover.fault === fault);
    const moved = sum(of.map((handover) => handover.moved));
    return [fault, String(of.length), moved, sum(of.map((handover) => handover.checkpointed))];
  });
  const count = (outcome: string): number => outcomes.filter((session) => session.outcome === outcome).length;
  const megabytes = Math.round(outcomes.reduce((total, { bytes }) => total + bytes, 0) / 1e6);
  const resumes = sum(outcomes.map((session) => session.resumes));
  return [
    '',
    ...textTable(['fault', 'handovers', 'sessions moved', 'written down'], rows),
    '',
    `${outcomes.length} sessions, ${megabytes} MB, ${resumes} attachments after the first:`,
    `${count('exact')} exact, ${count('told')} told of a loss after a kill, ${count('broken')} broken.`,
    ...wrong.map((line) => `! ${line}`),
  ];
}
