import type { DaemonSet, Pod } from '#kube/objects.js';
import { gateDaemonSetAnnotation, gateTargetAnnotation } from '../api/annotations.js';
import { retirementOf } from '../api/retirement.js';

/**
 * What stands for a DaemonSet that is gone while pods of it retire: all that looking after them needs is written at them. Undefined where none of
 * them says whose pods answer for their gates. It has no uid, for nothing can be owned by it.
 */
export function goneTargetOf(pods: readonly Pod[]): DaemonSet | undefined {
  for (const pod of pods) {
    const { target, gate } = retirementOf(pod) ?? {};
    if (target === undefined || gate === undefined) continue;
    const { namespace } = pod.metadata;
    const annotations = { [gateTargetAnnotation]: 'host', [gateDaemonSetAnnotation]: gate };
    return { metadata: { name: target, ...(namespace === undefined ? {} : { namespace }), annotations } };
  }
  return undefined;
}
