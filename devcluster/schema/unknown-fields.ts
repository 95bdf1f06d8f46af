import { isFields } from '../store/json-copy.js';
import { fieldSchema, isOpen, joinPath, resolveSchema, type Schema, type Schemas } from './schema.js';

/**
 * Removes the fields of a value that its schema does not declare, in place.
 * @returns the paths of what was removed ("spec.containers[0].foo").
 */
export function pruneUnknownFields(schemas: Schemas, schema: Schema, value: unknown, path = ''): string[] {
  const resolved = resolveSchema(schemas, schema);
  if (Array.isArray(value)) {
    const { items } = resolved;
    if (items === undefined) return [];
    return value.flatMap((item, index) => pruneUnknownFields(schemas, items, item, `${path}[${index}]`));
  }
  if (!isFields(value)) return [];
  return Object.entries(value).flatMap(([field, inner]) => {
    const declared = fieldSchema(resolved, field) ?? metadataField(resolved, field);
    const innerPath = joinPath(path, field);
    if (declared !== undefined) return pruneUnknownFields(schemas, declared, inner, innerPath);
    if (isOpen(resolved)) return [];
    Reflect.deleteProperty(value, field);
    return [innerPath];
  });
}

/** An embedded resource has the three fields of every object, declared or not. */
function metadataField(schema: Schema, field: string): Schema | undefined {
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  return isEmbedded && ['apiVersion', 'kind', 'metadata'].includes(field) ? {} : undefined;
}
