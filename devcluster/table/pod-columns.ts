import { listAt, textAt, valueAt } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { ageColumn, column, nameColumn, wideColumn, type ColumnSet } from './column-set.js';
import { timeSince } from './human-duration.js';

// A port of printPod in pkg/printers/internalversion/printers.go of Kubernetes 1.37; the order of its cases matters.
type Fields = Record<string, unknown>;

interface Tally {
  reason: string;
  ready: number;
  restarts: number;
  lastRestart: string;
}

const numberAt = (value: unknown, ...path: readonly string[]): number => Number(valueAt(value, ...path) ?? 0);
const hasCondition = (pod: AnyObject, type: string): boolean =>
  listAt(pod, 'status', 'conditions').some((condition) => condition['type'] === type && condition['status'] === 'True');

function countRestart(tally: Tally, status: Fields): void {
  tally.restarts += numberAt(status, 'restartCount');
  const finishedAt = textAt(status, 'lastState', 'terminated', 'finishedAt');
  if (finishedAt > tally.lastRestart) tally.lastRestart = finishedAt;
}

function endedReason(terminated: unknown): string {
  const reason = textAt(terminated, 'reason');
  if (reason !== '') return reason;
  const signal = numberAt(terminated, 'signal');
  return signal === 0 ? `ExitCode:${numberAt(terminated, 'exitCode')}` : `Signal:${signal}`;
}

/** What an init container that is not done yet says about its pod; undefined when it is done. */
function initReason(status: Fields, isSidecar: boolean, progress: string): string | undefined {
  const terminated = valueAt(status, 'state', 'terminated');
  if (terminated !== undefined && numberAt(terminated, 'exitCode') === 0) return undefined;
  if (isSidecar && status['started'] === true) return undefined;
  if (terminated !== undefined) return `Init:${endedReason(terminated)}`;
  const waiting = textAt(status, 'state', 'waiting', 'reason');
  return waiting !== '' && waiting !== 'PodInitializing' ? `Init:${waiting}` : `Init:${progress}`;
}

function readInitContainers(pod: AnyObject, tally: Tally, sidecars: Tally): boolean {
  const specs = listAt(pod, 'spec', 'initContainers');
  for (const [index, status] of listAt(pod, 'status', 'initContainerStatuses').entries()) {
    const isSidecar = specs.some((spec) => spec['name'] === status['name'] && spec['restartPolicy'] === 'Always');
    countRestart(tally, status);
    if (isSidecar) countRestart(sidecars, status);
    const reason = initReason(status, isSidecar, `${index}/${specs.length}`);
    if (reason !== undefined) {
      tally.reason = reason;
      return true;
    }
    if (isSidecar && status['ready'] === true && status['started'] === true) tally.ready += 1;
  }
  return false;
}

function readContainers(pod: AnyObject, tally: Tally): void {
  let isRunning = false;
  let failure = '';
  for (const status of [...listAt(pod, 'status', 'containerStatuses')].reverse()) {
    countRestart(tally, status);
    const waiting = textAt(status, 'state', 'waiting', 'reason');
    const terminated = valueAt(status, 'state', 'terminated');
    if (waiting !== '') tally.reason = waiting;
    else if (terminated !== undefined) {
      tally.reason = endedReason(terminated);
      if (numberAt(terminated, 'exitCode') !== 0) failure = tally.reason;
    } else if (status['ready'] === true && valueAt(status, 'state', 'running') !== undefined) {
      isRunning = true;
      tally.ready += 1;
    }
  }
  if (tally.reason !== 'Completed') return;
  if (isRunning && hasCondition(pod, 'Ready')) tally.reason = 'Running';
  else if (failure !== '') tally.reason = failure;
  else if (isRunning) tally.reason = 'NotReady';
}

function read(pod: AnyObject): Tally {
  const phase = textAt(pod, 'status', 'phase');
  const ownReason = textAt(pod, 'status', 'reason');
  const tally: Tally = { reason: ownReason === '' ? phase : ownReason, ready: 0, restarts: 0, lastRestart: '' };
  const sidecars: Tally = { reason: '', ready: 0, restarts: 0, lastRestart: '' };
  const isInitializing = readInitContainers(pod, tally, sidecars);
  if (!isInitializing || hasCondition(pod, 'Initialized')) {
    tally.restarts = sidecars.restarts;
    tally.lastRestart = sidecars.lastRestart;
    readContainers(pod, tally);
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (ownReason === 'NodeLost') tally.reason = 'Unknown';
    else if (phase !== 'Succeeded' && phase !== 'Failed') tally.reason = 'Terminating';
  }
  return tally;
}

function gatesOf(pod: AnyObject): string {
  const gates = listAt(pod, 'spec', 'readinessGates');
  if (gates.length === 0) return '<none>';
  return `${gates.filter((gate) => hasCondition(pod, textAt(gate, 'conditionType'))).length}/${gates.length}`;
}

const orNone = (text: string): string => (text === '' ? '<none>' : text);

/** Columns of pods. */
export const podColumns: ColumnSet = {
  columns: [
    nameColumn,
    column('Ready', 'string', 'The aggregate readiness state of this pod for accepting traffic.'),
    column('Status', 'string', 'The aggregate status of the containers in this pod.'),
    column(
      'Restarts',
      'string',
      'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    ),
    ageColumn,
    wideColumn('IP', 'string', 'podIP address allocated to the pod.'),
    wideColumn('Node', 'string', 'NodeName indicates in which node this pod is scheduled.'),
    wideColumn(
      'Nominated Node',
      'string',
      'nominatedNodeName is set only when this pod preempts other pods on the node.',
    ),
    wideColumn('Readiness Gates', 'string', 'If specified, all readiness gates will be evaluated for pod readiness.'),
  ],
  cells: (pod, nowMs) => {
    const tally = read(pod);
    const sidecarCount = listAt(pod, 'spec', 'initContainers').filter(
      (spec) => spec['restartPolicy'] === 'Always',
    ).length;
    const total = listAt(pod, 'spec', 'containers').length + sidecarCount;
    const ago = tally.restarts > 0 && tally.lastRestart !== '' ? ` (${timeSince(tally.lastRestart, nowMs)} ago)` : '';
    return [
      pod.metadata.name,
      `${tally.ready}/${total}`,
      tally.reason,
      `${tally.restarts}${ago}`,
      timeSince(pod.metadata.creationTimestamp, nowMs),
      orNone(textAt(pod, 'status', 'podIP')),
      orNone(textAt(pod, 'spec', 'nodeName')),
      orNone(textAt(pod, 'status', 'nominatedNodeName')),
      gatesOf(pod),
    ];
  },
  conditions: (pod) => {
    const phase = textAt(pod, 'status', 'phase');
    if (phase === 'Succeeded') {
      return [
        { type: 'Completed', status: 'True', reason: 'Succeeded', message: 'The pod has completed successfully.' },
      ];
    }
    if (phase !== 'Failed') return undefined;
    return [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }];
  },
};
