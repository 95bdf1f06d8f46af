import { createBackoff, type Backoff } from '#common/time/backoff.js';
import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { State, Target, type GateStatus } from '#proto/gate/v1/gate.js';

import type { Pod } from '#kube/objects.js';
import { gateAddressOf } from '../facts/gate-provider.js';
import { hasUnnamedHosts, podNameIn } from '../facts/host-pods.js';
import { uidOf } from '../facts/pods.js';
import type { GateAddress, GateCalls } from '../api/ports.js';
import type { GateQuestion } from '../decide/gate-questions.js';
import type { GateView } from '../decide/snapshot.js';
import { messageOf } from '#common/errors/errors.js';
import { GateAnswers } from './gate-answers.js';

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
  againInMs(restartUid: string, uids: readonly string[]): number | undefined;
  /** Something has happened at the gate that answers for a pod, by its uid; for all pods of a restart where none is named. */
  heard(restartUid: string, uid?: string): void;
}

interface Patience {
  readonly backoff: Backoff;
  dueMs: number;
}

interface Silence {
  readonly view: GateView;
  readonly untilMs: number;
  readonly backoff: Backoff;
}

/** Asks gates: one that did not answer not before its backoff is over, one that did not at once, unless something is heard of it. */
export function createGateAsker(deps: GateAskerDeps): GateAsker {
  return new PatientGateAsker(deps);
}

class PatientGateAsker implements GateAsker {
  readonly #deps: GateAskerDeps;
  /** By uid of the restart, and of the pod. */
  readonly #patience = new Map<string, Map<string, Patience>>();
  /** By uid of the restart. */
  readonly #answers = new Map<string, GateAnswers>();
  /** By uid of the pod whose gate does not answer. */
  readonly #silent = new Map<string, Silence>();

  constructor(deps: GateAskerDeps) {
    this.#deps = deps;
  }

  async ask(questions: readonly GateQuestion[], restartUid: string): Promise<Map<string, GateView>> {
    if (questions.length === 0) {
      this.#answers.delete(restartUid);
      return new Map();
    }
    const known = this.#answers.get(restartUid) ?? new GateAnswers(this.#deps.clock);
    this.#answers.set(restartUid, known);
    known.keepOnly(new Set(questions.map(({ uid }) => uid)));
    const views = questions.map(async (question) => {
      const remembered = known.of(question);
      if (remembered !== undefined) return [question.uid, remembered] as const;
      const keep = known.asking(question);
      const view = await this.#askOne(question, restartUid);
      keep(view);
      return [question.uid, view] as const;
    });
    return new Map(await Promise.all(views));
  }

  againInMs(restartUid: string, uids: readonly string[]): number | undefined {
    const { clock, random } = this.#deps;
    const before = this.#patience.get(restartUid) ?? new Map<string, Patience>();
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
      this.#answers.get(restartUid)?.limit(uid, patience.dueMs);
    }
    if (after.size === 0) this.#patience.delete(restartUid);
    else this.#patience.set(restartUid, after);
    const due = [...after.values()].map(({ dueMs }) => dueMs - nowMs);
    return due.length === 0 ? undefined : Math.max(0, Math.min(...due));
  }

  heard(restartUid: string, uid?: string): void {
    if (uid === undefined) this.#answers.delete(restartUid);
    else this.#answers.get(restartUid)?.forget(uid);
  }

  async #askOne({ gate: pod, hostPod }: GateQuestion, restartUid: string): Promise<GateView> {
    const { gates, clock } = this.#deps;
    const address = gateAddressOf(pod);
    if (pod === undefined) return { kind: 'unreachable', message: 'no pod on its node answers for it.' };
    if (address === undefined) {
      return { kind: 'unreachable', message: 'the pod has no IP yet, or no container port named gate.' };
    }
    const uid = uidOf(pod);
    const known = this.#silent.get(uid);
    if (known !== undefined && clock.nowMs() < known.untilMs) return known.view;
    try {
      const status = await statusFrom(gates, address, hostPod);
      this.#silent.delete(uid);
      if (status === undefined) {
        return { kind: 'unreachable', message: 'no worker of the pod is on its node.', isWithoutWorkers: true };
      }
      const closed = status.state === State.CLOSED || status.state === State.FORCED;
      const name = hostPod === undefined ? {} : podNameIn(status, hostPod);
      const receipt = closed ? await gates.receipt(address, restartUid, name.podUid) : undefined;
      return { kind: 'answered', status, receipt };
    } catch (error) {
      return this.#noteSilence(pod, error);
    }
  }

  #noteSilence(pod: Pod, error: unknown): GateView {
    const { clock, random, log } = this.#deps;
    const uid = uidOf(pod);
    const backoff = this.#silent.get(uid)?.backoff ?? createBackoff(random, { initialMs: 200, maxMs: 5_000 });
    const view: GateView = { kind: 'unreachable', message: messageOf(error) };
    this.#silent.set(uid, { view, untilMs: clock.nowMs() + backoff.nextMs() / 2, backoff });
    log.debug({ err: error, pod: { namespace: pod.metadata.namespace, name: pod.metadata.name } }, 'Gate not asked');
    return view;
  }
}

/**
 * What a gate says, of one host's pod where it can. A host of an earlier release does not say its pod, and whatever has no workers of hosts at
 * all has none of this pod either: then it is what is said of all.
 */
async function statusFrom(
  gates: GateCalls,
  address: GateAddress,
  hostPod: Pod | undefined,
): Promise<GateStatus | undefined> {
  if (hostPod === undefined) return gates.status(address);
  const named = await gates.status(address, uidOf(hostPod));
  if (named !== undefined) return named;
  const all = await gates.status(address);
  const isAboutOthers = all?.workers.some(({ target }) => target === Target.HOST) === true && !hasUnnamedHosts(all);
  return isAboutOthers ? undefined : all;
}
