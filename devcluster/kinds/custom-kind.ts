import { parse as parseYaml } from 'yaml';
import { PaneletError } from '#common/errors/errors.js';
import { createRuleChecker } from '../schema/cel-rules.js';
import { applySchemaDefaults } from '../schema/schema-defaults.js';
import { validateSchema } from '../schema/schema-validation.js';
import type { Schema } from '../schema/schema.js';
import { pruneUnknownFields } from '../schema/unknown-fields.js';
import { copyOf, isFields } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { defineKind, type ResourceKind } from '../store/resource-kind.js';
import type { StatusCause } from '../store/status-error.js';
import { createCustomColumns, type PrinterColumn } from '../table/custom-columns.js';
import { builtinSchemas } from './builtin-schemas.js';
import type { ServedKind } from './served-kind.js';

/** The part of a custom resource definition that is used. */
export interface Definition extends AnyObject {
  readonly spec: {
    readonly group: string;
    readonly scope: 'Namespaced' | 'Cluster';
    readonly names: {
      readonly kind: string;
      readonly plural: string;
      readonly singular?: string;
      readonly shortNames?: readonly string[];
      readonly categories?: readonly string[];
    };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly subresources?: { readonly status?: object };
      readonly additionalPrinterColumns?: readonly PrinterColumn[];
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/**
 * Reads a custom resource definition.
 * @throws PaneletError CONFIG_INVALID when the text is none.
 */
export function parseDefinition(yaml: string): Definition {
  const value: unknown = parseYaml(yaml);
  const isDefinition = isFields(value) && value['kind'] === 'CustomResourceDefinition' && isFields(value['spec']);
  if (!isDefinition) throw new PaneletError('CONFIG_INVALID', 'The text is no CustomResourceDefinition.');
  return value as unknown as Definition;
}

const objectFields: Readonly<Record<string, Schema>> = {
  apiVersion: {
    type: 'string',
    description:
      'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
  },
  kind: {
    type: 'string',
    description:
      'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
  },
  metadata: {
    allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }],
    description:
      "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
  },
};

function publishedSchema(definition: Definition, version: string, schema: Schema): Schema {
  const { group, names } = definition.spec;
  return {
    ...schema,
    properties: { ...schema.properties, ...objectFields },
    'x-kubernetes-group-version-kind': [{ group, version, kind: names.kind }],
  };
}

// As the real server: CEL rules are not run on what is not even of the right shape, and it says so.
const blockingReasons = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const rulesNotChecked: StatusCause = {
  reason: 'FieldValueInvalid',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
  field: '<nil>',
};

/** Rules of a custom resource: pruning, defaults, schema and CEL. */
function rulesOf(schema: Schema): Pick<ResourceKind, 'applyDefaults' | 'validate'> {
  const checkRules = createRuleChecker(schema);
  // Metadata has its own rules, the same for every kind.
  const withoutMetadata = (object: AnyObject): unknown => ({ ...object, metadata: {} });
  const validate = (object: AnyObject, old: AnyObject | undefined): StatusCause[] => {
    const value = withoutMetadata(object);
    const causes = validateSchema(schema, value, '');
    const isBlocked = causes.some(({ reason }) => blockingReasons.has(reason));
    if (isBlocked) return [...causes, rulesNotChecked];
    return [...causes, ...checkRules(value, old === undefined ? undefined : withoutMetadata(old))];
  };
  const applyDefaults = (object: AnyObject): void => {
    const { metadata } = object;
    pruneUnknownFields({}, { ...schema, properties: { ...schema.properties, metadata: {} } }, object);
    applySchemaDefaults(schema, object);
    object.metadata = metadata;
  };
  return { applyDefaults, validate };
}

/**
 * The kind that a definition defines, in its storage version.
 * @throws PaneletError CONFIG_INVALID when no version is served and stored.
 */
export function createCustomKind(definition: Definition): ServedKind {
  const { group, names, scope, versions } = definition.spec;
  const version = versions.find((candidate) => candidate.served && candidate.storage);
  if (version === undefined) {
    throw new PaneletError('CONFIG_INVALID', `No version of ${definition.metadata.name} is served and stored.`);
  }
  const structural = version.schema.openAPIV3Schema;
  const schema = publishedSchema(definition, version.name, structural);
  const schemaName = `${group.split('.').reverse().join('.')}.${version.name}.${names.kind}`;
  const kind = defineKind({
    group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    ...(names.singular === undefined ? {} : { singular: names.singular }),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'Namespaced',
    hasStatus: version.subresources?.status !== undefined,
    hasGeneration: true,
    unconditionalUpdate: false,
    statusKeepsMetadata: true,
    selectorRefusal: 'named',
    ...rulesOf(structural),
  });
  const same = (object: AnyObject): AnyObject => object;
  return {
    kind,
    schemaName,
    schemas: { ...builtinSchemas, [schemaName]: schema },
    schema,
    columns: createCustomColumns(version.additionalPrinterColumns ?? []),
    storedAs: names.plural,
    toView: same,
    fromView: same,
    isCustom: true,
    isReview: false,
    subresources: [],
  };
}

/** The definition as the real server shows an established one. */
export function establishedDefinition(definition: Definition, now: string): AnyObject {
  const { names, versions } = definition.spec;
  const accepted = { ...names, listKind: `${names.kind}List`, singular: names.singular ?? names.kind.toLowerCase() };
  const condition = (type: string, reason: string, message: string): object => ({
    lastTransitionTime: now,
    message,
    reason,
    status: 'True',
    type,
  });
  return {
    ...copyOf(definition),
    spec: { ...copyOf(definition.spec), conversion: { strategy: 'None' }, names: accepted },
    status: {
      acceptedNames: accepted,
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
      storedVersions: versions.filter((version) => version.storage).map((version) => version.name),
    },
  };
}
