import { sleep, timestamp } from '#common/time/clock.js';
import { messageOf } from '#common/errors/errors.js';
import { componentLabel } from '../../cli/cluster/agent-pods.js';
import type { RestartObject } from '../../cli/fleet/restart-object.js';
import type { TroubleSource } from '../wire/live.js';
import type { BoardState } from './board-state.js';
import { eventView, type EventObject } from './event-view.js';
import { followList, type FollowDeps, type ListedObject, type ListSink } from './follow-list.js';
import { podView, type PodObject } from './pod-view.js';
import { isDryRun, restartView } from './restart-view.js';
import { targetViews, type DaemonSetObject } from './target-view.js';

/** A restart, as a list has it. */
type ListedRestart = RestartObject & ListedObject;

const targetsEveryMs = 60_000;

/**
 * Keeps the state as the API server has it: pods of the release, restarts and events by three watches, and what can be restarted by a list
 * each minute. Resolves when the signal aborts.
 */
export async function followCluster(state: BoardState, deps: FollowDeps): Promise<void> {
  const { namespace } = state.cluster;
  const trouble = (source: TroubleSource) => (text: string | undefined) => state.setTrouble(source, text);
  const core = `/api/v1/namespaces/${namespace}`;
  const restarts = `/apis/panelet.dev/v1alpha1/namespaces/${namespace}/panelrestarts`;
  await Promise.all([
    followList(
      deps,
      { path: `${core}/pods`, query: { labelSelector: componentLabel } },
      podSink(state, trouble('pods')),
    ),
    followList(deps, { path: restarts }, restartSink(state, deps, trouble('restarts'))),
    followList(deps, { path: `${core}/events` }, eventSink(state, trouble('events'))),
    followTargets(state, deps),
  ]);
}

type Trouble = ListSink<ListedObject>['trouble'];

function podSink(state: BoardState, trouble: Trouble): ListSink<PodObject> {
  return {
    listed: (pods) => state.listPods(pods.map(podView)),
    changed: (pod) => state.setPod(podView(pod)),
    gone: (uid) => state.removePod(uid),
    trouble,
  };
}

function restartSink(state: BoardState, { clock }: FollowDeps, trouble: Trouble): ListSink<ListedRestart> {
  const view = (restart: ListedRestart): ReturnType<typeof restartView> =>
    restartView(restart, state.restarts.get(restart.metadata.uid), timestamp(clock.date()));
  return {
    listed: (restarts) => state.listRestarts(restarts.filter((restart) => !isDryRun(restart)).map(view)),
    changed: (restart) => {
      if (!isDryRun(restart)) state.setRestart(view(restart));
    },
    gone: (uid) => state.removeRestart(uid),
    trouble,
  };
}

function eventSink(state: BoardState, trouble: Trouble): ListSink<EventObject> {
  return {
    listed: (events) => state.addEvents(events.map(eventView)),
    changed: (event) => state.addEvents([eventView(event)]),
    // What happened has happened: the API server forgets it after an hour.
    gone: () => undefined,
    trouble,
  };
}

async function followTargets(state: BoardState, { kubectl, clock, signal }: FollowDeps): Promise<void> {
  const list = ['get', 'daemonsets.apps', '-n', state.cluster.namespace, '-o', 'json'];
  while (!signal.aborted) {
    try {
      const { items } = JSON.parse(await kubectl.run(list)) as { readonly items: readonly DaemonSetObject[] };
      state.setTargets(targetViews(items));
      state.setTrouble('targets', undefined);
    } catch (error) {
      state.setTrouble('targets', messageOf(error));
    }
    await sleep(clock, targetsEveryMs, signal).catch(() => undefined);
  }
}
