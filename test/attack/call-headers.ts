import type { HeaderPairs } from './wire.js';

/** What the headers of a call depend on. */
export interface CallHeaderOptions {
  readonly tls: boolean;
  /** @default nobody's */
  readonly token?: string | undefined;
}

/** Headers of a gRPC call. */
export function callHeaders({ tls, token }: CallHeaderOptions, path: string, more: HeaderPairs = []): HeaderPairs {
  return [
    [':method', 'POST'],
    [':scheme', tls ? 'https' : 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...(token === undefined ? [] : ([['authorization', `Bearer ${token}`]] as const)),
    ...more,
  ];
}
