import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Attack } from './attack.js';
import { attackNamed } from './attacks.js';
import { startAttackedAgent, attackerToken, type AttackedAgent, type AttackedAgentOptions } from './attacked-agent.js';
import { startAttacker, type Attacker } from './attacker.js';
import { startHonestSession, within, type HonestSession } from './honest-session.js';
import { comeIn, watchArrivals, type Arrivals } from './newcomers.js';
import { residentMib } from './process-memory.js';

/** Which attack, and against what. */
export interface AttackPlan {
  /** Names of the attacks that run at once. */
  readonly attacks: readonly string[];
  readonly tls?: boolean;
  /** The attacker has a token of its own. @default false */
  readonly withToken?: boolean;
  /** How long it goes on, at least. */
  readonly seconds: number;
  readonly limits?: AttackedAgentOptions['limits'];
  readonly agent?: string;
  /** Sessions that all come again in the middle of the attack, because the agent is killed and started again. @default 0 */
  readonly sessionsThatReturn?: number;
  /** Told of the agent once it serves: whoever is told to stop has to close it. */
  readonly onStarted?: (agent: AttackedAgent) => void;
}

/** What an attack did to the others. */
export interface AttackVerdict {
  /** What should not have happened; empty when it was withstood. */
  readonly problems: readonly string[];
  readonly roundTrips: number;
  readonly longestStallMs: number;
  /** Longest delay of the observer's own timers, in milliseconds: what a stall cannot be told from. */
  readonly ownStallMs: number;
  readonly newcomers: Arrivals;
  readonly gate: Arrivals;
  readonly peakMib: number;
  /** What the attackers did. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Memory that the agent may have at most: the chart's limit of 512 MiB, with a margin. */
export const memoryLimitMib = 350;
const fewestRoundTrips = 5;
const answerLimitMs = 10_000;
// One that the agent slows down as it should never comes that far.
const enoughLimitMs = 30_000;
const finishLimitMs = 15_000;
const sessionsPerClient = 10;
const returningRestMs = 1000;

/** Starts an agent, attacks it, and tells what its other users saw. */
export async function runAttack(plan: AttackPlan): Promise<AttackVerdict> {
  const kinds = plan.attacks.map(attackNamed);
  const byCluster = kinds.some(({ identity }) => identity === 'kubernetes');
  const agent = await startAttackedAgent({
    tls: plan.tls === true || kinds.some(({ needsTls }) => needsTls === true),
    ...(byCluster ? { identity: 'kubernetes' } : {}),
    ...(plan.limits === undefined ? {} : { limits: plan.limits }),
    ...(plan.agent === undefined ? {} : { agent: plan.agent }),
  });
  plan.onStarted?.(agent);
  const ownDelay = monitorEventLoopDelay({ resolution: 10 });
  try {
    ownDelay.enable();
    const seen = await observe(agent, plan, kinds);
    return { ...seen, ownStallMs: ownDelay.max / 1e6 };
  } finally {
    ownDelay.disable();
    await agent.close();
  }
}

type Seen = Omit<AttackVerdict, 'ownStallMs'>;

async function observe(agent: AttackedAgent, plan: AttackPlan, kinds: readonly Attack[]): Promise<Seen> {
  const honestClient = agent.client(agent.freshToken());
  const honest = await startHonestSession(honestClient);
  const before = { agent: agent.process().child.pid, worker: agent.workerPid() };
  const returning = await openReturning(agent, plan.sessionsThatReturn ?? 0);
  const trips = [honest.roundTrips()];
  const attackers = plan.attacks.map((attack) => startAttacker(orderOf(agent, plan, attack)));
  const halfMs = (plan.seconds * 1000) / 2;
  let isOver = false;
  const shouldStop = (): boolean => isOver || agent.agentEnded() !== undefined;
  try {
    await untilEnough(agent, attackers, kinds);
    await pause(halfMs);
    const restarted = returning.sessions.length > 0;
    if (restarted) {
      await killAndStart(agent);
      await untilEnough(agent, attackers, kinds);
    }
    trips.push(honest.roundTrips());
    const newcomers = watchArrivals(shouldStop, () => comeIn(agent));
    const gate = watchArrivals(shouldStop, () => agent.askGate(answerLimitMs));
    await pause(halfMs);
    isOver = true;
    const arrivals = { newcomers: await newcomers, gate: await gate };
    trips.push(honest.roundTrips());
    const counts = await stopAll(attackers);
    const peakMib = residentMib(agent.process().child.pid ?? 0).peak;
    const problems = [
      ...problemsOfProcesses(agent, restarted ? { worker: before.worker } : before),
      ...(restarted ? [] : problemsOfTrips(trips)),
      ...(restarted ? [] : honest.cuts().map((reason) => `the honest session was cut: ${reason}`)),
      ...arrivals.newcomers.out.map((reason) => `a newcomer did not get in: ${reason}`),
      ...arrivals.gate.out.map((reason) => `the gate did not answer: ${reason}`),
      ...(peakMib > memoryLimitMib ? [`the agent had ${peakMib.toFixed(0)} MiB`] : []),
      ...(Object.keys(counts).length === 0 ? ['the attacker has done nothing'] : []),
    ];
    problems.push(...(await problemsAfterwards(agent, honest)), ...(await returning.finish()));
    return {
      ...{ problems, ...arrivals, peakMib, counts },
      roundTrips: (trips[2] ?? 0) - (trips[0] ?? 0),
      longestStallMs: honest.longestStallMs(),
    };
  } finally {
    await stopAll(attackers);
    await within(honestClient.close(), 1000);
    await returning.close();
  }
}

function orderOf(agent: AttackedAgent, plan: AttackPlan, attack: string): Parameters<typeof startAttacker>[0] {
  const { target, maxConnections } = agent;
  return { attack, target, maxConnections, token: plan.withToken === true ? attackerToken : undefined };
}

// An attacker's program takes a while to start, and some attacks show only once there is much of them.
async function untilEnough(
  agent: AttackedAgent,
  attackers: readonly Attacker[],
  kinds: readonly Attack[],
): Promise<void> {
  const untilMs = performance.now() + enoughLimitMs;
  const done = (attacker: Attacker, what: string): number => attacker.counts()[what] ?? 0;
  const before = attackers.map((attacker, index) => done(attacker, kinds[index]?.enough?.what ?? ''));
  const hasEnough = (attacker: Attacker, index: number): boolean => {
    const enough = kinds[index]?.enough;
    if (enough === undefined) return Object.keys(attacker.counts()).length > 0;
    const count = enough.count === 'room' ? agent.maxConnections : enough.count;
    return done(attacker, enough.what) - (before[index] ?? 0) >= count;
  };
  const isHopeless = (): boolean => agent.agentEnded() !== undefined || performance.now() > untilMs;
  while (!attackers.every(hasEnough) && !isHopeless()) await pause(50);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function stopAll(attackers: readonly Attacker[]): Promise<Record<string, number>> {
  await Promise.all(attackers.map((attacker) => attacker.stop()));
  const sum: Record<string, number> = {};
  for (const attacker of attackers) {
    for (const [what, count] of Object.entries(attacker.counts())) sum[what] = (sum[what] ?? 0) + count;
  }
  return sum;
}

async function killAndStart(agent: AttackedAgent): Promise<void> {
  const { child, exited } = agent.process();
  child.kill('SIGKILL');
  await exited;
  await agent.startAgain();
}

function problemsOfProcesses(agent: AttackedAgent, before: { agent?: number | undefined; worker: number }): string[] {
  const problems: string[] = [];
  const ended = agent.agentEnded();
  if (ended !== undefined) problems.push(`the agent died (${ended}): ${lastLine(agent.process().log())}`);
  if (before.agent !== undefined && agent.process().child.pid !== before.agent)
    problems.push('the agent is another one');
  if (agent.workerPid() !== before.worker) problems.push('the worker is another one');
  return problems;
}

function lastLine(log: string): string {
  const lines = log.trimEnd().split('\n');
  const said = lines.findLast((line) => /FATAL|"level":60|Agent crashed/.test(line)) ?? lines.at(-1) ?? '';
  return said.slice(0, 300);
}

function problemsOfTrips([start = 0, half = 0, end = 0]: readonly number[]): string[] {
  const halves = [half - start, end - half];
  if (halves.every((trips) => trips >= fewestRoundTrips)) return [];
  return [`the honest session made ${halves.join(' and ')} round trips in the two halves of the attack`];
}

async function problemsAfterwards(agent: AttackedAgent, honest: HonestSession): Promise<string[]> {
  if (agent.agentEnded() !== undefined) return [];
  const lists = async (): Promise<void> => {
    const client = agent.client(agent.freshToken());
    try {
      await client.listPanels();
    } finally {
      await client.close();
    }
  };
  const asked: Record<string, () => Promise<void>> = {
    Attach: () => comeIn(agent),
    ListPanels: lists,
    'Health/Check': () => agent.askHealth(answerLimitMs),
    'the gate': () => agent.askGate(answerLimitMs),
  };
  const answers = Object.entries(asked).map(async ([name, ask]) => {
    try {
      await ask();
      return [];
    } catch (error) {
      return [`after the attack, ${name} did not answer: ${(error as Error).message}`];
    }
  });
  const problems = (await Promise.all(answers)).flat();
  const { problems: own } = await honest.finish(problems.length === 0 ? finishLimitMs : 2000);
  return [...problems, ...own.map((problem) => `the honest session: ${problem}`)];
}

interface Returning {
  readonly sessions: readonly HonestSession[];
  /** Waits until each has made a round trip more, and compares its bytes. */
  finish(): Promise<string[]>;
  close(): Promise<void>;
}

async function openReturning(agent: AttackedAgent, count: number): Promise<Returning> {
  const clients = Array.from({ length: Math.ceil(count / sessionsPerClient) }, () => agent.client(agent.freshToken()));
  const opened = clients.flatMap((client) =>
    Array.from({ length: sessionsPerClient }, () => startHonestSession(client, returningRestMs)),
  );
  const sessions = await Promise.all(opened);
  return {
    sessions,
    finish: async () => {
      const verdicts = await Promise.all(sessions.map((session) => session.finish(finishLimitMs)));
      const broken = verdicts.flatMap(({ problems }) => problems);
      // Once for the agent that was killed.
      const again = sessions.filter((session) => session.resumes() > 1).length;
      return [
        ...(broken.length === 0 ? [] : [`${broken.length} of ${count} sessions did not return: ${broken[0]}`]),
        ...(again === 0 ? [] : [`${again} of ${count} sessions were cut again after they had returned`]),
      ];
    },
    close: async () => {
      await within(Promise.all(clients.map((client) => client.close())), 2000);
    },
  };
}
