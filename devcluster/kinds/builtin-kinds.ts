import { podGraceSeconds } from '../store/deletion.js';
import { isFields, textAt } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { requiredValue } from '../store/refusals.js';
import { controllerRevisionColumns, daemonSetColumns } from '../table/apps-columns.js';
import {
  configMapColumns,
  eventColumns,
  leaseColumns,
  namespaceColumns,
  nodeColumns,
  quotaColumns,
} from '../table/core-columns.js';
import { definitionColumns } from '../table/definition-columns.js';
import { podColumns } from '../table/pod-columns.js';
import { validateConfigMap } from './config-map-rules.js';
import { reviewKinds, serviceAccounts } from './account-kinds.js';
import { applyDaemonSetDefaults, validateDaemonSet } from './daemon-set-rules.js';
import { applyEventDefaults, fromEventsView, toEventsView } from './event-views.js';
import { validateLease } from './lease-rules.js';
import { validateQuota } from './quota-rules.js';
import { applyPodDefaults, qosClassOf } from './pod-defaults.js';
import { validatePodSpec, validatePodUpdate } from './pod-validation.js';
import { serveBuiltin, type Builtin } from './serve-builtin.js';
import type { ServedKind } from './served-kind.js';

function field(...path: string[]): (object: AnyObject) => string {
  return (object) => textAt(object, ...path);
}

const pods = serveBuiltin(
  {
    group: '',
    version: 'v1',
    kind: 'Pod',
    plural: 'pods',
    shortNames: ['po'],
    categories: ['all'],
    hasStatus: true,
    hasGeneration: true,
    schemaName: 'io.k8s.api.core.v1.Pod',
    columns: podColumns,
    selectableFields: {
      'spec.nodeName': field('spec', 'nodeName'),
      'spec.restartPolicy': field('spec', 'restartPolicy'),
      'spec.schedulerName': field('spec', 'schedulerName'),
      'spec.serviceAccountName': field('spec', 'serviceAccountName'),
      'status.phase': field('status', 'phase'),
      'status.podIP': field('status', 'podIP'),
      'status.nominatedNodeName': field('status', 'nominatedNodeName'),
    },
    newStatus: (pod) => ({ phase: 'Pending', qosClass: qosClassOf(pod) }),
    applyDefaults: (pod) => {
      if (isFields(pod['spec'])) applyPodDefaults(pod['spec']);
    },
    validate: (pod, old) => [
      ...validatePodSpec(pod['spec'], 'spec'),
      ...(old === undefined ? [] : validatePodUpdate(pod, old)),
    ],
    graceSeconds: podGraceSeconds,
  },
  { subresources: ['log', 'eviction', 'exec', 'attach', 'portforward'] },
);

const nodes = serveBuiltin({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  hasStatus: true,
  schemaName: 'io.k8s.api.core.v1.Node',
  columns: nodeColumns,
  selectableFields: {
    'spec.unschedulable': (node) => String(isFields(node['spec']) && node['spec']['unschedulable'] === true),
  },
  newStatus: (node) => node['status'] ?? {},
  applyDefaults: (node) => {
    node['spec'] ??= {};
  },
});

const namespaces = serveBuiltin({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  hasStatus: true,
  nameRule: 'label',
  schemaName: 'io.k8s.api.core.v1.Namespace',
  columns: namespaceColumns,
  selectableFields: { 'status.phase': field('status', 'phase') },
  newStatus: () => ({ phase: 'Active' }),
  applyDefaults: (namespace, old) => {
    if (old === undefined) namespace['spec'] = { finalizers: ['kubernetes'] };
    const { labels, name } = namespace.metadata;
    namespace.metadata.labels = { ...labels, 'kubernetes.io/metadata.name': name };
  },
});

const involved = (name: string): Readonly<Record<string, (event: AnyObject) => string>> =>
  Object.fromEntries(
    ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((part) => [
      `${name}.${part}`,
      field('involvedObject', part),
    ]),
  );

const eventFields = {
  ...involved('involvedObject'),
  ...involved('regarding'),
  reason: field('reason'),
  type: field('type'),
  source: (event: AnyObject) => textAt(event, 'source', 'component') || textAt(event, 'reportingComponent'),
  reportingComponent: field('reportingComponent'),
  reportingController: field('reportingComponent'),
};

const event: Builtin = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  schemaName: 'io.k8s.api.core.v1.Event',
  columns: eventColumns,
  selectableFields: eventFields,
  applyDefaults: applyEventDefaults,
};

const configMaps = serveBuiltin({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  schemaName: 'io.k8s.api.core.v1.ConfigMap',
  columns: configMapColumns,
  validate: validateConfigMap,
});

const resourceQuotas = serveBuiltin({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  hasStatus: true,
  schemaName: 'io.k8s.api.core.v1.ResourceQuota',
  columns: quotaColumns,
  newStatus: () => ({}),
  validate: validateQuota,
});

const daemonSets = serveBuiltin({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  schemaName: 'io.k8s.api.apps.v1.DaemonSet',
  columns: daemonSetColumns,
  newStatus: () => ({ currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 }),
  applyDefaults: applyDaemonSetDefaults,
  validate: validateDaemonSet,
});

const controllerRevisions = serveBuiltin({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  schemaName: 'io.k8s.api.apps.v1.ControllerRevision',
  columns: controllerRevisionColumns,
  validate: (revision) => (typeof revision['revision'] === 'number' ? [] : [requiredValue('revision')]),
});

const leases = serveBuiltin({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  unconditionalUpdate: false,
  schemaName: 'io.k8s.api.coordination.v1.Lease',
  columns: leaseColumns,
  validate: validateLease,
});

const definitions = serveBuiltin({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  hasStatus: true,
  hasGeneration: true,
  readOnly: true,
  newStatus: (definition) => definition['status'],
  schemaName: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  columns: definitionColumns,
});

/** The built-in kinds, in the order in which discovery tells them. */
export const builtinKinds: readonly ServedKind[] = [
  configMaps,
  serveBuiltin(event),
  namespaces,
  nodes,
  pods,
  resourceQuotas,
  serviceAccounts,
  controllerRevisions,
  daemonSets,
  leases,
  serveBuiltin(
    { ...event, group: 'events.k8s.io', schemaName: 'io.k8s.api.events.v1.Event' },
    { storedAs: 'events', toView: toEventsView, fromView: fromEventsView },
  ),
  definitions,
  ...reviewKinds,
];
