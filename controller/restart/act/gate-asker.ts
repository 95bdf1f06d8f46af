import { createBackoff, type Backoff } from '#common/time/backoff.js';
import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { State } from '#proto/gate/v1/gate.js';

import type { Pod } from '#kube/objects.js';
import { gateAddressOf } from '../facts/gate-provider.js';
import { uidOf } from '../facts/pods.js';
import type { GateCalls } from '../api/ports.js';
import type { GateQuestion } from '../decide/next-steps.js';
import type { GateView } from '../decide/snapshot.js';
import { messageOf } from '#common/errors/errors.js';

/** What an asker is made of. */
export interface GateAskerDeps {
  readonly gates: GateCalls;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Asks gates, and says when to ask again. */
export interface GateAsker {
  /** What gates say about a restart, by uid of the pod in question. */
  ask(questions: readonly GateQuestion[], restartUid: string): Promise<Map<string, GateView>>;
  /**
   * Milliseconds until the gates of these pods should be asked again: an exponential backoff for each, from 100 ms to
   * 5 s, that starts over once a pod is no longer among them. Undefined when there are none.
   */
  againInMs(scope: string, uids: readonly string[]): number | undefined;
}

interface Patience {
  readonly backoff: Backoff;
  dueMs: number;
}

/** Asks gates; one that did not answer is not asked again before its backoff is over. */
export function createGateAsker({ gates, clock, random, log }: GateAskerDeps): GateAsker {
  const scopes = new Map<string, Map<string, Patience>>();
  const silent = new Map<string, { view: GateView; untilMs: number; backoff: Backoff }>();

  const askOne = async (pod: Pod | undefined, restartUid: string): Promise<GateView> => {
    const address = gateAddressOf(pod);
    if (pod === undefined) return { kind: 'unreachable', message: 'no pod on its node answers for it.' };
    if (address === undefined) {
      return { kind: 'unreachable', message: 'the pod has no IP yet, or no container port named gate.' };
    }
    const uid = uidOf(pod);
    const known = silent.get(uid);
    if (known !== undefined && clock.nowMs() < known.untilMs) return known.view;
    try {
      const status = await gates.status(address);
      const closed = status.state === State.CLOSED || status.state === State.FORCED;
      const receipt = closed ? await gates.receipt(address, restartUid) : undefined;
      silent.delete(uid);
      return { kind: 'answered', status, receipt };
    } catch (error) {
      const message = messageOf(error);
      const backoff = known?.backoff ?? createBackoff(random, { initialMs: 200, maxMs: 5_000 });
      const view: GateView = { kind: 'unreachable', message };
      silent.set(uid, { view, untilMs: clock.nowMs() + backoff.nextMs() / 2, backoff });
      log.debug({ err: error, pod: { namespace: pod.metadata.namespace, name: pod.metadata.name } }, 'Gate not asked');
      return view;
    }
  };

  return {
    ask: async (questions, restartUid) => {
      const views = questions.map(async ({ uid, gate }) => [uid, await askOne(gate, restartUid)] as const);
      return new Map(await Promise.all(views));
    },
    againInMs: (scope, uids) => {
      const before = scopes.get(scope) ?? new Map<string, Patience>();
      const after = new Map<string, Patience>();
      const nowMs = clock.nowMs();
      for (const uid of uids) {
        const patience = before.get(uid) ?? {
          backoff: createBackoff(random, { initialMs: 100, maxMs: 5_000 }),
          dueMs: 0,
        };
        // Never at once, however the jitter falls.
        if (patience.dueMs <= nowMs) patience.dueMs = nowMs + 50 + patience.backoff.nextMs();
        after.set(uid, patience);
      }
      if (after.size === 0) scopes.delete(scope);
      else scopes.set(scope, after);
      const due = [...after.values()].map(({ dueMs }) => dueMs - nowMs);
      return due.length === 0 ? undefined : Math.max(0, Math.min(...due));
    },
  };
}
