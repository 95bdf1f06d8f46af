import { createPlan, type PlanOptions } from '../relay/plan.js';
import { agentName, beforeName } from '../relay/report.js';
import type { Finding } from './finding.js';
import { fleetFindings } from './fleet-findings.js';
import { footprintFindings } from './footprint-findings.js';
import { gapFindings } from './gap-findings.js';
import { handoverFindings } from './handover-findings.js';
import { relayFindings } from './relay-findings.js';

/** A benchmark with the smallest parameters that still measure every row. */
export interface ShortRun {
  /** The script of package.json. */
  readonly script: string;
  /** Its program, beside this one. */
  readonly program: string;
  readonly args: readonly string[];
  readonly find: (output: string) => readonly Finding[];
}

const idleCounts = [20, 150];
const fleet = [4, 8];
const restarts = 1;
const sessions = 2;
const handover = { handovers: 1, sessions: 2, measured: 1, terminals: 1 };
const started = ['panelet', 'worker echo', 'agent', 'controller'];
const held = ['agent', 'controller', 'worker echo', 'worker logs', 'worker terminal'];

/** The short run of each benchmark. `agent` is the program that stands for the build before, too. */
export function shortRuns(agent: string, options: Pick<PlanOptions, 'clock' | 'self' | 'signal'>): readonly ShortRun[] {
  const { plain, secure, idle } = createPlan({ ...options, durationMs: 1, sessions: idleCounts, only: '' });
  const rows = [...plain, ...secure, ...idle].flatMap(({ lines }) => lines);
  const expected = {
    rows,
    peers: ['direct', agentName, beforeName, 'grpc-js relay'],
    optionalPeers: ['nginx', 'haproxy'],
    dashFor: 'direct',
  };
  const relayArgs = ['--rounds', '1', '--seconds', '0.1', '--sessions', idleCounts.join(), '--before', agent];
  const streams = ['Panelet', 'plain gRPC', 'plain gRPC, back-off 50 ms'];
  return [
    {
      ...{ script: 'bench:relay', program: 'panelet-bench-relay.js', args: relayArgs },
      find: (output) => [...relayFindings(output, expected), comparisonFinding(output, rows.length)],
    },
    {
      ...{ script: 'bench:gap', program: 'panelet-bench-gap.js' },
      args: ['--restarts', String(restarts), '--sessions', String(sessions)],
      find: (output) => gapFindings(output, { streams, gaps: restarts * sessions }),
    },
    {
      ...{ script: 'bench:fleet', program: 'panelet-bench-fleet.js', args: ['--pods', fleet.join()] },
      find: (output) => fleetFindings(output, fleet),
    },
    {
      ...{ script: 'bench:handover', program: 'panelet-bench-handover.js' },
      args: Object.entries(handover).flatMap(([name, count]) => [`--${name}`, String(count)]),
      find: (output) => handoverFindings(output, handover),
    },
    {
      ...{ script: 'bench:footprint', program: 'panelet-bench-footprint.js' },
      args: ['--rounds', '1', '--settle', '1', '--sessions', '1'],
      find: (output) => footprintFindings(output, { started, held }),
    },
  ];
}

// A row of which one side was 0 has no ratio; in a short run, that may be.
function comparisonFinding(output: string, rows: number): Finding {
  const compared = Number(/^Rows below ×[\d.]+: \d+ of (\d+)\.$/m.exec(output)?.[1] ?? 0);
  const name = 'the agent against the agent before';
  return { name, problem: compared * 2 > rows ? undefined : `${compared} of ${rows} rows are compared.` };
}
