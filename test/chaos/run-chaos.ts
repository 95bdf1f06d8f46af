import type { PaneletClient } from '#client/sdk.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { podDeletes, recordedReceipts } from '#test/e2e/support/audit-log.js';
import { readAuditEvents } from '#test/e2e/support/audit-tail.js';
import { createRestart } from '#test/e2e/support/restarts.js';
import { restartOver, type World } from '#test/e2e/support/world.js';
import { sessionViolations } from './account.js';
import { createBreaker } from './breaker.js';
import { converge } from './converge.js';
import type { Disks } from './disks.js';
import { planFaults } from './fault-plan.js';
import type { FaultRecord, Violation } from './history.js';
import { judgeKills, type KillVerdict } from './kill-audit.js';
import { leftoversOf } from './leftovers.js';
import { createAddressBook, scanMachine } from './machine-scan.js';
import { watchReceipts, type ReceiptWatch } from './receipts-seen.js';
import type { ChaosResult } from './report.js';
import { startRestarter, type RestartOutcome } from './restarter.js';
import { runFaults } from './run-faults.js';
import { startSessionKeeper } from './session-keeper.js';
import { startTimeline, type Timeline } from './timeline.js';

/** What a run does. */
export interface ChaosOptions {
  readonly world: World;
  readonly disks: Disks;
  readonly seed: number;
  readonly faults: number;
  readonly clock: Clock;
  readonly say: (line: string) => void;
  /** Breaks no more, heals, and judges what there is. */
  readonly signal: AbortSignal;
}

const echoesPerNode = 5;
const shellsPerNode = 2;
const openLimitMs = 120_000;
const convergeLimitMs = 420_000;
const lastRestartLimitMs = 240_000;
const calmMs = 8_000;

function restartsUnderWay(world: World): number {
  return world.watch
    .restarts()
    .filter(({ status }) => status?.startTime !== undefined && status.completionTime === undefined).length;
}

function judgeAudit(
  { world }: ChaosOptions,
  { timeline, faults, receipts }: { timeline: Timeline; faults: readonly FaultRecord[]; receipts: ReceiptWatch },
): KillVerdict {
  const { ownCluster: own, namespace } = world.env;
  if (own === undefined) throw new Error('The audit log can be read on an own cluster only.');
  const { startedAt } = timeline;
  const events = readAuditEvents(own, startedAt);
  const outages = faults
    .filter(({ kind }) => kind === 'api-server')
    .map(({ startMs, endMs }) => ({ fromMs: startedAt.getTime() + startMs, toMs: startedAt.getTime() + endMs }));
  return judgeKills({
    ...{ namespace, outages, watched: receipts.seen },
    deletes: podDeletes(events),
    receipts: recordedReceipts(events),
  });
}

/** A new restart of all agents, with sessions open, when nothing is broken any more. */
async function restartOnceMore(world: World): Promise<Violation[]> {
  const what = 'afterwards the fleet restarts once more with nothing lost';
  try {
    const { metadata } = await createRestart(world, { reason: 'after chaos', drain: { noticeSeconds: 1 } });
    const { status } = await restartOver(world, metadata.name, lastRestartLimitMs);
    const { forced = 0, lost = 0 } = status?.sessions ?? {};
    if (status?.phase === 'Succeeded' && forced === 0 && lost === 0) return [];
    return [{ what, evidence: `${metadata.name} is ${status?.phase}, ${forced} forced, ${lost} lost` }];
  } catch (error) {
    return [{ what, evidence: String(error) }];
  }
}

function forcedViolations(outcomes: readonly RestartOutcome[]): Violation[] {
  return outcomes
    .filter(({ forced }) => forced > 0)
    .map(({ name, forced }) => ({ what: 'no session is ended by force', evidence: `${name} forced ${forced}` }));
}

/** Breaks things while sessions transfer and restarts run, heals them, and judges everything. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { world, disks, seed, clock, say, signal } = options;
  const nodes = world.nodeNames();
  const timeline = startTimeline(clock);
  const clients = new Map<string, PaneletClient>();
  for (const node of nodes) clients.set(node, await world.client(node));
  const addresses = createAddressBook(world);
  const receipts = watchReceipts(world, clock, () => addresses.note());
  const perNode = { echo: echoesPerNode, terminal: shellsPerNode };
  const keeper = startSessionKeeper({ clients, perNode, seed, clock, timeline });
  await keeper.full(openLimitMs);
  say(`${keeper.open()} sessions are open on ${nodes.length} nodes`);
  const restarter = startRestarter({ world, keeper, seed, clock, say });
  const plan = planFaults({ seed, faults: options.faults, nodes: nodes.length });
  const breaker = createBreaker(world, disks);
  const restarts = (): number => restartsUnderWay(world);
  const { faults, violations } = await runFaults({ plan, nodes, breaker, clock, timeline, restarts, say, signal });
  const healedMs = timeline.nowMs();
  say('everything is healed; the last restarts end');
  await restarter.stop();
  const problems = await converge(world, { clients, clock, limitMs: convergeLimitMs });
  const convergedMs = timeline.nowMs() - healedMs;
  const unsettled = problems.map((evidence) => ({ what: 'everything heals and nothing stays behind', evidence }));
  const found: Violation[] = [...violations, ...unsettled, ...forcedViolations(restarter.outcomes)];
  const incomplete = await keeper.full(openLimitMs).then(
    () => [],
    (error: unknown) => [{ what: 'afterwards sessions can be opened on every node', evidence: String(error) }],
  );
  await sleep(clock, calmMs);
  say('once more, with nothing broken');
  const calmFromMs = timeline.nowMs();
  found.push(...incomplete, ...(await restartOnceMore(world)));
  await sleep(clock, calmMs);
  const sessions = await keeper.stop();
  await receipts.stop();
  const after = await converge(world, { clients, clock, limitMs: convergeLimitMs });
  found.push(...after.map((evidence) => ({ what: 'nothing stays behind', evidence })));
  const kills = judgeAudit(options, { timeline, faults, receipts });
  found.push(...kills.violations, ...sessionViolations(faults, sessions));
  const late = sessions.filter(({ outcome, toMs }) => outcome === 'told' && toMs > calmFromMs);
  for (const { id, node, evidence } of late) {
    found.push({ what: 'nothing is lost when nothing is broken', evidence: `session ${id} on ${node}: ${evidence}` });
  }
  found.push(...leftoversOf(await scanMachine(world, addresses)));
  const { outcomes } = restarter;
  const tookMs = timeline.nowMs();
  return {
    seed,
    asked: plan.length,
    faults,
    sessions,
    restarts: outcomes,
    kills,
    convergedMs,
    tookMs,
    violations: found,
  };
}
