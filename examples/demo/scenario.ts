import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError, messageOf } from '#common/errors/errors.js';
import type { PaneletClient } from '#client/sdk.js';
import { findInPath } from '#devcluster/kubectl-binary.js';
import { restartByAnnotation, signalAgent, type RestartObject } from '#test/support/restarts.js';
import type { TestCluster } from '#test/support/test-cluster.js';
import { formatMs } from '#test/support/text-table.js';
import { waitFor } from '#test/support/wait-for.js';
import { followSteps, liveLines, restartSummary, type ShownSession } from './live-view.js';
import type { Progress } from './progress.js';
import type { DemoRow, DemoSession } from './row.js';
import { openCounterSession } from './sessions/counter-session.js';
import { editors, openEditorSession } from './sessions/editor-session.js';
import { openGuestbookSession } from './sessions/guestbook-session.js';
import { openScreenSession } from './sessions/screen-session.js';
import type { SessionDeps } from './sessions/session-deps.js';
import { openStreamSession } from './sessions/stream-session.js';
import { openTailSession } from './sessions/tail-session.js';
import { createWaits, type Waits } from './waits.js';

/** What the demo needs. */
export interface ScenarioOptions {
  readonly test: TestCluster;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly kubectl: string;
  /** The environment variable PATH, to find editors on. */
  readonly path: string | undefined;
  /** Directory that the logs panel may read below. */
  readonly files: string;
  /** Command that runs the worker of the panel that is installed. */
  readonly guestbookCommand: readonly string[];
  readonly seed: number;
}

/** What the demo has found. */
export interface ScenarioResult {
  readonly rows: readonly DemoRow[];
  /** What went wrong outside of the sessions. */
  readonly failures: readonly string[];
}

const restartLimitMs = 60_000;
const readyLimitMs = 30_000;
const calmMs = 1000;

type Opener = (deps: SessionDeps) => Promise<DemoSession>;

function pickEditor(path: string | undefined): Opener | undefined {
  for (const editor of editors) {
    const found = findInPath(editor.name, path);
    if (found !== undefined) return (deps) => openEditorSession(deps, { ...editor, path: found });
  }
  return undefined;
}

function pickScreen(path: string | undefined): Opener | undefined {
  const top = findInPath('top', path);
  if (top !== undefined) return (deps) => openScreenSession(deps, { name: 'top', path: top, args: ['-d', '0.5'] });
  const less = findInPath('less', path);
  if (less !== undefined)
    return (deps) => openScreenSession(deps, { name: 'less', path: less, args: ['/proc/cpuinfo'] });
  return undefined;
}

/** The second terminal of a node: an editor on the first, a program that draws by itself on the second; what there is. */
function secondTerminal(nodeIndex: number, path: string | undefined): Opener | undefined {
  const [editor, screen] = [pickEditor(path), pickScreen(path)];
  return nodeIndex % 2 === 0 ? (editor ?? screen) : (screen ?? editor);
}

/** Sessions and what they have in common. */
class Stage {
  readonly sessions: ShownSession[] = [];
  readonly failures: string[] = [];

  constructor(
    readonly options: ScenarioOptions,
    readonly waits: Waits,
  ) {}

  async open(nodeName: string, name: string, opener: Opener): Promise<void> {
    const { clock, files, seed, test } = this.options;
    const directory = join(files, nodeName, name);
    mkdirSync(directory, { recursive: true });
    const index = this.sessions.length;
    const known = test.client(nodeName);
    let waitingMs: ShownSession['waitingMs'] = () => undefined;
    const client: PaneletClient = {
      ...known,
      open: async (options) => {
        const session = await known.open(options);
        waitingMs = this.waits.watch(nodeName, session);
        return session;
      },
    };
    const session = await opener({ client, node: nodeName, clock, directory, seed: seed * 1000 + index });
    this.sessions.push({ session, waitingMs });
  }

  setRestarting(isRestarting: boolean): void {
    for (const { session } of this.sessions) session.setRestarting(isRestarting);
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.setRestarting(true);
    try {
      return await work();
    } finally {
      this.setRestarting(false);
    }
  }
}

async function openSessions(stage: Stage): Promise<void> {
  const { path, test } = stage.options;
  for (const [index, node] of test.cluster.nodes.entries()) {
    await stage.open(node.name, 'counter', openCounterSession);
    const second = secondTerminal(index, path);
    if (second !== undefined) await stage.open(node.name, 'second', second);
    await stage.open(node.name, 'tail', openTailSession);
    await stage.open(node.name, 'stream', openStreamSession);
  }
}

function checkRestart(stage: Stage, restart: RestartObject): void {
  const { sessions, pods } = restart.status ?? {};
  const { progress, test } = stage.options;
  progress.note(restartSummary(restart));
  for (const field of ['forced', 'lost']) {
    const count = Number(sessions?.[field] ?? 0);
    if (count > 0) stage.failures.push(`${restart.metadata.name} reports ${count} sessions ${field}.`);
  }
  if (pods?.succeeded !== test.cluster.nodes.length) {
    stage.failures.push(
      `${restart.metadata.name} restarted ${pods?.succeeded ?? 0} of ${test.cluster.nodes.length} pods.`,
    );
  }
}

async function restartAll(stage: Stage, value: string, reason: string): Promise<void> {
  const { clock, kubectl, test } = stage.options;
  const before = [...test.agentPods().values()].map((pod) => pod.metadata.uid);
  const restart = await stage.during(async () => {
    // Streams at full speed are never idle, so the notice is always given in full: a short one keeps the demo short.
    const annotations = { 'panelet.dev/notice': '1s' };
    const done = await restartByAnnotation(test, { kubectl, value, reason, annotations, limitMs: restartLimitMs });
    await test.agentsReady(readyLimitMs);
    return done;
  });
  checkRestart(stage, restart);
  const kept = [...test.agentPods().values()].filter((pod) => before.includes(pod.metadata.uid));
  if (kept.length > 0) stage.failures.push(`${kept.length} pods are still the old ones after ${value}.`);
  await sleep(clock, calmMs);
}

async function isPanelThere(test: TestCluster, nodeName: string, panel: string): Promise<boolean> {
  try {
    const { panels } = await test.client(nodeName).listPanels();
    return panels.some((candidate) => candidate.name === panel && candidate.serving);
  } catch (error) {
    if (isPaneletError(error, 'AGENT_UNREACHABLE')) return false;
    throw error;
  }
}

async function installPanel(stage: Stage): Promise<void> {
  const { guestbookCommand, test } = stage.options;
  for (const node of test.cluster.nodes) {
    if (await isPanelThere(test, node.name, 'guestbook'))
      stage.failures.push('The panel was there before it was installed.');
    const entry = { name: 'guestbook', target: 'agent', run: 'spawn', command: guestbookCommand, beside: true };
    writeFileSync(join(node.panelsDirectory, 'guestbook.yaml'), stringify(entry));
  }
}

async function useInstalledPanel(stage: Stage): Promise<void> {
  const { test } = stage.options;
  for (const node of test.cluster.nodes) {
    await waitFor(
      `the installed panel on ${node.name}`,
      () => isPanelThere(test, node.name, 'guestbook'),
      readyLimitMs,
    );
    await stage.open(node.name, 'guestbook', openGuestbookSession);
  }
}

async function killAgent(stage: Stage): Promise<void> {
  const { clock, progress, test } = stage.options;
  const [node] = test.cluster.nodes;
  if (node === undefined) return;
  const tookMs = await stage.during(async () => {
    const took = await signalAgent(test, node.name, 'SIGKILL', readyLimitMs);
    await test.agentsReady(readyLimitMs);
    return took;
  });
  progress.note(`another agent runs after ${formatMs(tookMs)}, in the same pod`);
  await sleep(clock, 2 * calmMs);
}

/** The story: sessions, a restart, a panel that is installed and needs another, a killed agent, and the comparison. */
export async function playScenario(options: ScenarioOptions): Promise<ScenarioResult> {
  const { clock, progress, test } = options;
  const note = (line: string): void => progress.note(line);
  const waits = createWaits(clock, note);
  const stage = new Stage(options, waits);
  progress.show({ lines: () => liveLines(test, stage.sessions), summary: () => waits.summary() });
  const stopFollowing = followSteps(test, note);
  try {
    await progress.step('open terminals, log tails and streams on both nodes', () => openSessions(stage));
    await sleep(clock, calmMs);
    await progress.step('kubectl annotate ds/panelet-agent panelet.dev/restart=demo-1', () =>
      restartAll(stage, 'demo-1', 'show a restart'),
    );
    await progress.step('install a panel: drop a file into panels.d', () => installPanel(stage));
    await progress.step('kubectl annotate ds/panelet-agent panelet.dev/restart=demo-2', () =>
      restartAll(stage, 'demo-2', 'install the panel guestbook'),
    );
    await progress.step('use the installed panel', () => useInstalledPanel(stage));
    await progress.step('SIGKILL an agent', () => killAgent(stage));
  } catch (error) {
    stage.failures.push(messageOf(error));
  }
  stopFollowing();
  const rows = await progress.step('stop writing and compare both ends', () =>
    Promise.all(stage.sessions.map(({ session }) => session.finish())),
  );
  return { rows, failures: stage.failures };
}
