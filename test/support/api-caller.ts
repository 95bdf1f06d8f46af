import type { ClientRequest, IncomingHttpHeaders } from 'node:http';
import { request as secureRequest } from 'node:https';
import { createInterface } from 'node:readline';
import type { RunningApi } from './running-api.js';

/** What a request carries. */
export interface ApiCall {
  /** @default 'GET' */
  readonly method?: string;
  /** Token; none when null. @default the administrator's */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON unless it is a text. */
  readonly body?: unknown;
}

/** What came back. */
export interface ApiAnswer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The text as JSON. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what it asked for
  json<T = Record<string, unknown>>(): T;
}

/** One line of a watch. */
export interface WatchLine {
  readonly type: string;
  readonly object: {
    readonly kind: string;
    readonly metadata: {
      readonly name?: string;
      readonly resourceVersion?: string;
      readonly annotations?: Readonly<Record<string, string>>;
    };
    readonly [field: string]: unknown;
  };
}

const open = (api: RunningApi, path: string, call: ApiCall): ClientRequest => {
  const token = call.token === undefined ? api.token : call.token;
  const { body } = call;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const client = secureRequest(`${api.url}${path}`, {
    method: call.method ?? 'GET',
    ca: api.caCertificate,
    agent: false,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      ...call.headers,
    },
  });
  client.end(text);
  return client;
};

/** Sends one request and reads the whole answer. */
export function callApi(api: RunningApi, path: string, call: ApiCall = {}): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const client = open(api, path, call);
    client.once('error', reject);
    client.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          code: response.statusCode ?? 0,
          headers: response.headers,
          text,
          // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what it asked for
          json: <T>() => JSON.parse(text) as T,
        }),
      );
    });
  });
}

/** Reads the first `count` lines of a watch and ends it; fewer when the server ends it first. */
export function watchApi(api: RunningApi, path: string, count: number, call: ApiCall = {}): Promise<WatchLine[]> {
  return new Promise((resolve, reject) => {
    const client = open(api, path, call);
    const lines: WatchLine[] = [];
    client.once('error', reject);
    client.once('response', (response) => {
      const reader = createInterface(response);
      // Ending the watch ourselves is told as an error by both.
      response.on('error', () => undefined);
      reader.on('error', () => undefined);
      reader.on('line', (line) => {
        if (lines.length < count) lines.push(JSON.parse(line) as WatchLine);
        if (lines.length < count) return;
        resolve(lines);
        client.destroy();
      });
      reader.once('close', () => resolve(lines));
    });
  });
}
