import type { AttackVerdict } from './run-attack.js';

/** One line about an attack, for people. */
export function attackLine(title: string, verdict: AttackVerdict): string {
  const { roundTrips, longestStallMs, ownStallMs, newcomers, gate, peakMib, problems, counts } = verdict;
  const did = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  return [
    `${problems.length === 0 ? 'ok  ' : 'FAIL'} ${title}`,
    `${roundTrips} round trips`,
    `longest stall ${longestStallMs.toFixed(0)} ms (observer's own ${ownStallMs.toFixed(0)})`,
    `newcomers ${newcomers.in} in ${newcomers.out.length} out, slowest ${newcomers.slowestMs.toFixed(0)} ms`,
    `gate ${gate.in}/${gate.in + gate.out.length}`,
    `agent ${peakMib.toFixed(0)} MiB`,
    `attacker: ${did.join(', ')}`,
    ...problems.map((problem) => `\n       ${problem}`),
  ].join(' | ');
}
