import { isFields, listAt, textAt, valueAt } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { ageColumn, column, nameColumn, wideColumn, type ColumnSet } from './column-set.js';
import { timeSince } from './human-duration.js';

function formatLabels(labels: unknown): string {
  const pairs = isFields(labels) ? Object.entries(labels).map(([key, value]) => `${key}=${String(value)}`) : [];
  return pairs.length === 0 ? '<none>' : pairs.sort().join(',');
}

function formatExpression(expression: Record<string, unknown>): string {
  const key = textAt(expression, 'key');
  const values = Array.isArray(expression['values']) ? [...(expression['values'] as unknown[])].sort().join(',') : '';
  switch (expression['operator']) {
    case 'In':
      return `${key} in (${values})`;
    case 'NotIn':
      return `${key} notin (${values})`;
    case 'Exists':
      return key;
    default:
      return `!${key}`;
  }
}

function formatSelector(selector: unknown): string {
  const labels = valueAt(selector, 'matchLabels');
  const pairs = isFields(labels) ? Object.entries(labels).map(([key, value]) => `${key}=${String(value)}`) : [];
  const terms = [...pairs.sort(), ...listAt(selector, 'matchExpressions').map(formatExpression)];
  return terms.length === 0 ? '<none>' : terms.join(',');
}

/** Columns of DaemonSets. */
export const daemonSetColumns: ColumnSet = {
  columns: [
    nameColumn,
    column(
      'Desired',
      'integer',
      'The total number of nodes that should be running the daemon pod (including nodes correctly running the daemon pod).',
    ),
    column(
      'Current',
      'integer',
      'The number of nodes that are running at least 1 daemon pod and are supposed to run the daemon pod.',
    ),
    column(
      'Ready',
      'integer',
      'numberReady is the number of nodes that should be running the daemon pod and have one or more of the daemon pod running with a Ready Condition.',
    ),
    column('Up-to-date', 'integer', 'The total number of nodes that are running updated daemon pod'),
    column(
      'Available',
      'integer',
      'The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and available.',
    ),
    column('Node Selector', 'string', 'NodeSelector is a selector which must be true for the pod to fit on a node.'),
    ageColumn,
    wideColumn('Containers', 'string', 'Names of each container in the template.'),
    wideColumn('Images', 'string', 'Images referenced by each container in the template.'),
    wideColumn('Selector', 'string', 'A label query over pods that are managed by the daemon set.'),
  ],
  cells: (daemonSet, nowMs) => {
    const count = (field: string): number => Number(valueAt(daemonSet, 'status', field) ?? 0);
    const containers = listAt(daemonSet, 'spec', 'template', 'spec', 'containers');
    return [
      daemonSet.metadata.name,
      count('desiredNumberScheduled'),
      count('currentNumberScheduled'),
      count('numberReady'),
      count('updatedNumberScheduled'),
      count('numberAvailable'),
      formatLabels(valueAt(daemonSet, 'spec', 'template', 'spec', 'nodeSelector')),
      timeSince(daemonSet.metadata.creationTimestamp, nowMs),
      containers.map((container) => textAt(container, 'name')).join(','),
      containers.map((container) => textAt(container, 'image')).join(','),
      formatSelector(valueAt(daemonSet, 'spec', 'selector')),
    ];
  },
};

function controllerOf(object: AnyObject): string {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner === undefined) return '<none>';
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0] ?? ''}` : '';
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}

/** Columns of controller revisions. */
export const controllerRevisionColumns: ColumnSet = {
  columns: [
    nameColumn,
    column('Controller', 'string', 'Controller of the object'),
    column('Revision', 'string', 'Revision indicates the revision of the state represented by Data.'),
    ageColumn,
  ],
  cells: (revision, nowMs) => [
    revision.metadata.name,
    controllerOf(revision),
    Number(revision['revision'] ?? 0),
    timeSince(revision.metadata.creationTimestamp, nowMs),
  ],
};
