import type { StoredObject } from '../store/kube-object.js';
import type { PodTemplate } from '../launcher/pod.js';

/** What a DaemonSet should be. */
export interface DaemonSetSpec {
  selector: { matchLabels?: Record<string, string>; matchExpressions?: readonly LabelRequirement[] };
  template: PodTemplate;
  updateStrategy?: {
    type?: 'OnDelete' | 'RollingUpdate';
    rollingUpdate?: { maxUnavailable?: number | string; maxSurge?: number | string };
  };
  minReadySeconds?: number;
  revisionHistoryLimit?: number;
}

/** One requirement on a label. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

/** What a DaemonSet is. */
export interface DaemonSetStatus {
  currentNumberScheduled: number;
  desiredNumberScheduled: number;
  numberMisscheduled: number;
  numberReady: number;
  numberAvailable?: number;
  numberUnavailable?: number;
  updatedNumberScheduled?: number;
  observedGeneration?: number;
  collisionCount?: number;
}

/** A DaemonSet. */
export interface StoredDaemonSet extends StoredObject {
  spec: DaemonSetSpec;
  status?: DaemonSetStatus;
}

/** A template that a DaemonSet has or had. */
export interface StoredRevision extends StoredObject {
  data: unknown;
  revision: number;
}

/** Label that names the template a pod was made from. */
export const revisionLabel = 'controller-revision-hash';

/** Label and annotation that count the changes of a template; deprecated, but real clusters still set them. */
export const templateGenerationLabel = 'pod-template-generation';
/** See {@link templateGenerationLabel}. */
export const templateGenerationAnnotation = 'deprecated.daemonset.template.generation';

/** Selector as text, as lists and watches take it. */
export function selectorText(selector: DaemonSetSpec['selector']): string {
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const others = (selector.matchExpressions ?? []).map(({ key, operator, values }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${(values ?? []).join(',')})`;
  });
  return [...equal, ...others].join(',');
}
