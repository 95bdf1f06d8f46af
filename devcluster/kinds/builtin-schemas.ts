import document from '../openapi/kubernetes-schemas.json' with { type: 'json' };
import type { Schema, Schemas } from '../schema/schema.js';

/** Schemas of the built-in kinds, as Kubernetes 1.37.2 publishes them (see openapi/README.md). */
export const builtinSchemas: Schemas = document;

/** @returns the schema of that name; every name used is in the document. */
export function builtinSchema(name: string): Schema {
  return builtinSchemas[name] ?? {};
}
