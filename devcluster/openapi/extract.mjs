/**
 * Takes the schemas of the kinds that the dev cluster serves out of the OpenAPI documents of Kubernetes:
 *   node devcluster/openapi/extract.mjs <directory with the documents, named as below>
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const documents = [
  'api__v1',
  'apis__apps__v1',
  'apis__coordination.k8s.io__v1',
  'apis__events.k8s.io__v1',
  'apis__apiextensions.k8s.io__v1',
  'apis__authentication.k8s.io__v1',
  'apis__authorization.k8s.io__v1',
];
const kinds = {
  'io.k8s.api.core.v1': ['Pod', 'Namespace', 'Node', 'Event', 'ConfigMap', 'ServiceAccount', 'ResourceQuota'],
  'io.k8s.api.apps.v1': ['DaemonSet', 'ControllerRevision'],
  'io.k8s.api.coordination.v1': ['Lease'],
  'io.k8s.api.events.v1': ['Event'],
  'io.k8s.api.authentication.v1': ['SelfSubjectReview', 'TokenRequest'],
  'io.k8s.api.authorization.v1': ['SelfSubjectAccessReview', 'SelfSubjectRulesReview'],
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1': ['CustomResourceDefinition'],
};
const meta = [
  'ObjectMeta',
  'ListMeta',
  'Status',
  'DeleteOptions',
  'Patch',
  'WatchEvent',
  'APIResourceList',
  'LabelSelector',
];
const roots = [
  ...Object.entries(kinds).flatMap(([prefix, names]) =>
    names.flatMap((name) => [`${prefix}.${name}`, `${prefix}.${name}List`]),
  ),
  ...meta.map((name) => `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`),
];
const servedGroups = new Set([
  '',
  'apps',
  'coordination.k8s.io',
  'events.k8s.io',
  'apiextensions.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
]);

const [directory] = process.argv.slice(2);
const all = {};
for (const name of documents) {
  const document = JSON.parse(readFileSync(join(directory, `${name}_openapi.json`), 'utf8'));
  Object.assign(all, { ...document.components.schemas, ...all });
}

const found = {};
const visit = (value) => {
  if (Array.isArray(value)) return value.forEach(visit);
  if (typeof value !== 'object' || value === null) return;
  if (typeof value.$ref === 'string') take(value.$ref.split('/').at(-1));
  Object.values(value).forEach(visit);
};
const take = (name) => {
  // Reviews have no lists.
  if (name in found || all[name] === undefined) return;
  found[name] = all[name];
  visit(all[name]);
};
roots.forEach(take);

// Options and statuses are said to belong to every group there is; only those served here matter.
const isServed = ({ group, version }) => version === 'v1' && servedGroups.has(group);
for (const schema of Object.values(found)) {
  const types = schema['x-kubernetes-group-version-kind'];
  if (types?.length > 1) schema['x-kubernetes-group-version-kind'] = types.filter(isServed);
}

const sorted = (value) => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
};
writeFileSync(new URL('kubernetes-schemas.json', import.meta.url), `${JSON.stringify(sorted(found), undefined, 2)}\n`);
