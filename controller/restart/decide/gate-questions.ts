import { nodeNameOf } from '#common/daemon-placement.js';
import type { Pod } from '#kube/objects.js';
import { Target } from '#proto/gate/v1/gate.js';
import { isFinished, type ActivePod } from '../api/panel-restart.js';
import { settingsOf } from '../api/settings.js';
import { gatePodOf } from '../facts/gate-provider.js';
import { isTerminating, uidOf } from '../facts/pods.js';
import { nextHosts } from './retire.js';
import { maxPreviewed } from './preview.js';
import type { Snapshot } from './snapshot.js';

/** A pod about which a gate has to be asked, and the pod whose gate that is; undefined when nobody answers for it. */
export interface GateQuestion {
  readonly uid: string;
  readonly gate: Pod | undefined;
  /** True while that it is closed leads to no more than a word in the status, so that a moment ago is soon enough. @default false */
  readonly isForRecord?: boolean;
  /** The pod itself, where its gate answers for several pods of a node and has to be told which one is meant. */
  readonly hostPod?: Pod;
}

/** Gates to ask before the next steps are derived: of the pods under way and of what replaces them; for a dry run, of all. */
export function gatesToAsk(snapshot: Omit<Snapshot, 'gates'>): GateQuestion[] {
  const { restart, pods, outstanding, gateProviders } = snapshot;
  const dryRun = restart.spec.dryRun === true && !isFinished(restart);
  const settings = settingsOf(restart, snapshot.target);
  const isOfHosts = settings.gateTarget === Target.HOST;
  // Whether a host can stay beside its replacement is what its gate knows.
  const next = isOfHosts ? nextHosts(snapshot, settings) : [];
  const own = dryRun ? outstanding.slice(0, maxPreviewed) : [...pods.claimedBy(uidOf(restart)), ...next];
  const active = restart.status?.active ?? [];
  const held = pods.claimedBy(uidOf(restart)).map(nodeNameOf);
  const places = new Set([...active.map(({ node }) => node), ...held]);
  const asked = [...own, ...[...places].flatMap((node) => pods.onNode(node))];
  const unrecorded = new Set(active.filter(isUnrecorded).map(({ uid }) => uid));
  const questions = asked
    .filter((pod) => !isTerminating(pod))
    .map((pod) => ({
      uid: uidOf(pod),
      gate: gatePodOf(gateProviders, pod),
      isForRecord: unrecorded.has(uidOf(pod)),
      ...(isOfHosts && !dryRun ? { hostPod: pod } : {}),
    }));
  // Whoever answers for a pod that is gone is still there.
  const gone = active.filter(({ uid }) => gateProviders !== undefined && pods.withUid(uid) === undefined);
  const left = gone.map(({ uid, node, pod: name }): GateQuestion => ({
    uid,
    gate: gateProviders?.get(node ?? ''),
    ...(isOfHosts ? { hostPod: { metadata: { name, uid } } } : {}),
  }));
  return [...new Map([...questions, ...left].map((question) => [question.uid, question])).values()];
}

/** True for a pod beside its replacement whose receipt is still to be written down, a moment later with those of others. */
function isUnrecorded({ surge, receipt }: ActivePod): boolean {
  return surge === 'beside' && receipt === undefined;
}
