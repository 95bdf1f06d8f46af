import { resolveSchema } from '../schema/schema.js';
import { pruneUnknownFields } from '../schema/unknown-fields.js';
import type { AnyObject } from '../store/kube-object.js';
import { defineKind, type KindDefinition } from '../store/resource-kind.js';
import type { ColumnSet } from '../table/column-set.js';
import { builtinSchema, builtinSchemas } from './builtin-schemas.js';
import { dropNulls } from './drop-nulls.js';
import type { ServedKind } from './served-kind.js';

const same = (object: AnyObject): AnyObject => object;

/** A built-in kind: its rules, its schema among those of Kubernetes, its columns. */
export interface Builtin extends KindDefinition {
  readonly schemaName: string;
  readonly columns: ColumnSet;
}

/** A built-in kind as it is served: stored under its own name, without fields that its schema does not have. */
export function serveBuiltin(
  { schemaName, columns, ...definition }: Builtin,
  extra: Partial<ServedKind> = {},
): ServedKind {
  const schema = builtinSchema(schemaName);
  const tidy = (object: AnyObject): void => {
    const { metadata } = object;
    pruneUnknownFields(builtinSchemas, resolveSchema(builtinSchemas, schema), object);
    dropNulls(object);
    object.metadata = metadata;
  };
  const kind = defineKind({
    ...definition,
    applyDefaults: (object, old) => {
      tidy(object);
      definition.applyDefaults?.(object, old);
    },
  });
  return {
    kind,
    schemaName,
    schemas: builtinSchemas,
    schema,
    columns,
    storedAs: kind.plural,
    toView: same,
    fromView: same,
    isCustom: false,
    isReview: false,
    subresources: [],
    ...extra,
  };
}
