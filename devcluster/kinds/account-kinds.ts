import { accountColumns } from '../table/core-columns.js';
import { nameColumn, type ColumnSet } from '../table/column-set.js';
import { serveBuiltin } from './serve-builtin.js';
import type { ServedKind } from './served-kind.js';

/** Accounts of the identities that the dev cluster has; it makes them itself. */
export const serviceAccounts = serveBuiltin(
  {
    group: '',
    version: 'v1',
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    shortNames: ['sa'],
    readOnly: true,
    schemaName: 'io.k8s.api.core.v1.ServiceAccount',
    columns: accountColumns,
  },
  { subresources: ['token'] },
);

const noColumns: ColumnSet = { columns: [nameColumn], cells: ({ metadata }) => [metadata.name] };

function review(group: string, kind: string): ServedKind {
  return serveBuiltin(
    {
      group: `${group}.k8s.io`,
      version: 'v1',
      kind,
      plural: `${kind.toLowerCase()}s`,
      namespaced: false,
      schemaName: `io.k8s.api.${group}.v1.${kind}`,
      columns: noColumns,
    },
    { isReview: true },
  );
}

/** Questions of `kubectl auth`: who am I, may I, what may I. */
export const reviewKinds: readonly ServedKind[] = [
  review('authentication', 'SelfSubjectReview'),
  review('authorization', 'SelfSubjectAccessReview'),
  review('authorization', 'SelfSubjectRulesReview'),
];
