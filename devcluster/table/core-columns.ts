import { isFields, listAt, textAt, valueAt } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { ageColumn, column, nameColumn, wideColumn, type ColumnSet } from './column-set.js';
import { timeSince } from './human-duration.js';

const ageOf = (object: AnyObject, nowMs: number): string => timeSince(object.metadata.creationTimestamp, nowMs);
const or = (text: string, fallback: string): string => (text === '' ? fallback : text);

function nodeStatus(node: AnyObject): string {
  const ready = listAt(node, 'status', 'conditions').find((condition) => condition['type'] === 'Ready');
  const state = ready === undefined ? 'Unknown' : ready['status'] === 'True' ? 'Ready' : 'NotReady';
  return valueAt(node, 'spec', 'unschedulable') === true ? `${state},SchedulingDisabled` : state;
}

function nodeRoles(node: AnyObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(prefix)) return key === prefix ? [] : [key.slice(prefix.length)];
    return key === 'kubernetes.io/role' && value !== '' ? [value] : [];
  });
  return or([...new Set(roles)].sort().join(','), '<none>');
}

function nodeAddress(node: AnyObject, type: string): string {
  const found = listAt(node, 'status', 'addresses').find((address) => address['type'] === type);
  return or(textAt(found, 'address'), '<none>');
}

/** Columns of quotas. */
export const quotaColumns: ColumnSet = {
  columns: [
    nameColumn,
    column('Request', 'string', 'Request represents a minimum amount of cpu/memory that a container may consume.'),
    column(
      'Limit',
      'string',
      'Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.',
    ),
    ageColumn,
  ],
  cells: (quota, nowMs) => {
    const hard = valueAt(quota, 'status', 'hard');
    const parts = Object.keys(isFields(hard) ? hard : {})
      .sort()
      .map((name) => `${name}: ${textAt(quota, 'status', 'used', name)}/${textAt(quota, 'status', 'hard', name)}`);
    return [quota.metadata.name, parts.join(', '), '', ageOf(quota, nowMs)];
  },
};

/** Columns of nodes. */
export const nodeColumns: ColumnSet = {
  columns: [
    nameColumn,
    column('Status', 'string', 'The status of the node'),
    column('Roles', 'string', 'The roles of the node'),
    ageColumn,
    column('Version', 'string', 'Kubelet Version reported by the node.'),
    wideColumn('Internal-IP', 'string', 'List of addresses reachable to the node.'),
    wideColumn('External-IP', 'string', 'List of addresses reachable to the node.'),
    wideColumn('OS-Image', 'string', 'OS Image reported by the node.'),
    wideColumn('Kernel-Version', 'string', 'Kernel Version reported by the node.'),
    wideColumn('Container-Runtime', 'string', 'ContainerRuntime Version reported by the node.'),
  ],
  cells: (node, nowMs) => {
    const info = (field: string): string => textAt(node, 'status', 'nodeInfo', field);
    const architecture = info('architecture') === '' ? '' : ` (${info('architecture')})`;
    return [
      node.metadata.name,
      nodeStatus(node),
      nodeRoles(node),
      ageOf(node, nowMs),
      info('kubeletVersion'),
      nodeAddress(node, 'InternalIP'),
      nodeAddress(node, 'ExternalIP'),
      or(info('osImage'), '<unknown>'),
      or(info('kernelVersion'), '<unknown>') + architecture,
      or(info('containerRuntimeVersion'), '<unknown>'),
    ];
  },
};

/** Columns of namespaces. */
export const namespaceColumns: ColumnSet = {
  columns: [nameColumn, column('Status', 'string', 'The status of the namespace'), ageColumn],
  cells: (namespace, nowMs) => [namespace.metadata.name, textAt(namespace, 'status', 'phase'), ageOf(namespace, nowMs)],
};

/** Columns of config maps. */
export const configMapColumns: ColumnSet = {
  columns: [nameColumn, column('Data', 'string', 'Data contains the configuration data.'), ageColumn],
  cells: (configMap, nowMs) => {
    const counts = ['data', 'binaryData'].map((field) => {
      const data = configMap[field];
      return isFields(data) ? Object.keys(data).length : 0;
    });
    return [configMap.metadata.name, counts.reduce((sum, count) => sum + count, 0), ageOf(configMap, nowMs)];
  },
};

/** Columns of service accounts. */
export const accountColumns: ColumnSet = {
  columns: [nameColumn, ageColumn],
  cells: (account, nowMs) => [account.metadata.name, ageOf(account, nowMs)],
};

/** Columns of leases. */
export const leaseColumns: ColumnSet = {
  columns: [
    nameColumn,
    column('Holder', 'string', 'holderIdentity contains the identity of the holder of a current lease.'),
    ageColumn,
  ],
  cells: (lease, nowMs) => [lease.metadata.name, textAt(lease, 'spec', 'holderIdentity'), ageOf(lease, nowMs)],
};

const first = (...texts: readonly string[]): string => texts.find((text) => text !== '') ?? '';

/** Columns of events, in the core form in which they are stored. */
export const eventColumns: ColumnSet = {
  columns: [
    column('Last Seen', 'string', 'The time at which the most recent occurrence of this event was recorded.'),
    column('Type', 'string', 'Type of this event (Normal, Warning), new types could be added in the future'),
    column(
      'Reason',
      'string',
      "This should be a short, machine understandable string that gives the reason for the transition into the object's current status.",
    ),
    column('Object', 'string', 'The object that this event is about.'),
    wideColumn(
      'Subobject',
      'string',
      'If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field access statement.',
    ),
    wideColumn(
      'Source',
      'string',
      'The component reporting this event. Should be a short machine understandable string.',
    ),
    column('Message', 'string', 'A human-readable description of the status of this operation.'),
    wideColumn('First Seen', 'string', 'The time at which the event was first recorded.'),
    wideColumn('Count', 'string', 'The number of times this event has occurred.'),
    wideColumn('Name', 'string', 'Name must be unique within a namespace.', 'name'),
  ],
  cells: (event, nowMs) => {
    const series = event['series'];
    const firstSeen = timeSince(first(textAt(event, 'firstTimestamp'), textAt(event, 'eventTime')), nowMs);
    const last = textAt(event, 'lastTimestamp');
    const lastSeen = isFields(series)
      ? timeSince(series['lastObservedTime'], nowMs)
      : last === ''
        ? firstSeen
        : timeSince(last, nowMs);
    const kind = textAt(event, 'involvedObject', 'kind').toLowerCase();
    const name = textAt(event, 'involvedObject', 'name');
    const component = first(textAt(event, 'source', 'component'), textAt(event, 'reportingComponent'));
    const instance = first(textAt(event, 'source', 'host'), textAt(event, 'reportingInstance'));
    return [
      lastSeen,
      textAt(event, 'type'),
      textAt(event, 'reason'),
      name === '' ? kind : `${kind}/${name}`,
      textAt(event, 'involvedObject', 'fieldPath'),
      instance === '' ? component : `${component}, ${instance}`,
      textAt(event, 'message').trim(),
      firstSeen,
      Number((isFields(series) ? series['count'] : event['count']) ?? 1),
      event.metadata.name,
    ];
  },
};
