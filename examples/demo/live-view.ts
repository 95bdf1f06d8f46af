import { restartNamespace, type RestartObject } from '#test/support/restarts.js';
import type { TestCluster } from '#test/support/test-cluster.js';
import { podCondition, type StoredPod } from '#devcluster/launcher/pod.js';
import { formatMs } from '#test/support/text-table.js';
import type { DemoSession } from './row.js';

/** A session, and for how long it has been waiting, in milliseconds, if it does. */
export interface ShownSession {
  readonly session: DemoSession;
  readonly waitingMs: () => number | undefined;
}

function podLine(pod: StoredPod): string {
  const ready = podCondition(pod, 'Ready')?.status === 'True';
  const phase = pod.metadata.deletionTimestamp === undefined ? (pod.status?.phase ?? 'Pending') : 'Terminating';
  const restarts = pod.status?.containerStatuses?.[0]?.restartCount ?? 0;
  const words = [
    pod.metadata.name,
    pod.spec.nodeName ?? '',
    ready ? 'Ready' : 'not ready',
    phase,
    `restarts ${restarts}`,
  ];
  return `pod      ${words.join('  ')}`;
}

function newestRestart(test: TestCluster): RestartObject | undefined {
  const all = test.cluster.store.list<RestartObject>('panelrestarts', { ns: restartNamespace }).items;
  return [...all].sort((a, b) => Number(b.metadata.resourceVersion) - Number(a.metadata.resourceVersion))[0];
}

function restartLine(restart: RestartObject): string {
  const { active = [], phase = '', pods, sessions } = restart.status ?? {};
  const steps = active.map((entry) => `${entry.node ?? entry.pod}: ${entry.step}`).join(', ');
  return `restart  ${phase}  pods ${pods?.summary ?? ''}  sessions ${String(sessions?.['summary'] ?? '')}  ${steps}`;
}

function sessionLine({ session, waitingMs }: ShownSession): string {
  const waited = waitingMs();
  const state = waited === undefined ? session.progress() : `waiting ${formatMs(waited)}`;
  return `session  ${session.node}  ${session.kind.padEnd(16)}  ${state}`;
}

/** What a restart came to, as a sentence. */
export function restartSummary({ status }: RestartObject): string {
  const count = (field: string): number => Number(status?.sessions?.[field] ?? 0);
  const { succeeded = 0, total = 0 } = status?.pods ?? {};
  return `${succeeded} of ${total} pods restarted; sessions: ${count('kept')} kept, ${count('moved')} moved, ${count('checkpointed')} checkpointed and ${count('resumed')} resumed, ${count('forced')} forced, ${count('lost')} lost`;
}

/** Lines of the live view: pods, the newest restart, sessions. */
export function liveLines(test: TestCluster, sessions: readonly ShownSession[]): string[] {
  const pods = test.cluster.store.list<StoredPod>('pods', { ns: restartNamespace }).items;
  const restart = newestRestart(test);
  return [...pods.map(podLine), ...(restart === undefined ? [] : [restartLine(restart)]), ...sessions.map(sessionLine)];
}

/** Tells each step of each pod once, as the controller writes it down. @returns a function that stops it. */
export function followSteps(test: TestCluster, tell: (line: string) => void): () => void {
  const told = new Set<string>();
  const say = (key: string, line: string): void => {
    if (told.has(key)) return;
    told.add(key);
    tell(line);
  };
  const { store } = test.cluster;
  for (const { metadata } of store.list('pods', { ns: restartNamespace }).items)
    told.add(`${metadata.uid ?? ''} ready`);
  const stopRestarts = store.watch<RestartObject>('panelrestarts', { ns: restartNamespace }, ({ object }) => {
    for (const { node, pod, step } of object.status?.active ?? []) {
      say(`${object.metadata.name} ${pod} ${step}`, `${node ?? pod}: ${step.toLowerCase()}`);
    }
  });
  const stopPods = store.watch<StoredPod>('pods', { ns: restartNamespace }, ({ object, type }) => {
    const { name, uid } = object.metadata;
    const node = object.spec.nodeName ?? '';
    if (type === 'DELETED') say(`${uid ?? ''} gone`, `${node}: pod ${name} is gone`);
    else if (podCondition(object, 'Ready')?.status === 'True')
      say(`${uid ?? ''} ready`, `${node}: pod ${name} is Ready`);
  });
  return () => {
    stopRestarts();
    stopPods();
  };
}
