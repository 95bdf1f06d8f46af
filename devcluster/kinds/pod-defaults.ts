import { isFields, listAt, textAt, valueAt } from '../store/json-copy.js';
import { applyContainerDefaults, setDefault } from './container-defaults.js';

type Fields = Record<string, unknown>;

// 0644, as the API server writes it.
const fileMode = 420;

function applyVolumeDefaults(volume: Fields): void {
  const { hostPath } = volume;
  if (isFields(hostPath)) setDefault(hostPath, 'type', '');
  for (const source of ['configMap', 'secret', 'projected', 'downwardAPI']) {
    const found = volume[source];
    if (isFields(found)) setDefault(found, 'defaultMode', fileMode);
  }
  const projected = [
    ...listAt(volume, 'downwardAPI', 'items'),
    ...listAt(volume, 'projected', 'sources').flatMap((source) => listAt(source, 'downwardAPI', 'items')),
  ];
  for (const item of projected) if (isFields(item['fieldRef'])) setDefault(item['fieldRef'], 'apiVersion', 'v1');
}

/** Fills in what the API server fills in for the spec of a pod or of a pod template, in place. */
export function applyPodSpecDefaults(spec: Fields): void {
  const hostNetwork = spec['hostNetwork'] === true;
  for (const container of [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]) {
    applyContainerDefaults(container, hostNetwork);
  }
  for (const volume of listAt(spec, 'volumes')) applyVolumeDefaults(volume);
  setDefault(spec, 'restartPolicy', 'Always');
  setDefault(spec, 'terminationGracePeriodSeconds', 30);
  setDefault(spec, 'dnsPolicy', 'ClusterFirst');
  setDefault(spec, 'securityContext', {});
  setDefault(spec, 'schedulerName', 'default-scheduler');
  if (textAt(spec, 'serviceAccountName') !== '') spec['serviceAccount'] = spec['serviceAccountName'];
}

// What the DefaultTolerationSeconds admission plugin adds.
const waitOut = (key: string): Fields => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });

function applyTolerationDefaults(spec: Fields): void {
  const tolerations = [...listAt(spec, 'tolerations')];
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    const isTolerated = tolerations.some(
      (toleration) =>
        (toleration['key'] === key || toleration['key'] === undefined) &&
        (toleration['effect'] === 'NoExecute' || toleration['effect'] === undefined),
    );
    if (!isTolerated) tolerations.push(waitOut(key));
  }
  spec['tolerations'] = tolerations;
}

/** Fills in what only a pod itself gets, not a template, in place. */
export function applyPodDefaults(spec: Fields): void {
  setDefault(spec, 'enableServiceLinks', true);
  setDefault(spec, 'serviceAccountName', 'default');
  applyPodSpecDefaults(spec);
  // A pod cannot end before it is told to.
  if (Number(spec['terminationGracePeriodSeconds']) < 0) spec['terminationGracePeriodSeconds'] = 1;
  setDefault(spec, 'priority', 0);
  setDefault(spec, 'preemptionPolicy', 'PreemptLowerPriority');
  applyTolerationDefaults(spec);
}

/** How the kubelet ranks a pod when memory is short. */
export function qosClassOf(pod: unknown): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...listAt(pod, 'spec', 'containers'), ...listAt(pod, 'spec', 'initContainers')];
  const amounts = (container: Fields, which: string): Fields => {
    const found = valueAt(container, 'resources', which);
    return isFields(found) ? found : {};
  };
  const hasAny = containers.some((container) =>
    ['requests', 'limits'].some((which) => Object.keys(amounts(container, which)).length > 0),
  );
  if (!hasAny) return 'BestEffort';
  const isGuaranteed = containers.every((container) =>
    ['cpu', 'memory'].every((name) => {
      const limit = amounts(container, 'limits')[name];
      return limit !== undefined && (amounts(container, 'requests')[name] ?? limit) === limit;
    }),
  );
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}
