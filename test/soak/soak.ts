import { createSystemClock, sleep } from '#common/time/clock.js';
import { createSeededRandom, type Random } from '#common/random.js';
import { isFlawless, startEchoLoad, type EchoLoad, type EchoVerdict } from '#test/support/echo-load.js';
import { restartByAnnotation, signalAgent } from '#test/support/restarts.js';
import type { TestCluster } from '#test/support/test-cluster.js';
import { messageOf } from '#common/errors/errors.js';

/** Ways in which the soak restarts agents. */
const restartKinds = ['annotate', 'SIGTERM', 'SIGKILL'] as const;
/** One of them. */
type RestartKind = (typeof restartKinds)[number];

/** What a soak does. */
export interface SoakOptions {
  readonly test: TestCluster;
  readonly kubectl: string;
  readonly restarts: number;
  readonly sessions: number;
  readonly seed: number;
  /** Longest pause between two writes of a session, in milliseconds. @default 200 */
  readonly longestPauseMs?: number;
  /** Longest pause between two restarts, in milliseconds. @default 1500 */
  readonly longestRestMs?: number;
  /** One line of progress. */
  readonly say: (line: string) => void;
}

/** One restart that was made. */
export interface RestartRecord {
  readonly kind: string;
  readonly node: string;
  readonly tookMs: number;
}

/** What a soak has found. */
export interface SoakResult {
  readonly restarts: readonly RestartRecord[];
  readonly verdicts: readonly EchoVerdict[];
  /** Restarts that did not go as they should. */
  readonly problems: readonly string[];
  readonly tookMs: number;
}

const clock = createSystemClock({ keepsAlive: true });
const restartLimitMs = 120_000;
const finishLimitMs = 60_000;
const largestWriteBytes = 6 * 1024;

async function openAll(options: SoakOptions): Promise<EchoLoad[]> {
  const { nodes } = options.test.cluster;
  const open = async (index: number): Promise<EchoLoad> => {
    const node = nodes[index % nodes.length];
    if (node === undefined) throw new Error('The cluster has no nodes.');
    const session = await options.test.client(node.name).open({ panel: 'echo' });
    const longestPauseMs = options.longestPauseMs ?? 200;
    return startEchoLoad({ session, seed: options.seed + index, clock, largestWriteBytes, longestPauseMs });
  };
  return Promise.all(Array.from({ length: options.sessions }, (_, index) => open(index)));
}

/** Every kind once in each round, in an order that the seed decides. */
function kindsInRounds(random: Random, count: number): RestartKind[] {
  const kinds: RestartKind[] = [];
  while (kinds.length < count) {
    const round = restartKinds.map((kind) => ({ kind, place: random.number() }));
    kinds.push(...round.sort((a, b) => a.place - b.place).map(({ kind }) => kind));
  }
  return kinds.slice(0, count);
}

interface RestartPlan {
  readonly kind: RestartKind;
  readonly index: number;
  readonly random: Random;
}

async function restartOnce(options: SoakOptions, { kind, index, random }: RestartPlan): Promise<RestartRecord> {
  const { nodes } = options.test.cluster;
  const node = nodes[Math.floor(random.number() * nodes.length)]?.name ?? '';
  const startedMs = clock.nowMs();
  if (kind === 'annotate') {
    const value = `soak-${options.seed}-${index}`;
    // Sessions that write all the time are never idle: without a short notice, most of the time would be spent on it.
    const annotations = { 'panelet.dev/max-unavailable': String(nodes.length), 'panelet.dev/notice': '1s' };
    await restartByAnnotation(options.test, {
      kubectl: options.kubectl,
      value,
      reason: 'soak',
      annotations,
      limitMs: restartLimitMs,
    });
    await options.test.agentsReady(restartLimitMs);
    return { kind, node: 'all', tookMs: clock.nowMs() - startedMs };
  }
  await signalAgent(options.test, node, kind, restartLimitMs);
  return { kind, node, tookMs: clock.nowMs() - startedMs };
}

/** Runs echo sessions through restarts at random moments and compares what was sent, hashed and received. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const random = createSeededRandom(options.seed);
  const startedMs = clock.nowMs();
  const loads = await openAll(options);
  options.say(`${loads.length} sessions are open on ${options.test.cluster.nodes.length} nodes`);
  const restarts: RestartRecord[] = [];
  const problems: string[] = [];
  for (const [before, kind] of kindsInRounds(random, options.restarts).entries()) {
    const index = before + 1;
    await sleep(clock, random.number() * (options.longestRestMs ?? 1500));
    try {
      const record = await restartOnce(options, { kind, index, random });
      restarts.push(record);
      const received = loads.reduce((sum, load) => sum + load.receivedBytes(), 0);
      const megabytes = (received / 1024 / 1024).toFixed(1);
      options.say(
        `restart ${index}/${options.restarts} ${record.kind} ${record.node}: ${Math.round(record.tookMs)} ms, ${megabytes} MiB came back so far`,
      );
    } catch (error) {
      problems.push(`restart ${index}: ${messageOf(error)}`);
      options.say(problems.at(-1) ?? '');
    }
  }
  const verdicts = await Promise.all(loads.map((load) => load.finish(finishLimitMs)));
  return { restarts, verdicts, problems, tookMs: clock.nowMs() - startedMs };
}

/** True when nothing went wrong anywhere. */
export function isSoakFlawless(result: SoakResult): boolean {
  return result.problems.length === 0 && result.verdicts.every(isFlawless);
}
