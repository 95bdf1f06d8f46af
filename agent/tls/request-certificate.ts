import { createPrivateKey } from 'node:crypto';
import { createBackoff } from '#common/time/backoff.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { CertificateRequests } from '../kube/certificate-requests.js';
import type { NodeKeyPair } from './identity-store.js';
import { createKeyRequest, type NodeNames } from './key-request.js';
import { readCertificates } from './pem.js';

/** What asking for a certificate needs. */
export interface RequestDeps {
  readonly requests: CertificateRequests;
  readonly names: NodeNames;
  readonly signerName: string;
  readonly validitySeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told in a sentence what it waits for. */
  readonly onWaiting: (what: string) => void;
  readonly signal: AbortSignal;
}

const pollInitialMs = 500;
const pollMaxMs = 10_000;
const sayAgainMs = 60_000;
// The cluster removes a request that nobody approved after a day, an approved one after an hour.
const giveUpMs = 3_600_000;

/**
 * Asks the cluster for a certificate of a new key, and waits for it.
 * @throws PaneletError API_REFUSED when the request is denied; API_UNAVAILABLE when nobody answers or nothing came in an hour;
 * the signal's reason when it aborts.
 */
export async function requestCertificate(deps: RequestDeps): Promise<NodeKeyPair> {
  const { requests, names, random, log, onWaiting } = deps;
  const { key, request } = await createKeyRequest(names);
  const name = `panelet-agent-${random.uuid()}`;
  const { signerName, validitySeconds } = deps;
  await requests.create({ name, signerName, request, expirationSeconds: validitySeconds });
  log.info({ request: name, signerName }, 'Certificate requested');
  onWaiting(`The certificate request ${name} waits for its approval.`);
  const cert = await untilIssued(deps, name);
  checkPair({ cert, key });
  return { cert, key };
}

async function untilIssued({ requests, clock, random, log, signal }: RequestDeps, name: string): Promise<string> {
  const backoff = createBackoff(random, { initialMs: pollInitialMs, maxMs: pollMaxMs });
  const startMs = clock.nowMs();
  let sayAtMs = startMs + sayAgainMs;
  while (clock.nowMs() - startMs < giveUpMs) {
    await sleep(clock, backoff.nextMs(), signal);
    const state = await stateOf(requests, name);
    if (state.kind === 'issued') return state.certificate;
    if (state.kind === 'refused') {
      throw new PaneletError('API_REFUSED', `The certificate request ${name} was refused. ${state.message}`);
    }
    if (clock.nowMs() < sayAtMs) continue;
    sayAtMs = clock.nowMs() + sayAgainMs;
    log.warn({ request: name, why: state.kind }, 'The certificate request is still not approved; see its conditions');
  }
  throw new PaneletError('API_UNAVAILABLE', `Nobody approved the certificate request ${name}; another one is made.`);
}

type Polled = Awaited<ReturnType<CertificateRequests['state']>> | { readonly kind: 'unknown' };

async function stateOf(requests: CertificateRequests, name: string): Promise<Polled> {
  try {
    return await requests.state(name);
  } catch (error) {
    // The request is still there when the API server is back.
    if (isPaneletError(error, 'API_UNAVAILABLE')) return { kind: 'unknown' };
    throw error;
  }
}

function checkPair({ cert, key }: NodeKeyPair): void {
  const [leaf] = readCertificates(cert);
  if (leaf?.checkPrivateKey(createPrivateKey(key)) === true) return;
  throw new PaneletError('API_REFUSED', 'The signer issued a certificate that does not belong to the key.');
}
