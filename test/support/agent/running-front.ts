import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FrontLimits } from '#agent/config/config.js';
import { createAudit } from '#agent/access/audit.js';
import type { Authorizer } from '#agent/access/authorizer.js';
import { createPermissions } from '#agent/access/permissions.js';
import { createRoleAuthorizer } from '#agent/access/role-authorizer.js';
import { createAttachPermit } from '#agent/access/attach-permit.js';
import { createAttachRelay, type AttachDeps, type WantedSession } from '#agent/front/calls/attach-relay.js';
import { createCallRates } from '#agent/front/turns/call-rates.js';
import { createContainment } from '#agent/front/stream/contain.js';
import { createHealthCalls } from '#agent/front/calls/health-calls.js';
import { openFront, type Front, type FrontAddress } from '#agent/front/front.js';
import { createFileIdentity } from '#agent/access/identity-file.js';
import type { Identity } from '#agent/access/identity.js';
import { createRouter } from '#agent/front/calls/router.js';
import { createUpstream } from '#agent/front/upstream/upstream.js';
import { createVerifiedCalls } from '#agent/front/calls/verified-calls.js';
import { createChanges, type Changes } from '#common/changes.js';
import { createSystemClock, type Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createHealth } from '#common/grpc/health.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { startRawWorker, type RawCall, type RawWorker } from './raw-session.js';

/** A front in this process with one panel, `echo`, and a worker that the test writes. */
export interface RunningFront {
  readonly front: Front;
  readonly address: string;
  readonly dir: string;
  readonly identity: Identity;
  readonly limits: FrontLimits;
  readonly identityFile: string;
  /** Says that the worker is up or not. */
  setUp(up: boolean): void;
  startWorker(attach: (call: RawCall) => void): Promise<RawWorker>;
  close(): Promise<void>;
}

/** How the front of a test is set up. */
export interface RunningFrontOptions {
  readonly attach?: (call: RawCall) => void;
  readonly clock?: Clock;
  readonly tls?: FrontAddress['tls'];
  readonly maxPendingAttaches?: number;
  readonly maxConnections?: number;
  readonly maxStreamsPerConnection?: number;
  readonly callsPerSecond?: number;
  readonly up?: boolean;
  /** True: the agent goes. @default false */
  readonly isHolding?: boolean;
  /** @default that of the identity file */
  readonly identity?: Identity;
  readonly authorizer?: Authorizer;
  /** Watches attachments that are relayed. @default nobody does */
  readonly expect?: AttachDeps['expect'];
}

/** Token of the identity `alice` with the role client. */
export const aliceToken = 'alice-token';
/** Token of the identity `bob` with the role client. */
export const bobToken = 'bob-token';
/** Token of the identity `oscar` with the role operator. */
export const oscarToken = 'oscar-token';

/** Identities of a test, as the file holds them. */
export const identitiesYaml = `identities:
  - { name: alice, token: ${aliceToken}, roles: [client] }
  - { name: bob, token: ${bobToken}, roles: [client] }
  - { name: oscar, token: ${oscarToken}, roles: [operator] }
`;

/** Starts a front on a port of its own. */
export async function startFront(options: RunningFrontOptions = {}): Promise<RunningFront> {
  const dir = await mkdtemp(join(tmpdir(), 'panelet-front-'));
  const identityFile = join(dir, 'identities.yaml');
  await writeFile(identityFile, identitiesYaml);
  const identity = options.identity ?? (await createFileIdentity(identityFile));
  const clock = options.clock ?? createSystemClock();
  const socketPath = join(dir, 'worker.sock');
  const keepalive = { keepaliveMs: 30_000, keepaliveTimeoutMs: 10_000 };
  const upstream = createUpstream({ socketPath, clock });
  const changes: Changes = createChanges();
  let up = options.up ?? true;
  const limits = {
    ...{ maxConnections: 100, maxStreamsPerConnection: 100, maxPendingAttaches: 100 },
    ...{
      maxWatches: 1024,
      maxWatchesPerCaller: 64,
      callsPerSecond: options.callsPerSecond ?? 500,
      helloTimeoutMs: 10_000,
      holdMs: 10_000,
      ...keepalive,
      reviewAttachmentsMs: 300_000,
    },
    ...(options.maxPendingAttaches === undefined ? {} : { maxPendingAttaches: options.maxPendingAttaches }),
    ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
    ...(options.maxStreamsPerConnection === undefined
      ? {}
      : { maxStreamsPerConnection: options.maxStreamsPerConnection }),
  };
  const requireKnown = (panel: string): void => {
    if (panel !== 'echo') throw new PaneletError('PANEL_UNKNOWN', `This node does not offer the panel "${panel}".`);
  };
  const targets = {
    requireKnown,
    isHolding: options.isHolding ?? false,
    ready: ({ panel }: WantedSession, signal: AbortSignal) =>
      changes.until(() => {
        requireKnown(panel);
        const revoke = (): Promise<boolean> => Promise.resolve(true);
        return up ? { upstream, passedKeys: new Set<string>(), revoke } : undefined;
      }, signal),
  };
  const audit = createAudit(createSilentLog());
  const permissions = createPermissions({ authorizer: options.authorizer ?? createRoleAuthorizer(), audit });
  const permit = createAttachPermit({ identity, permissions });
  const log = createSilentLog();
  const random = createSystemRandom();
  const watching = options.expect === undefined ? {} : { expect: options.expect };
  const nameAttachment = (): string => random.uuid();
  const attach = createAttachRelay({
    ...{ ...limits, ...watching, clock, targets, permit, nameAttachment },
    agentInstance: 'an agent',
  });
  const health = createHealth(['']);
  health.set('', true);
  const rates = createCallRates({ clock, perSecond: limits.callsPerSecond });
  const route = createRouter({
    identity,
    attach,
    health: createHealthCalls({ health, clock, requestMs: limits.helloTimeoutMs }).handle,
    services: upstream,
    calls: createVerifiedCalls(random),
    rates,
  });
  const workers: RawWorker[] = [];
  const startWorker = async (handler: (call: RawCall) => void): Promise<RawWorker> => {
    const worker = await startRawWorker(socketPath, handler);
    workers.push(worker);
    return worker;
  };
  if (options.attach !== undefined) await startWorker(options.attach);
  const tls = options.tls;
  const containment = createContainment({ log });
  const front = await openFront(
    { host: '127.0.0.1', port: 0, tls },
    { log, clock, random, limits, route, rates, containment, node: 'node-a' },
  );
  front.admit();
  return {
    ...{ front, dir, identity, limits, identityFile, startWorker },
    address: `127.0.0.1:${front.port}`,
    setUp: (next) => {
      up = next;
      changes.notify();
    },
    close: async () => {
      upstream.close();
      for (const worker of workers) worker.close();
      await front.close(0);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
