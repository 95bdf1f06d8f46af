import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterAccess } from '#kube/plain/cluster-access.js';
import { createTestAuthority } from './test-authority.js';

/** Somebody whom the fake API server knows. */
export interface FakeUser {
  readonly username: string;
  readonly groups?: readonly string[];
  /** Audiences of the token; without any, that of the API server itself. */
  readonly audiences?: readonly string[];
}

/** A request that has arrived. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly token: string;
  readonly body: Record<string, unknown> | undefined;
}

/** A CertificateSigningRequest as it is kept. */
export interface KeptRequest {
  readonly name: string;
  readonly spec: { readonly request: string; readonly signerName: string; readonly usages: readonly string[] };
  status: { certificate?: string; conditions?: readonly Record<string, string>[] };
}

/** A permission; undefined parts match everything. */
export interface FakePermission {
  readonly user: string;
  readonly verb: string;
  /** Resource, or path of a non-resource URL. */
  readonly on: string;
  readonly name?: string;
}

/** The part of the Kubernetes API that agents use, as a real HTTPS server on this machine. */
export interface FakeApi {
  readonly access: ClusterAccess;
  readonly users: Map<string, FakeUser>;
  readonly permissions: FakePermission[];
  readonly requests: Map<string, KeptRequest>;
  readonly seen: SeenRequest[];
  /** Answers everything with this status, while set. */
  brokenWith: number | undefined;
  /** Takes requests and never answers, while true. */
  hangs: boolean;
  /** Called before each TokenReview is answered; it is when the promise resolves. */
  beforeTokenReview: (token: string) => Promise<void>;
  /** Told of each new CertificateSigningRequest. */
  onRequest: (request: KeptRequest) => void;
  setConfigMap(name: string, data: Record<string, string> | undefined): void;
  /** What agents must show; another one after the old one's rotation. */
  setToken(token: string, accepted?: string): void;
  /** Cuts every connection. */
  cut(): void;
  /** Environment of a process that uses it as its cluster. */
  env(): NodeJS.ProcessEnv;
  close(): Promise<void>;
}

/** Namespace of the tests. */
export const fakeNamespace = 'panelet-system';
const csrPath = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const mapsPath = `/api/v1/namespaces/${fakeNamespace}/configmaps`;

interface Kept {
  readonly data: Record<string, string>;
  readonly version: number;
}

/** Starts one, with a service account's files in a directory of its own. */
export async function startFakeApi(): Promise<FakeApi> {
  const authority = await createTestAuthority('kubernetes');
  const pair = await authority.issue({ subject: [{ CN: ['kube-apiserver'] }], hosts: ['127.0.0.1', 'localhost'] });
  const dir = mkdtempSync(join(tmpdir(), 'panelet-api-'));
  const access = { host: '127.0.0.1', port: 0, tokenFile: join(dir, 'token'), caFile: join(dir, 'ca.crt') };
  writeFileSync(access.caFile, authority.pem);
  const maps = new Map<string, Kept>();
  const watches = new Set<{ name: string; response: ServerResponse }>();
  const sockets = new Set<Socket>();
  let version = 1;
  let accepted = 'agent-token';
  writeFileSync(access.tokenFile, accepted);

  const answer = (response: ServerResponse, code: number, content: unknown): void => {
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(content));
  };
  const refuse = (response: ServerResponse, code: number, message: string): void =>
    answer(response, code, { kind: 'Status', status: 'Failure', message, code });

  const tokenReview = (spec: { token: string; audiences?: string[] }): unknown => {
    const user = api.users.get(spec.token);
    const own = user?.audiences ?? ['kubernetes'];
    const common = (spec.audiences ?? ['kubernetes']).filter((audience) => own.includes(audience));
    // Measured: another audience is 201 without `authenticated`.
    if (user === undefined || common.length === 0) return { status: { user: {}, error: 'invalid bearer token' } };
    const { username, groups = [] } = user;
    return {
      status: { authenticated: true, user: { username, uid: `uid-${username}`, groups, extra: {} }, audiences: common },
    };
  };
  interface AccessSpec {
    readonly user: string;
    readonly resourceAttributes?: Record<string, string>;
    readonly nonResourceAttributes?: Record<string, string>;
  }
  const accessReview = (spec: AccessSpec): unknown => {
    const { verb, resource, name, namespace, group } = spec.resourceAttributes ?? {};
    const on = resource ?? spec.nonResourceAttributes?.['path'];
    const inScope =
      spec.nonResourceAttributes !== undefined || (namespace === fakeNamespace && group === 'panelet.dev');
    const allowed =
      inScope &&
      api.permissions.some(
        (permission) =>
          permission.user === spec.user &&
          permission.verb === (verb ?? spec.nonResourceAttributes?.['verb']) &&
          permission.on === on &&
          (permission.name === undefined || permission.name === name),
      );
    return { status: { allowed, reason: allowed ? 'RBAC: allowed' : '' } };
  };
  const createRequest = (body: Record<string, unknown>): unknown => {
    const { name } = body['metadata'] as { name: string };
    if (api.requests.has(name)) return undefined;
    const kept: KeptRequest = { name, spec: body['spec'] as KeptRequest['spec'], status: {} };
    api.requests.set(name, kept);
    setImmediate(() => api.onRequest(kept));
    return { metadata: { name }, spec: kept.spec, status: kept.status };
  };
  const serveMaps = (response: ServerResponse, url: URL): void => {
    if (url.searchParams.get('watch') === 'true') {
      const name = (url.searchParams.get('fieldSelector') ?? '').replace('metadata.name=', '');
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      const watch = { name, response };
      watches.add(watch);
      response.once('close', () => watches.delete(watch));
      const kept = maps.get(name);
      if (kept !== undefined && kept.version > Number(url.searchParams.get('resourceVersion'))) tell(watch, name, kept);
      return;
    }
    const name = decodeURIComponent(url.pathname.slice(mapsPath.length + 1));
    const kept = maps.get(name);
    if (kept === undefined) refuse(response, 404, `configmaps "${name}" not found`);
    else answer(response, 200, objectOf(name, kept));
  };
  const serve = (request: SeenRequest, response: ServerResponse): void => {
    const url = new URL(request.path, 'https://api');
    const spec = request.body?.['spec'];
    const route = `${request.method} ${url.pathname}`;
    if (route === 'POST /apis/authentication.k8s.io/v1/tokenreviews') answer(response, 201, tokenReview(spec as never));
    else if (route === 'POST /apis/authorization.k8s.io/v1/subjectaccessreviews') {
      answer(response, 201, accessReview(spec as AccessSpec));
    } else if (route === `POST ${csrPath}`) {
      const created = createRequest(request.body ?? {});
      if (created === undefined) refuse(response, 409, 'already exists');
      else answer(response, 201, created);
    } else if (route.startsWith(`GET ${csrPath}/`)) {
      const kept = api.requests.get(url.pathname.slice(csrPath.length + 1));
      if (kept === undefined) refuse(response, 404, 'certificatesigningrequests not found');
      else answer(response, 200, { metadata: { name: kept.name }, spec: kept.spec, status: kept.status });
    } else if (route.startsWith(`GET ${mapsPath}`)) serveMaps(response, url);
    else refuse(response, 403, `forbidden: ${route}`);
  };
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = '';
    for await (const part of request.setEncoding('utf8') as AsyncIterable<string>) text += part;
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    const body = text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>);
    const seen = { method: request.method ?? '', path: request.url ?? '', token, body };
    api.seen.push(seen);
    if (api.hangs) return;
    if (api.brokenWith !== undefined) refuse(response, api.brokenWith, 'broken for a test');
    else if (token !== accepted) refuse(response, 401, 'Unauthorized');
    else {
      if (seen.path.endsWith('/tokenreviews')) {
        await api.beforeTokenReview((body?.['spec'] as { token: string }).token);
      }
      serve(seen, response);
    }
  };
  const server: Server = createServer(pair, (request, response) => {
    receive(request, response).catch(() => response.destroy());
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const api: FakeApi = {
    access: { ...access, port },
    users: new Map(),
    permissions: [],
    requests: new Map(),
    seen: [],
    brokenWith: undefined,
    hangs: false,
    beforeTokenReview: () => Promise.resolve(),
    onRequest: () => undefined,
    setConfigMap: (name, data) => {
      if (data === undefined) maps.delete(name);
      else maps.set(name, { data, version: ++version });
      const kept = maps.get(name);
      for (const watch of watches) if (watch.name === name && kept !== undefined) tell(watch, name, kept);
    },
    setToken: (token, nowAccepted = token) => {
      writeFileSync(access.tokenFile, token);
      accepted = nowAccepted;
    },
    cut,
    env: () => ({
      ...{ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) },
      ...{ PANELET_POD_NAMESPACE: fakeNamespace, PANELET_SERVICE_ACCOUNT_DIR: dir },
    }),
    close: () =>
      new Promise((resolve) => {
        rmSync(dir, { recursive: true, force: true });
        server.close(() => resolve());
        cut();
      }),
  };
  return api;
}

function tell(watch: { readonly response: ServerResponse }, name: string, kept: Kept): void {
  watch.response.write(`${JSON.stringify({ type: 'MODIFIED', object: objectOf(name, kept) })}\n`);
}

function objectOf(name: string, { data, version }: Kept): unknown {
  return { kind: 'ConfigMap', metadata: { name, resourceVersion: String(version) }, data };
}
