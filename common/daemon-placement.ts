/** A taint keeps pods away that do not tolerate it. */
export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

/** Which taints of a node a pod bears. */
export interface Toleration {
  readonly key?: string;
  readonly operator?: 'Exists' | 'Equal';
  readonly value?: string;
  readonly effect?: string;
}

/** What is read of a node. */
export interface PlacedNode {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: { readonly taints?: readonly Taint[] };
}

/** Which nodes a pod may be on; of what Kubernetes knows, what is read. */
export interface Affinity {
  readonly nodeAffinity?: {
    readonly requiredDuringSchedulingIgnoredDuringExecution?: {
      readonly nodeSelectorTerms?: readonly {
        readonly matchFields?: readonly {
          readonly key: string;
          readonly operator: string;
          readonly values?: readonly string[];
        }[];
      }[];
    };
  };
}

/** What is read of a pod's spec. */
export interface PlacedSpec {
  readonly nodeName?: string;
  readonly affinity?: Affinity;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly Toleration[];
}

/** What a node means to a DaemonSet. */
export interface Placement {
  /** A pod should be made there. */
  readonly shouldRun: boolean;
  /** A pod that is there may stay. */
  readonly shouldContinue: boolean;
}

/**
 * Tolerations that the DaemonSet controller adds, so that its pods stay on nodes in trouble. Source: Kubernetes,
 * pkg/controller/daemon/util/daemonset_util.go.
 */
export const daemonTolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];

/**
 * Name of the node that a pod is on, or is made for: one of a DaemonSet that waits for room names its node in its affinity alone. Undefined for
 * a pod that is for none in particular.
 */
export function nodeNameOf({ spec }: { readonly spec?: PlacedSpec }): string | undefined {
  if (spec?.nodeName !== undefined && spec.nodeName !== '') return spec.nodeName;
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const own = terms
    .flatMap(({ matchFields = [] }) => matchFields)
    .find(({ key, operator, values }) => key === 'metadata.name' && operator === 'In' && values?.length === 1);
  return own?.values?.[0];
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== taint.effect) return false;
  if (toleration.key === undefined) return toleration.operator === 'Exists';
  if (toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}

/**
 * Whether a DaemonSet with this pod spec belongs on a node: selector first, then taints. `spec.unschedulable` keeps
 * nothing away, because a DaemonSet tolerates that taint.
 */
export function placeOn(node: PlacedNode, spec: PlacedSpec): Placement {
  const labels = node.metadata.labels ?? {};
  const selected = Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  if (!selected || (spec.nodeName !== undefined && spec.nodeName !== node.metadata.name)) {
    return { shouldRun: false, shouldContinue: false };
  }
  const tolerations = [...(spec.tolerations ?? []), ...daemonTolerations];
  const repelling = (node.spec?.taints ?? []).filter(
    (taint) => !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
  return {
    shouldRun: !repelling.some((taint) => taint.effect !== 'PreferNoSchedule'),
    shouldContinue: !repelling.some((taint) => taint.effect === 'NoExecute'),
  };
}
