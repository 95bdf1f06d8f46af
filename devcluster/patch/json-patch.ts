import { copyOf, isFields, isSameJson } from '../store/json-copy.js';
import { badRequest } from '../store/refusals.js';
import { StatusError } from '../store/status-error.js';

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** Where an operation works: a key or index in an object or a list. */
interface Spot {
  readonly parent: Record<string, unknown> | unknown[];
  readonly key: string;
}

/** A patch that does not fit the object it is applied to. */
class PatchMismatch extends Error {}

function tokensOf(pointer: string): string[] {
  if (pointer !== '' && !pointer.startsWith('/'))
    throw new PatchMismatch(`the path ${JSON.stringify(pointer)} does not begin with "/"`);
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function child(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) return /^\d+$/.test(key) ? (parent as unknown[])[Number(key)] : undefined;
  return isFields(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
}

function spotOf(document: unknown, pointer: string): Spot {
  const tokens = tokensOf(pointer);
  const key = tokens.pop();
  const parent = tokens.reduce<unknown>(child, document);
  if (key === undefined || (!isFields(parent) && !Array.isArray(parent))) {
    throw new PatchMismatch(`doc is missing path: ${JSON.stringify(pointer)}: missing value`);
  }
  return { parent: parent as Spot['parent'], key };
}

function need(document: unknown, pointer: string): unknown {
  const { parent, key } = spotOf(document, pointer);
  const found = child(parent, key);
  if (found === undefined) throw new PatchMismatch(`doc is missing key: ${pointer}: missing value`);
  return found;
}

function add(document: unknown, pointer: string, value: unknown): void {
  const { parent, key } = spotOf(document, pointer);
  if (!Array.isArray(parent)) {
    parent[key] = value;
    return;
  }
  const index = key === '-' ? parent.length : Number(key);
  if (!Number.isInteger(index) || index < 0 || index > parent.length) {
    throw new PatchMismatch(`Unable to access invalid index: ${key}: invalid index referenced`);
  }
  parent.splice(index, 0, value);
}

function remove(document: unknown, pointer: string): void {
  const { parent, key } = spotOf(document, pointer);
  need(document, pointer);
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else Reflect.deleteProperty(parent, key);
}

function replace(document: unknown, pointer: string, value: unknown): void {
  const { parent, key } = spotOf(document, pointer);
  need(document, pointer);
  if (Array.isArray(parent)) parent[Number(key)] = value;
  else parent[key] = value;
}

function testValue(document: unknown, pointer: string, value: unknown): void {
  const { parent, key } = spotOf(document, pointer);
  // The library of the real server takes a missing value for null.
  if (!isSameJson(child(parent, key) ?? null, value ?? null)) {
    throw new PatchMismatch(`testing value ${pointer} failed: test failed`);
  }
}

const operators: Readonly<Record<string, (document: unknown, operation: Operation) => void>> = {
  add: (document, { path, value = null }) => add(document, path, value),
  remove: (document, { path }) => remove(document, path),
  replace: (document, { path, value = null }) => replace(document, path, value),
  test: (document, { path, value = null }) => testValue(document, path, value),
  copy: (document, { path, from = '' }) => add(document, path, copyOf(need(document, from))),
  move: (document, { path, from = '' }) => {
    const moved = need(document, from);
    remove(document, from);
    add(document, path, moved);
  },
};

function applyOne(document: unknown, operation: Operation): void {
  const apply = operators[operation.op];
  if (apply === undefined) throw new PatchMismatch(`Unexpected kind: ${operation.op}`);
  apply(document, operation);
}

const isOperation = (value: unknown): value is Operation =>
  isFields(value) && typeof value['op'] === 'string' && typeof value['path'] === 'string';

/**
 * Applies a JSON patch (RFC 6902); nothing is changed in place.
 * @throws StatusError BadRequest for what is no patch, Invalid for a patch that does not fit.
 */
export function applyJsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch) || !patch.every(isOperation)) {
    throw badRequest(
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    );
  }
  const document = copyOf(target);
  try {
    for (const operation of patch) applyOne(document, copyOf(operation));
  } catch (error) {
    if (!(error instanceof PatchMismatch)) throw error;
    // The real server says no more; the cause goes along for whoever looks closer.
    const message = 'the server rejected our request due to an error in our request';
    const refusal = new StatusError(422, 'Invalid', message, {});
    refusal.cause = error;
    throw refusal;
  }
  return document;
}
