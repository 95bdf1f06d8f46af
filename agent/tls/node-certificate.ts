import type { X509Certificate } from 'node:crypto';
import { createBackoff } from '#common/time/backoff.js';
import type { Clock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { createChanges } from '#common/changes.js';
import type { CertificateRequests } from '../kube/certificate-requests.js';
import type { CertificateSource, TlsMaterial } from './certificate-source.js';
import type { IdentityStore, NodeKeyPair } from './identity-store.js';
import type { NodeNames } from './key-request.js';
import { readCertificates } from './pem.js';
import { isUsable, reasonToRenew, renewalTime, type RenewalReason } from './renewal-reason.js';
import { requestCertificate } from './request-certificate.js';

/** What the certificate of a node needs. */
export interface NodeCertificateDeps {
  readonly store: IdentityStore;
  readonly requests: CertificateRequests;
  /** Tells the bundle of trusted authorities, PEM, at first and whenever it changes, until the signal aborts. */
  readonly followBundle: (onBundle: (bundle: string | undefined) => void, signal: AbortSignal) => Promise<void>;
  readonly names: NodeNames;
  readonly signerName: string;
  readonly validitySeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface Bundle {
  readonly pem: string;
  readonly certificates: readonly X509Certificate[];
}

const retryInitialMs = 2_000;
const retryMaxMs = 300_000;
// Wall-clock time may be set, and a machine may sleep: the calendar is looked at again that often.
const lookAgainMs = 600_000;

/**
 * The certificate of this node, from the cluster's CertificateSigningRequests. The one of an earlier agent of the node is used
 * at once while clients accept it. It is renewed after about two thirds of its life, and as soon as it does not fit any more.
 */
export async function createNodeCertificate(deps: NodeCertificateDeps): Promise<CertificateSource> {
  const { clock, random, log, store } = deps;
  const changes = createChanges();
  const ending = new AbortController();
  // Nodes that were started together do not renew together.
  const share = 2 / 3 + (random.number() - 0.5) / 10;
  const state = {
    pair: await store.read(),
    bundle: parseBundle(await store.readBundle(), log),
    waiting: 'No certificate was requested yet.',
    wake: createLatch(),
  };
  const chainOf = ({ cert }: NodeKeyPair): readonly X509Certificate[] => readSafely(cert);
  const reason = (): RenewalReason | undefined =>
    reasonToRenew({
      chain: state.pair === undefined ? [] : chainOf(state.pair),
      authorities: state.bundle?.certificates,
      ...{ names: deps.names, now: clock.date(), share },
    });
  const use = async (pair: NodeKeyPair): Promise<void> => {
    state.pair = pair;
    changes.notify();
    await store.write(pair).catch((error: unknown) => {
      log.error({ err: error }, 'The certificate cannot be kept: the next agent of this node has to ask again');
    });
  };
  const onBundle = (pem: string | undefined): void => {
    const next = parseBundle(pem, log);
    // One that is empty has not been filled yet; what was trusted before still is.
    if (next === undefined || next.pem === state.bundle?.pem) return;
    state.bundle = next;
    log.info({ authorities: next.certificates.length }, 'Trusted authorities changed');
    changes.notify();
    state.wake.resolve();
    store.writeBundle(next.pem).catch((error: unknown) => log.error({ err: error }, 'The bundle cannot be kept'));
  };
  void deps.followBundle(onBundle, ending.signal);
  void renewForEver({ deps, state, reason, use, share, signal: ending.signal });
  return {
    changes,
    acceptsClientCertificates: true,
    current: () => {
      if (state.pair === undefined || !isUsable(reason())) return undefined;
      return materialOf(state.pair, state.bundle);
    },
    unready: () => (isUsable(reason()) ? [] : [`There is no certificate that is good: ${state.waiting}`]),
    reload: () => {
      state.wake.resolve();
      return Promise.resolve();
    },
    close: () => ending.abort(new PaneletError('OPERATION_REFUSED', 'The agent stops.')),
  };
}

function materialOf({ cert, key }: NodeKeyPair, bundle: Bundle | undefined): TlsMaterial {
  return { cert, key, clientCa: bundle?.pem };
}

function parseBundle(pem: string | undefined, log: Log): Bundle | undefined {
  if (pem === undefined || pem.trim() === '') return undefined;
  try {
    const certificates = readCertificates(pem);
    return certificates.length === 0 ? undefined : { pem, certificates };
  } catch (error) {
    log.error({ err: error }, 'The bundle of authorities cannot be read, what was trusted stays');
    return undefined;
  }
}

function readSafely(pem: string): readonly X509Certificate[] {
  try {
    return readCertificates(pem);
  } catch {
    return [];
  }
}

interface Renewal {
  readonly deps: NodeCertificateDeps;
  readonly state: { pair: NodeKeyPair | undefined; waiting: string; wake: Latch<void> };
  readonly reason: () => RenewalReason | undefined;
  readonly use: (pair: NodeKeyPair) => Promise<void>;
  readonly share: number;
  readonly signal: AbortSignal;
}

async function renewForEver(renewal: Renewal): Promise<void> {
  const { deps, state, reason, signal } = renewal;
  const { log } = deps;
  const backoff = createBackoff(deps.random, { initialMs: retryInitialMs, maxMs: retryMaxMs });
  let last: RenewalReason | undefined;
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    const why = reason();
    if (why === undefined) {
      backoff.reset();
      last = undefined;
      await pause(renewal, Math.min(lookAgainMs, msUntilDue(renewal)));
      continue;
    }
    // What a new certificate did not change, another one will not change at once either.
    if (why === last) await pause(renewal, backoff.nextMs());
    last = why;
    if (isOver()) return;
    try {
      log.info({ why }, 'The node needs a certificate');
      const onWaiting = (what: string): void => void (state.waiting = what);
      await renewal.use(await requestCertificate({ ...deps, onWaiting, signal }));
      log.info({ expires: expiryOf(state.pair) }, 'Certificate issued');
    } catch (error) {
      if (isOver()) return;
      const known = PaneletError.from(error);
      state.waiting = known.message;
      const refused = isPaneletError(error, 'API_REFUSED');
      log.warn({ err: known }, refused ? 'The certificate request was refused' : 'The certificate request failed');
    }
  }
}

function msUntilDue({ deps, state, share }: Renewal): number {
  const [leaf] = readSafely(state.pair?.cert ?? '');
  return leaf === undefined ? 0 : Math.max(0, renewalTime(leaf, share) - deps.clock.date().getTime());
}

function expiryOf(pair: NodeKeyPair | undefined): string | undefined {
  return readSafely(pair?.cert ?? '')[0]?.validTo;
}

// Ends early when something has changed, or the agent stops.
async function pause({ deps, state, signal }: Renewal, delayMs: number): Promise<void> {
  state.wake = createLatch();
  const { wake } = state;
  const stop = (): void => wake.resolve();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const timer = deps.clock.after(delayMs, () => wake.resolve());
  await wake.promise;
  timer.stop();
  signal.removeEventListener('abort', stop);
}
