import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request as startRequest } from 'node:https';
import type { Clock } from '#common/time/clock.js';
import { linkSignals } from '#common/time/deadline.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { apiErrorOf, errorOfFailure } from '../api-status.js';
import type { ClusterAccess } from './cluster-access.js';

/** One request to the API server. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly path: string;
  readonly body?: unknown;
  /** @default 5000 */
  readonly timeoutMs?: number;
}

/** A small client of the Kubernetes API, for the few calls an agent makes. */
export interface ApiClient {
  /**
   * Resolves with the object of the answer.
   * @throws PaneletError API_UNAVAILABLE when the server does not answer, or says that it cannot now; API_NOT_FOUND,
   * API_CONFLICT; API_REFUSED for everything else that it refuses.
   */
  call(request: ApiRequest): Promise<unknown>;
  /**
   * Follows a watch: calls `onLine` with each object until the server ends it, `timeoutMs` are over, or the signal aborts.
   * @throws as {@link ApiClient.call}; the signal's reason when it aborts.
   */
  follow(request: ApiRequest, onLine: (event: unknown) => void, signal: AbortSignal): Promise<void>;
  /** Ends what is under way. */
  close(): void;
}

/** What the client needs. */
export interface ApiClientDeps {
  readonly access: ClusterAccess;
  readonly clock: Clock;
}

const defaultTimeoutMs = 5_000;
// The kubelet replaces tokens long before they expire; client-go re-reads them every minute too.
const tokenAgeMs = 60_000;
const maxAnswerBytes = 4 * 1024 * 1024;
const maxSockets = 32;

interface Proof {
  readonly token: string;
  readonly ca: string;
  readonly agent: Agent;
  readonly readAtMs: number;
}

/** A client that connects when it is first used. */
export function createApiClient(deps: ApiClientDeps): ApiClient {
  return new TokenApiClient(deps);
}

class TokenApiClient implements ApiClient {
  readonly #deps: ApiClientDeps;
  readonly #ending = new AbortController();
  #proof: Proof | undefined;

  constructor(deps: ApiClientDeps) {
    this.#deps = deps;
    // Each call under way listens.
    setMaxListeners(0, this.#ending.signal);
  }

  async call(asked: ApiRequest): Promise<unknown> {
    const exchange = await this.#start(asked, this.#ending.signal);
    try {
      return await readAnswer(asked, exchange.response);
    } finally {
      exchange.end();
    }
  }

  async follow(asked: ApiRequest, onLine: (event: unknown) => void, signal: AbortSignal): Promise<void> {
    const { signal: both, unlink } = linkSignals([signal, this.#ending.signal]);
    let exchange: Exchange | undefined;
    try {
      exchange = await this.#start(asked, both);
      if (!isSuccess(exchange.response)) await readAnswer(asked, exchange.response);
      else await readLines(asked, exchange.response, onLine);
      both.throwIfAborted();
    } catch (error) {
      both.throwIfAborted();
      throw error;
    } finally {
      exchange?.end();
      unlink();
    }
  }

  close(): void {
    this.#ending.abort(new PaneletError('API_UNAVAILABLE', 'The agent stops.'));
    this.#proof?.agent.destroy();
  }

  async #start(asked: ApiRequest, signal: AbortSignal): Promise<Exchange> {
    try {
      const first = await this.#once(asked, signal);
      if (first.response.statusCode !== 401) return first;
      // The token may have been replaced a moment ago.
      first.end();
    } catch (error) {
      // The server closed a kept connection in the moment it was used again: nothing was done with the request.
      if (!(error instanceof StaleConnectionError)) throw error;
    }
    return this.#once(asked, signal);
  }

  async #once(asked: ApiRequest, signal: AbortSignal): Promise<Exchange> {
    const { token, agent } = await this.#prove();
    const exchange = await exchangeWith(this.#deps, { asked, token, agent, signal });
    if (exchange.response.statusCode === 401) this.#forgetToken();
    return exchange;
  }

  async #prove(): Promise<Proof> {
    const { access, clock } = this.#deps;
    const known = this.#proof;
    const nowMs = clock.nowMs();
    if (known !== undefined && nowMs - known.readAtMs < tokenAgeMs) return known;
    const [token, ca] = await Promise.all([readProof(access.tokenFile), readProof(access.caFile)]);
    const before = this.#proof;
    const agent = before?.ca === ca ? before.agent : new Agent({ keepAlive: true, maxSockets, ca });
    // Its requests under way go on; idle connections were verified by what is not trusted any more.
    if (before !== undefined && before.agent !== agent) before.agent.destroy();
    this.#proof = { token: token.trim(), ca, agent, readAtMs: nowMs };
    return this.#proof;
  }

  #forgetToken(): void {
    if (this.#proof !== undefined) this.#proof = { ...this.#proof, readAtMs: -Infinity };
  }
}

class StaleConnectionError extends Error {}

async function readProof(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const message = `${file} cannot be read: ${messageOf(cause)}. Mount the token of the ServiceAccount.`;
    throw new PaneletError('API_UNAVAILABLE', message, { cause });
  }
}

interface Exchange {
  readonly response: IncomingMessage;
  /** Ends it, however far it came. */
  end(): void;
}

interface Attempt {
  readonly asked: ApiRequest;
  readonly token: string;
  readonly agent: Agent;
  readonly signal: AbortSignal;
}

function exchangeWith({ access, clock }: ApiClientDeps, { asked, token, agent, signal }: Attempt): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const body = asked.body === undefined ? undefined : Buffer.from(JSON.stringify(asked.body));
    const timeoutMs = asked.timeoutMs ?? defaultTimeoutMs;
    const outgoing = startRequest({
      ...{ host: access.host, port: access.port, method: asked.method, path: asked.path, agent },
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        'user-agent': 'panelet-agent',
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
      },
    });
    const fail = (cause: unknown): void => void outgoing.destroy(cause as Error);
    const timer = clock.after(timeoutMs, () => fail(new Error(`no answer within ${timeoutMs} ms`)));
    const abort = (): void => fail(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const end = (): void => {
      timer.stop();
      signal.removeEventListener('abort', abort);
    };
    outgoing.on('error', (cause: NodeJS.ErrnoException) => {
      end();
      if (outgoing.reusedSocket && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE')) {
        reject(new StaleConnectionError(cause.message));
      } else reject(errorOfFailure(whatOf(asked), cause));
    });
    outgoing.once('response', (response) => {
      const leave = (): void => {
        end();
        // An answer that was read to its end leaves the connection for the next request.
        if (!response.complete) outgoing.destroy();
        else response.resume();
      };
      resolve({ response, end: leave });
    });
    outgoing.end(body);
  });
}

/** What is asked, without its query: `get /api/v1/namespaces/a/pods`. */
function whatOf({ method, path }: ApiRequest): string {
  return `${method.toLowerCase()} ${path.split('?', 1)[0] ?? path}`;
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

async function readAnswer(asked: ApiRequest, response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxAnswerBytes) throw new Error(`the answer is larger than ${maxAnswerBytes} bytes`);
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    if (!isSuccess(response)) throw apiErrorOf(whatOf(asked), response.statusCode ?? 0, text);
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw errorOfFailure(whatOf(asked), error);
  }
}

async function readLines(
  asked: ApiRequest,
  response: IncomingMessage,
  onLine: (event: unknown) => void,
): Promise<void> {
  let rest = '';
  response.setEncoding('utf8');
  try {
    for await (const part of response as AsyncIterable<string>) {
      rest += part;
      if (rest.length > maxAnswerBytes) throw new Error(`a line is larger than ${maxAnswerBytes} bytes`);
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter((text) => text.trim() !== '')) onLine(JSON.parse(line) as unknown);
    }
  } catch (error) {
    throw errorOfFailure(whatOf(asked), error);
  }
}
