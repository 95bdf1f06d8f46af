import { restartNamespace, type RestartObject } from '#test/support/restarts.js';
import type { TestCluster } from '#test/support/test-cluster.js';
import { podCondition, type Pod } from '#devcluster/launcher/pod.js';
import type { DemoSession } from './row.js';

function podLine(pod: Pod): string {
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
  return `restart  ${restart.metadata.name}  ${phase}  pods ${pods?.summary ?? ''}  sessions ${String(sessions?.['summary'] ?? '')}  ${steps}`;
}

/** Lines of the live view: pods, the newest restart, sessions. */
export function liveLines(test: TestCluster, sessions: readonly DemoSession[]): string[] {
  const pods = test.cluster.store.list<Pod>('pods', { ns: restartNamespace }).items;
  const restart = newestRestart(test);
  return [
    ...pods.map(podLine),
    ...(restart === undefined ? [] : [restartLine(restart)]),
    ...sessions.map((session) => `session  ${session.node}  ${session.kind}  ${session.progress()}`),
  ];
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
  const stopPods = store.watch<Pod>('pods', { ns: restartNamespace }, ({ object, type }) => {
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
