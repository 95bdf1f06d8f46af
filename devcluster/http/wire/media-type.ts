/** One alternative of an Accept header. */
export interface MediaType {
  /** `type/subtype`, lower case. */
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Reads an Accept or Content-Type header; the order is kept, weights are not looked at. */
export function parseMediaTypes(header: string | undefined): MediaType[] {
  return (header ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [type = '', ...parameters] = part.split(';').map((text) => text.trim());
      const pairs = parameters.map((text) => {
        const [key = '', value = ''] = text.split('=');
        return [key.trim().toLowerCase(), value.trim()] as const;
      });
      return { type: type.toLowerCase(), parameters: Object.fromEntries(pairs) };
    });
}

/** In which shape an object is sent. */
export type Shape = 'object' | 'table' | 'metadata';

function shapeOf({ type, parameters }: MediaType): Shape | undefined {
  if (!['application/json', 'application/*', '*/*'].includes(type)) return undefined;
  if (parameters['as'] === undefined) return 'object';
  if (parameters['g'] !== 'meta.k8s.io' || parameters['v'] !== 'v1') return undefined;
  if (parameters['as'] === 'Table') return 'table';
  return parameters['as'].startsWith('PartialObjectMetadata') ? 'metadata' : undefined;
}

/** The first shape of an Accept header that can be served; undefined when there is none. */
export function negotiateShape(accept: string | undefined): Shape | undefined {
  const types = parseMediaTypes(accept);
  if (types.length === 0) return 'object';
  return types.map(shapeOf).find((shape) => shape !== undefined);
}
