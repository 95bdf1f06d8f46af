import { listAt, valueAt } from '../store/json-copy.js';
import type { StoredPod } from './pod.js';

const required = ['nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms'];

/**
 * The node that a pod is on, or is made for: one of a DaemonSet that waits for room names its node in its affinity alone.
 * @returns undefined for a pod that may run anywhere.
 */
export function targetNodeOf({ spec }: StoredPod): string | undefined {
  if (spec.nodeName !== undefined && spec.nodeName !== '') return spec.nodeName;
  for (const term of listAt(spec.affinity, ...required)) {
    for (const field of listAt(term, 'matchFields')) {
      const [name, ...others] = (valueAt(field, 'values') ?? []) as readonly unknown[];
      const isOne = field['key'] === 'metadata.name' && field['operator'] === 'In' && others.length === 0;
      if (isOne && typeof name === 'string') return name;
    }
  }
  return undefined;
}
