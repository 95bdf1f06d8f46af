import { daemonTolerations } from '#common/daemon-placement.js';
import type { StoredPod } from '../launcher/pod.js';
import {
  revisionLabel,
  templateGenerationAnnotation,
  templateGenerationLabel,
  type StoredDaemonSet,
} from './daemon-set.js';
import { ownedBy } from './revisions.js';

/** What a pod of a DaemonSet is made from. */
export interface DaemonPodOptions {
  readonly set: StoredDaemonSet;
  readonly nodeName: string;
  /** Hash of the template. */
  readonly hash: string;
}

/** A pod of a DaemonSet for one node, which it names in its affinity: the scheduler gives it that node. */
export function newDaemonPod({ set, nodeName, hash }: DaemonPodOptions): StoredPod {
  const { template } = set.spec;
  const generateName = `${set.metadata.name}-`;
  const templateGeneration =
    set.metadata.annotations?.[templateGenerationAnnotation] ?? String(set.metadata.generation ?? 1);
  const spec = structuredClone(template.spec);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      // The store makes one of generateName.
      name: '',
      generateName,
      namespace: set.metadata.namespace ?? '',
      labels: { ...template.metadata?.labels, [revisionLabel]: hash, [templateGenerationLabel]: templateGeneration },
      ...(template.metadata?.annotations === undefined ? {} : { annotations: { ...template.metadata.annotations } }),
      ownerReferences: [ownedBy(set)],
    },
    spec: {
      ...spec,
      tolerations: [...(spec.tolerations ?? []), ...daemonTolerations],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [nodeName] }] }],
          },
        },
      },
    },
  };
}
