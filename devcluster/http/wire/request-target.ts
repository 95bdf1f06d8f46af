import type { ServedKind } from '../../kinds/served-kind.js';

/** What a URL below /api or /apis means. */
export interface RequestTarget {
  readonly served: ServedKind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

function groupVersionOf(segments: readonly string[]): { group: string; version: string; rest: readonly string[] } {
  const [root, first = '', second = '', ...rest] = segments;
  if (root === 'api') return { group: '', version: first, rest: [second, ...rest].filter((text) => text !== '') };
  return { group: first, version: second, rest };
}

function parseRest(
  rest: readonly string[],
): { namespace?: string; plural: string; name?: string | undefined; subresource?: string | undefined } | undefined {
  const [first = '', second, third, fourth, fifth] = rest;
  // /namespaces/x/pods is about pods; /namespaces/x and /namespaces/x/status are about the namespace.
  const isInside =
    first === 'namespaces' && second !== undefined && third !== undefined && third !== 'status' && third !== 'finalize';
  if (isInside) {
    if (rest.length > 5) return undefined;
    return { namespace: second, plural: third, name: fourth, subresource: fifth };
  }
  if (first === '' || rest.length > 3) return undefined;
  return { plural: first, name: second, subresource: third };
}

/** Finds what a path is about; undefined when the dev cluster serves no such thing. */
export function findTarget(kinds: readonly ServedKind[], path: string): RequestTarget | undefined {
  const segments = path
    .split('/')
    .filter((text) => text !== '')
    .map(decodeURIComponent);
  if (segments[0] !== 'api' && segments[0] !== 'apis') return undefined;
  const { group, version, rest } = groupVersionOf(segments);
  const parsed = parseRest(rest);
  if (parsed === undefined) return undefined;
  const served = kinds.find(
    ({ kind }) => kind.group === group && kind.version === version && kind.plural === parsed.plural,
  );
  if (served === undefined) return undefined;
  const { namespace, name, subresource } = parsed;
  const isKnown =
    subresource === undefined ||
    (subresource === 'status' && served.kind.hasStatus) ||
    served.subresources.includes(subresource);
  // Objects without a namespace have no address below one, and one object of many has no address without its own.
  if (!isKnown || (namespace !== undefined) !== (served.kind.namespaced && namespace !== undefined)) return undefined;
  if (served.kind.namespaced && namespace === undefined && name !== undefined) return undefined;
  return { served, namespace, name, subresource };
}
