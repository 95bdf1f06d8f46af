/** A CEL rule of a schema (x-kubernetes-validations). */
export interface SchemaRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
}

/** The part of OpenAPI v3 that Kubernetes uses, for built-in kinds and for custom resources. */
export interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly not?: Schema;
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-validations'?: readonly SchemaRule[];
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-patch-strategy'?: string;
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}

/** Schemas by name, as under `components.schemas` of an OpenAPI document. */
export type Schemas = Readonly<Record<string, Schema>>;

const refPrefix = '#/components/schemas/';

/** Name of the schema that another one refers to, or undefined. */
export function referenceOf(schema: Schema): string | undefined {
  const ref = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
  return ref?.slice(refPrefix.length);
}

/** The schema itself, or the one it refers to with its own keywords on top. */
export function resolveSchema(schemas: Schemas, schema: Schema): Schema {
  const name = referenceOf(schema);
  const target = name === undefined ? undefined : schemas[name];
  if (target === undefined) return schema;
  const own = Object.entries(schema).filter(([keyword]) => keyword !== '$ref' && keyword !== 'allOf');
  return { ...resolveSchema(schemas, target), ...(Object.fromEntries(own) as Schema) };
}

/** Schema of a field of an object, or undefined when the object has no such field. */
export function fieldSchema(schema: Schema, field: string): Schema | undefined {
  const declared = schema.properties !== undefined && Object.hasOwn(schema.properties, field);
  if (declared) return schema.properties[field];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** True when any field may be set, declared or not. */
export function isOpen(schema: Schema): boolean {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true) return true;
  return schema.properties === undefined && schema.additionalProperties === undefined;
}

/** `parent.field`, or the field alone at the top. */
export function joinPath(parent: string, field: string): string {
  return parent === '' ? field : `${parent}.${field}`;
}
