import { fieldSchema, resolveSchema, type Schema, type Schemas } from '../schema/schema.js';
import { copyOf, isFields, isSameJson } from '../store/json-copy.js';
import { badRequest } from '../store/refusals.js';
import { StatusError } from '../store/status-error.js';
import { goText } from './go-text.js';

type Fields = Record<string, unknown>;

const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

const isDirective = (field: string): boolean => field.startsWith('$');

const strategies = (schema: Schema | undefined): readonly string[] =>
  schema?.['x-kubernetes-patch-strategy']?.split(',') ?? [];

/** A patch value without the directives in it, for where there is nothing to merge it with. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((item) => !(isFields(item) && item['$patch'] === 'delete')).map(withoutDirectives);
  }
  if (!isFields(value)) return copyOf(value);
  const kept = Object.entries(value).filter(([field, inner]) => !isDirective(field) && inner !== null);
  return Object.fromEntries(kept.map(([field, inner]) => [field, withoutDirectives(inner)]));
}

/** The real server takes this for its own fault: a 500 without a reason. */
const missingKey = (item: Fields, key: string): StatusError =>
  new StatusError(500, '', `map: ${goText(item)} does not contain declared merge key: ${key}`, {});

/** Merges with the schemas at hand. */
class Merger {
  constructor(private readonly schemas: Schemas) {}

  mergeFields(schema: Schema | undefined, target: Fields, patch: Fields): Fields {
    if (patch['$patch'] === 'replace') return withoutDirectives(patch) as Fields;
    if (patch['$patch'] === 'delete') return {};
    const resolved = schema === undefined ? undefined : resolveSchema(this.schemas, schema);
    const result = this.retained(target, patch);
    for (const [field, value] of Object.entries(patch)) {
      if (isDirective(field)) continue;
      if (value === null) Reflect.deleteProperty(result, field);
      else result[field] = this.mergeValue(resolved && fieldSchema(resolved, field), result[field], value);
    }
    for (const [field, value] of Object.entries(patch)) {
      if (field.startsWith(deletePrefix)) this.deletePrimitives(result, field.slice(deletePrefix.length), value);
    }
    for (const [field, value] of Object.entries(patch)) {
      if (!field.startsWith(orderPrefix)) continue;
      const name = field.slice(orderPrefix.length);
      this.reorder(resolved, result, { field: name, before: target[name], order: value });
    }
    return result;
  }

  private mergeValue(schema: Schema | undefined, target: unknown, patch: unknown): unknown {
    if (isFields(patch)) return isFields(target) ? this.mergeFields(schema, target, patch) : withoutDirectives(patch);
    if (!Array.isArray(patch)) return copyOf(patch);
    if (!Array.isArray(target) || !strategies(schema).includes('merge'))
      return withoutDirectives(this.replacement(patch));
    const key = schema?.['x-kubernetes-patch-merge-key'];
    return key === undefined
      ? this.union(target, patch)
      : this.mergeList(schema?.items, key, target as unknown[], patch as unknown[]);
  }

  /** A list that begins with `{$patch: replace}` replaces the whole. */
  private replacement(patch: readonly unknown[]): unknown[] {
    return patch.filter((item) => !(isFields(item) && item['$patch'] === 'replace' && Object.keys(item).length === 1));
  }

  private union(target: readonly unknown[], patch: readonly unknown[]): unknown[] {
    const added = patch.filter((item) => !target.some((other) => isSameJson(other, item)));
    return [...target, ...added].map(copyOf);
  }

  private mergeList(
    items: Schema | undefined,
    key: string,
    target: readonly unknown[],
    patch: readonly unknown[],
  ): unknown[] {
    const isReplaced = patch.some((item) => isFields(item) && item['$patch'] === 'replace');
    if (isReplaced) return withoutDirectives(this.replacement(patch)) as unknown[];
    const result = target.map(copyOf);
    for (const item of patch) {
      if (!isFields(item)) throw badRequest('a list that is merged by a key holds something that is no object');
      if (item[key] === undefined) throw missingKey(item, key);
      const index = result.findIndex((other) => isFields(other) && isSameJson(other[key], item[key]));
      const found = result[index];
      if (item['$patch'] === 'delete') {
        if (index >= 0) result.splice(index, 1);
      } else if (isFields(found)) result[index] = this.mergeFields(items, found, item);
      else result.push(withoutDirectives(item));
    }
    return result;
  }

  private retained(target: Fields, patch: Fields): Fields {
    const keys = patch['$retainKeys'];
    if (!Array.isArray(keys)) return { ...target };
    return Object.fromEntries(Object.entries(target).filter(([field]) => keys.includes(field)));
  }

  private deletePrimitives(result: Fields, field: string, value: unknown): void {
    const list = result[field];
    if (!Array.isArray(list) || !Array.isArray(value)) return;
    result[field] = list.filter((item) => !value.some((gone) => isSameJson(gone, item)));
  }

  /** Puts the items that are named in the order named; others keep their place before what they stood before. */
  private reorder(
    schema: Schema | undefined,
    result: Fields,
    spot: { field: string; before: unknown; order: unknown },
  ): void {
    const { field, before, order } = spot;
    const list = result[field];
    if (!Array.isArray(list) || !Array.isArray(order)) return;
    const key = schema && fieldSchema(schema, field)?.['x-kubernetes-patch-merge-key'];
    const identity = (item: unknown): unknown => (key !== undefined && isFields(item) ? item[key] : item);
    const rankIn = (items: readonly unknown[], item: unknown): number =>
      items.findIndex((other) => isSameJson(identity(other), identity(item)));
    const wanted: readonly unknown[] = order;
    const items: readonly unknown[] = list;
    const old: readonly unknown[] = Array.isArray(before) ? before : [];
    const named = items.filter((item) => rankIn(wanted, item) >= 0);
    named.sort((left, right) => rankIn(wanted, left) - rankIn(wanted, right));
    const others = items.filter((item) => rankIn(wanted, item) < 0);
    const ordered: unknown[] = [];
    for (const item of named) {
      const rank = rankIn(old, item);
      while (others.length > 0 && rank >= 0 && rankIn(old, others[0]) < rank) ordered.push(others.shift());
      ordered.push(item);
    }
    result[field] = [...ordered, ...others];
  }
}

/**
 * Applies a strategic merge patch: like a merge patch, but lists whose schema says so are merged by a key or as a set.
 * Nothing is changed in place.
 * @throws StatusError BadRequest for a patch that does not fit the schema.
 */
export function applyStrategicMerge(schemas: Schemas, schema: Schema, target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) throw badRequest('error decoding patch: a strategic merge patch is an object');
  return new Merger(schemas).mergeFields(schema, isFields(target) ? target : {}, patch);
}
