import { countText } from '#common/count-text.js';
import { Target, type WorkerStatus } from '#proto/gate/v1/gate.js';

import type { Pod } from '#kube/objects.js';
import { viewOf } from './pod-outcome.js';
import type { Settings } from '../api/settings.js';
import { uidOf } from '../facts/pods.js';
import { isReplacedBeside } from './next-pods.js';
import type { Snapshot } from './snapshot.js';

/** Gates that a dry run asks, at most; of the pods beyond, nothing is said. */
export const maxPreviewed = 200;

/** What would become of the sessions of some pods. */
export interface Preview {
  readonly kept: number;
  readonly checkpointed: number;
  /** Of those that are kept: in the old pods, beside their replacements. */
  readonly staying: number;
  /** Sessions that cannot be checkpointed, by panel. */
  readonly ending: ReadonlyMap<string, number>;
  /** Pods whose gate did not say. */
  readonly silent: readonly Pod[];
  /** Pods that were not asked. */
  readonly unasked: number;
}

/** Adds up what the gates say: other workers' sessions are kept, an agent's are checkpointed, a host's cannot be. */
export function previewOf(snapshot: Snapshot, pods: readonly Pod[], settings: Settings): Preview {
  const asked = pods.slice(0, maxPreviewed);
  const ending = new Map<string, number>();
  const silent: Pod[] = [];
  let kept = 0;
  let checkpointed = 0;
  let staying = 0;
  const add = (pod: Pod, worker: WorkerStatus): void => {
    const isOthers = worker.podUid !== '' && worker.target === Target.HOST && worker.podUid !== uidOf(pod);
    const stays =
      !isOthers &&
      worker.sessions > 0 &&
      settings.gateTarget === Target.HOST &&
      isReplacedBeside(snapshot, settings, pod);
    if (stays && worker.target === Target.HOST) staying += worker.sessions;
    if (stays || isOthers || worker.target !== settings.gateTarget) kept += worker.sessions;
    else if (settings.gateTarget === Target.AGENT) checkpointed += worker.sessions;
    else if (worker.sessions > 0) ending.set(worker.panel, (ending.get(worker.panel) ?? 0) + worker.sessions);
  };
  for (const pod of asked) {
    const view = viewOf(snapshot, pod);
    if (view?.kind === 'answered') view.status.workers.forEach((worker) => add(pod, worker));
    else silent.push(pod);
  }
  return { kept, checkpointed, staying, ending, silent, unasked: pods.length - asked.length };
}

function endingText(ending: ReadonlyMap<string, number>, settings: Settings): string {
  if (ending.size === 0) return '';
  const seconds = Math.round(settings.timeoutMs / 1000);
  const what = [...ending].map(([panel, count]) => countText(count, `${panel} session`)).join(' and ');
  const policy = {
    Force: `those that last longer than ${seconds} s are ended`,
    Abort: `they are waited for, and after ${seconds} s the drain is called off`,
    Wait: 'they are waited for until they do',
  };
  return `; ${what} would end: ${policy[settings.onTimeout]}`;
}

/** A preview in a sentence or two. */
export function previewText(pods: readonly Pod[], preview: Preview, settings: Settings): string {
  const { kept, checkpointed, staying, ending, silent, unasked } = preview;
  const stay = staying === 0 ? '' : ` (${staying} of them in old pods, until they end)`;
  if (pods.length === 0) return 'Dry run: would restart no pod.';
  const names = pods.slice(0, 20).map((pod) => pod.metadata.name);
  const more = pods.length > names.length ? ` and ${pods.length - names.length} more` : '';
  const order =
    pods.length === 1 ? names.join('') : `${countText(pods.length, 'pod')} in this order: ${names.join(', ')}`;
  const unheard = silent.map((pod) => pod.metadata.name).slice(0, 5);
  const unknown =
    unheard.length === 0 ? '' : ` ${countText(silent.length, 'gate')} did not answer: ${unheard.join(', ')}.`;
  const beyond = unasked === 0 ? '' : ` ${countText(unasked, 'pod')} not asked.`;
  const sessions = `${countText(kept, 'session')} kept${stay}, ${checkpointed} checkpointed${endingText(ending, settings)}`;
  return `Dry run: would restart ${order}${more}; ${sessions}.${unknown}${beyond}`;
}
