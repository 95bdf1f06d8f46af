import { createHash } from 'node:crypto';
import type { ServedKind } from '../kinds/served-kind.js';
import { referenceOf, type Schema, type Schemas } from '../schema/schema.js';
import { apiVersionOf } from '../store/resource-kind.js';
import { kubernetesVersion } from './version.js';

/** An OpenAPI v3 document of one group and version. */
interface Document {
  readonly path: string;
  readonly body: object;
}

const gvkOf = ({ kind }: ServedKind): object => ({ group: kind.group, kind: kind.kind, version: kind.version });

const queryParameter = (name: string, description: string, type = 'string'): object => ({
  name,
  in: 'query',
  description,
  schema: { type, uniqueItems: true },
});

const writeParameters = [
  queryParameter(
    'dryRun',
    'When present, indicates that modifications should not be persisted. The only valid value is All.',
  ),
  queryParameter(
    'fieldManager',
    'fieldManager is a name associated with the actor or entity that is making these changes.',
  ),
  queryParameter(
    'fieldValidation',
    'fieldValidation instructs the server on how to handle objects in the request (POST/PUT/PATCH) containing unknown or duplicate fields: Ignore, Warn or Strict.',
  ),
];

const operation = (served: ServedKind, action: string, parameters: readonly object[] = []): object => ({
  operationId: `${action}${served.kind.kind}`,
  parameters,
  responses: {
    200: {
      description: 'OK',
      content: { 'application/json': { schema: { $ref: `#/components/schemas/${served.schemaName}` } } },
    },
  },
  'x-kubernetes-action': action,
  'x-kubernetes-group-version-kind': gvkOf(served),
});

function pathsOf(served: ServedKind): Record<string, object> {
  const { kind } = served;
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const base = kind.namespaced ? `${root}/namespaces/{namespace}/${kind.plural}` : `${root}/${kind.plural}`;
  const reads = { get: operation(served, 'list') };
  const one = { get: operation(served, 'get') };
  if (served.isReview) return { [base]: { post: operation(served, 'post', writeParameters) } };
  if (kind.readOnly) return { [base]: reads, [`${base}/{name}`]: one };
  return {
    [base]: { ...reads, post: operation(served, 'post', writeParameters) },
    [`${base}/{name}`]: {
      ...one,
      put: operation(served, 'put', writeParameters),
      patch: operation(served, 'patch', writeParameters),
      delete: operation(served, 'delete', writeParameters.slice(0, 1)),
    },
  };
}

/** Names of the schemas that a value refers to. */
function referencesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  if (typeof value !== 'object' || value === null) return [];
  // A property may be called $ref, too: then it is a schema and no text.
  const own = '$ref' in value && typeof value.$ref === 'string' ? referenceOf(value as Schema) : undefined;
  return [...(own === undefined ? [] : [own]), ...Object.values(value).flatMap(referencesIn)];
}

function collect(schemas: Schemas, names: readonly string[]): Record<string, Schema> {
  const found: Record<string, Schema> = {};
  const visit = (name: string): void => {
    const schema = schemas[name];
    if (schema === undefined || Object.hasOwn(found, name)) return;
    found[name] = schema;
    for (const inner of referencesIn(schema)) visit(inner);
  };
  for (const name of names) visit(name);
  return found;
}

function documentOf(kinds: readonly ServedKind[]): Document {
  const [first] = kinds;
  const kind = first?.kind ?? { group: '', version: 'v1' };
  const schemas: Record<string, Schema> = {};
  for (const served of kinds) {
    Object.assign(schemas, collect(served.schemas, [served.schemaName, `${served.schemaName}List`]));
  }
  const body = {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: kubernetesVersion },
    paths: Object.assign({}, ...kinds.map(pathsOf)) as object,
    components: { schemas },
  };
  return { path: kind.group === '' ? `api/${kind.version}` : `apis/${apiVersionOf(kind)}`, body };
}

/** What the dev cluster says about its kinds for `kubectl explain` and `kubectl apply`. */
export interface OpenApiDocuments {
  /** `/openapi/v3`. */
  readonly index: object;
  /** `/openapi/v3/<path>`. */
  find(path: string): object | undefined;
}

/** Documents of all kinds, one a group. */
export function createOpenApiDocuments(kinds: readonly ServedKind[]): OpenApiDocuments {
  const groups = new Map<string, ServedKind[]>();
  for (const served of kinds) {
    const key = apiVersionOf(served.kind);
    groups.set(key, [...(groups.get(key) ?? []), served]);
  }
  const documents = new Map([...groups.values()].map(documentOf).map(({ path, body }) => [path, body]));
  const hashOf = (body: object): string =>
    createHash('sha256').update(JSON.stringify(body)).digest('hex').toUpperCase();
  const paths = [...documents].map(([path, body]) => [
    path,
    { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(body)}` },
  ]);
  return { index: { paths: Object.fromEntries(paths) as object }, find: (path) => documents.get(path) };
}
