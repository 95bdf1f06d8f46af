import { setMaxListeners } from 'node:events';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { ServedKind } from '../kinds/served-kind.js';
import type { ObjectStore } from '../store/object-store.js';
import { badRequest } from '../store/refusals.js';
import { StatusError } from '../store/status-error.js';
import { authorizePath, authorizeResource, createAuthenticator, verbOf, type ApiUser } from './access/access.js';
import type { AccountTokens } from './access/account-tokens.js';
import type { ApiContext } from './handlers/api-context.js';
import type { ServerCertificates } from './access/certificates.js';
import { createPager } from './wire/pager.js';
import { createPathRouter, type PathRouter } from './path-router.js';
import type { PodLogSource } from './handlers/pod-logs.js';
import { sendError } from './wire/reply.js';
import { findTarget, type RequestTarget } from './wire/request-target.js';
import { isWatch, routeResource } from './resource-router.js';

/** What {@link startApiServer} needs. */
export interface ApiServerDeps {
  readonly store: ObjectStore;
  readonly kinds: readonly ServedKind[];
  readonly users: readonly ApiUser[];
  readonly certificates: ServerCertificates;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Address to listen on. @default '127.0.0.1' */
  readonly host?: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Where `kubectl logs` reads; without it logs are refused. */
  readonly podLogs?: PodLogSource;
  /** Where `kubectl create token` finds them; without it there are none. */
  readonly accountTokens?: AccountTokens;
}

/** A running API server. */
export interface ApiServer {
  /** `https://host:port`. */
  readonly url: string;
  readonly port: number;
  /** Ends watches and connections and stops listening. */
  close(): Promise<void>;
}

interface Dispatcher {
  readonly context: ApiContext;
  readonly paths: PathRouter;
  readonly authenticate: (request: IncomingMessage) => ApiUser | undefined;
}

function readAddress(kinds: readonly ServedKind[], text: string): { url: URL; target: RequestTarget | undefined } {
  try {
    const url = new URL(text, 'https://localhost');
    return { url, target: findTarget(kinds, url.pathname) };
  } catch (error) {
    throw badRequest(`the address ${JSON.stringify(text)} makes no sense: ${String(error)}`);
  }
}

const unknownPathText = (path: string): string =>
  path.startsWith('/apis/rbac.authorization.k8s.io/')
    ? 'this dev cluster has no roles: who may do what is fixed (docs/reference/dev-cluster.md)'
    : 'the server could not find the requested resource';

async function dispatch(deps: Dispatcher, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const user = deps.authenticate(request);
  const { url, target } = readAddress(deps.context.kinds, request.url ?? '/');
  if (target === undefined) {
    authorizePath(user, url.pathname);
    if (request.method === 'GET' && deps.paths(url, request, response)) return;
    throw new StatusError(404, 'NotFound', unknownPathText(url.pathname), {});
  }
  const query = url.searchParams;
  authorizeResource(user, verbOf(request.method ?? 'GET', target, isWatch(query)), target);
  await routeResource(deps.context, { request, response, user, query, target });
}

const listen = (server: ReturnType<typeof createServer>, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE';
      const why = isTaken ? `Port ${port} of ${host} is taken. Choose another.` : `Cannot listen on ${host}:${port}.`;
      reject(new PaneletError(isTaken ? 'PORT_TAKEN' : 'INTERNAL', why, { cause: error }));
    });
    server.listen(port, host, resolve);
  });

/**
 * Starts the API server of the dev cluster.
 * @throws PaneletError PORT_TAKEN.
 */
export async function startApiServer(deps: ApiServerDeps): Promise<ApiServer> {
  const { log, host = '127.0.0.1' } = deps;
  const closing = new AbortController();
  // Each watch listens, and any number of them is right.
  setMaxListeners(0, closing.signal);
  const context: ApiContext = {
    store: deps.store,
    kinds: deps.kinds,
    clock: deps.clock,
    random: deps.random,
    log,
    pager: createPager(deps.clock, deps.random),
    podLogs: deps.podLogs,
    accountTokens: deps.accountTokens,
    closing: closing.signal,
  };
  const paths = createPathRouter(deps.kinds);
  const dispatcher: Dispatcher = { context, paths, authenticate: createAuthenticator(deps.users) };
  const { certificate, key } = deps.certificates;
  const server = createServer({ cert: certificate, key, ALPNProtocols: ['http/1.1'] }, (request, response) => {
    dispatch(dispatcher, request, response).catch((error: unknown) => sendError(response, error, log));
  });
  // Go keeps idle connections for 90 s and does not repeat a write whose connection was closed under it.
  server.keepAliveTimeout = 120_000;
  await listen(server, host, deps.port);
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://${host}:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        closing.abort();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
