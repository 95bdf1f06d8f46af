import type { Random } from '#common/random.js';
import type { Pod } from '../launcher/pod.js';
import { revisionLabel, templateGenerationAnnotation, templateGenerationLabel, type DaemonSet } from './daemon-set.js';
import { daemonTolerations } from './placement.js';
import { ownedBy } from './revisions.js';

/** What a pod of a DaemonSet is made from. */
export interface DaemonPodOptions {
  readonly set: DaemonSet;
  readonly nodeName: string;
  /** Hash of the template. */
  readonly hash: string;
  readonly random: Random;
}

// As the API server's generateName: letters and digits that spell no word.
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

function nameSuffix(random: Random): string {
  return Array.from({ length: 5 }, () => alphabet[Math.floor(random.number() * alphabet.length)]).join('');
}

/** A pod of a DaemonSet for one node, bound to it: the dev cluster has no scheduler. */
export function newDaemonPod({ set, nodeName, hash, random }: DaemonPodOptions): Pod {
  const { template } = set.spec;
  const generateName = `${set.metadata.name}-`;
  const templateGeneration =
    set.metadata.annotations?.[templateGenerationAnnotation] ?? String(set.metadata.generation ?? 1);
  const spec = structuredClone(template.spec);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${generateName}${nameSuffix(random)}`,
      generateName,
      namespace: set.metadata.namespace ?? '',
      labels: { ...template.metadata?.labels, [revisionLabel]: hash, [templateGenerationLabel]: templateGeneration },
      ...(template.metadata?.annotations === undefined ? {} : { annotations: { ...template.metadata.annotations } }),
      ownerReferences: [ownedBy(set)],
    },
    spec: {
      ...spec,
      nodeName,
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
