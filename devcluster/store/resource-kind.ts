import type { AnyObject } from './kube-object.js';
import type { StatusCause } from './status-error.js';

/** A kind of object that the dev cluster knows, with the rules its objects obey. */
export interface ResourceKind {
  /** API group; '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Whether the status is written apart from the rest, through the status subresource. */
  readonly hasStatus: boolean;
  /** Whether `metadata.generation` counts the changes of what is not metadata or status. */
  readonly hasGeneration: boolean;
  /** Whether an update may come without a resource version. */
  readonly unconditionalUpdate: boolean;
  /** Whether a status write leaves metadata alone. Custom resources do, built-in ones take labels and annotations. */
  readonly statusKeepsMetadata: boolean;
  /** Whether only the server itself writes objects of this kind. */
  readonly readOnly: boolean;
  /** Shape of object names. */
  readonly nameRule: NameRule;
  /** Fields that a field selector may use, beside metadata.name and metadata.namespace. */
  readonly selectableFields: Readonly<Record<string, (object: AnyObject) => string>>;
  /** How the real server refuses another field: kinds with selectable fields of their own name it. */
  readonly selectorRefusal: 'named' | 'generic';
  /** Fills in what was left out, in place, and drops fields that are not in the schema. */
  readonly applyDefaults: (object: AnyObject, old: AnyObject | undefined) => void;
  /** Status of a new object, which is mostly not the one it came with. */
  readonly newStatus: (object: AnyObject) => unknown;
  /** Everything that is wrong with an object, or with turning `old` into it. */
  readonly validate: (object: AnyObject, old: AnyObject | undefined) => readonly StatusCause[];
  /** Seconds until a graceful deletion ends; 0 for at once. */
  readonly graceSeconds: (object: AnyObject, requestedSeconds: number | undefined) => number;
}

/** Shapes of object names, after RFC 1123. */
export type NameRule = 'subdomain' | 'label' | 'path-segment';

/** What a kind has to say about itself; the rest has the defaults of {@link defineKind}. */
export type KindDefinition = Pick<ResourceKind, 'group' | 'version' | 'kind' | 'plural'> & Partial<ResourceKind>;

/** A kind with defaults: namespaced, no status, a name like a DNS subdomain, no rules. */
export function defineKind(definition: KindDefinition): ResourceKind {
  return {
    singular: definition.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    hasStatus: false,
    hasGeneration: false,
    unconditionalUpdate: true,
    statusKeepsMetadata: false,
    readOnly: false,
    nameRule: 'subdomain',
    selectableFields: {},
    selectorRefusal: definition.selectableFields === undefined ? 'generic' : 'named',
    applyDefaults: () => undefined,
    newStatus: () => undefined,
    validate: () => [],
    graceSeconds: () => 0,
    ...definition,
  };
}

/** `group/version`, or the version alone for the core group. */
export function apiVersionOf(kind: Pick<ResourceKind, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

/** `plural.group`, as messages name a resource. */
export function qualifiedResource(kind: Pick<ResourceKind, 'group' | 'plural'>): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}

/** `Kind.group`, as messages about invalid objects name a kind. */
export function qualifiedKind(kind: Pick<ResourceKind, 'group' | 'kind'>): string {
  return kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
}
