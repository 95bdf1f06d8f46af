import { componentLabel } from '../../cli/cluster/agent-pods.js';
import { podIsReady, podStateText, type PodConditions } from '../../cli/cluster/pod-state.js';
import type { BoardPod } from '../wire/live.js';
import type { ListedObject } from './follow-list.js';

/** A pod, as the API server has it. */
export interface PodObject extends ListedObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: { readonly nodeName?: string; readonly containers?: readonly { readonly image?: string }[] };
  readonly status?: PodConditions;
}

/** Label of a pod that its DaemonSet has replaced, and that stays for its sessions. */
const retiringLabel = 'panelet.dev/retiring';

const components = ['agent', 'host', 'controller'] as const;

/** What is shown of a pod. */
export function podView({ metadata, spec, status }: PodObject): BoardPod {
  const { labels = {} } = metadata;
  return {
    uid: metadata.uid,
    name: metadata.name,
    node: spec?.nodeName ?? '',
    component: components.find((known) => known === labels[componentLabel]) ?? 'other',
    owner: metadata.ownerReferences?.find(({ kind }) => kind === 'DaemonSet')?.name ?? '',
    state: podStateText(metadata, status),
    ready: podIsReady(status),
    retiring: labels[retiringLabel] === 'true',
    image: spec?.containers?.[0]?.image ?? '',
    createdAt: metadata.creationTimestamp ?? '',
  };
}
