import type { Clock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { TokenQuery } from '../../connect/client-options.js';
import type { Kubectl } from './kubectl.js';

/** Who asks for credentials, and where. */
export interface CredentialDeps {
  readonly kubectl: Kubectl;
  readonly clock: Clock;
  readonly namespace: string;
}

/** Gives a token; another one than before where that was refused. */
export type TokenSource = (query?: TokenQuery) => Promise<string>;

/** ServiceAccount whose tokens people use, unless another is asked for. */
export const defaultServiceAccount = 'panelet-user';

const caConfigMap = 'panelet-ca';
const audience = 'panelet.dev';
const lifeMs = 3_600_000;

/** When a token expires, by its own word; by ours when it cannot be read. */
function expiryOf(token: string, nowMs: number): number {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown };
    if (typeof claims.exp === 'number') return claims.exp * 1000;
  } catch {
    // Not a JWT.
  }
  return nowMs + lifeMs;
}

function tokenError(error: unknown, account: string, namespace: string): PaneletError {
  const known = PaneletError.from(error);
  const otherwise = 'or give a token (--token-file)';
  switch (known.code) {
    case 'IDENTITY_REFUSED': {
      const right = `the right to create serviceaccounts/token of ${account} in the namespace ${namespace}`;
      const message = `Your kubeconfig may not make tokens for Panelet: it lacks ${right}. Ask for it, ${otherwise}.`;
      return new PaneletError(known.code, message, { cause: error });
    }
    case 'API_NOT_FOUND': {
      const message = `The namespace ${namespace} has no ServiceAccount ${account} to make a token of. Give another with --service-account, ${otherwise}.`;
      return new PaneletError(known.code, message, { cause: error });
    }
    default:
      return known;
  }
}

/**
 * Tokens of a ServiceAccount for the audience of Panelet, good for an hour. The function gives the one at hand until a
 * fifth of its life is left, or an agent does not take it, then another; while that cannot be had, it goes on with the one that has not expired.
 */
export function createTokenSource(deps: CredentialDeps & { readonly account: string }): TokenSource {
  const { kubectl, clock, namespace, account } = deps;
  let held: { readonly token: string; readonly renewMs: number; readonly expiresMs: number } | undefined;
  let asking: Promise<string> | undefined;
  const nowMs = (): number => clock.date().getTime();
  const ask = async (): Promise<string> => {
    try {
      const args = ['create', 'token', account, '-n', namespace, '--audience', audience, '--duration', '1h'];
      const token = (await kubectl.run(args)).trim();
      const expiresMs = expiryOf(token, nowMs());
      held = { token, expiresMs, renewMs: nowMs() + (expiresMs - nowMs()) * 0.8 };
      return token;
    } catch (error) {
      if (held !== undefined && nowMs() < held.expiresMs) return held.token;
      throw tokenError(error, account, namespace);
    }
  };
  return (query) => {
    // Its ServiceAccount may be another one by now: Panelet was installed again.
    if (held !== undefined && query?.refused !== true && nowMs() < held.renewMs) return Promise.resolve(held.token);
    asking ??= ask().finally(() => (asking = undefined));
    return asking;
  };
}

/** The authorities that agents' certificates are to be checked with, from their ConfigMap. @throws saying what to give instead. */
export async function readClusterCa({ kubectl, namespace }: CredentialDeps): Promise<Buffer> {
  const otherwise = 'Give the authorities with --ca; --plaintext is for agents without TLS, as those of a dev cluster.';
  let text: string;
  try {
    text = await kubectl.run(['get', 'configmap', caConfigMap, '-n', namespace, '-o', 'jsonpath={.data.ca\\.crt}']);
  } catch (error) {
    if (!isPaneletError(error, 'API_NOT_FOUND') && !isPaneletError(error, 'IDENTITY_REFUSED')) throw error;
    const reason = error.code === 'API_NOT_FOUND' ? 'is not there' : 'may not be read by you';
    const message = `The ConfigMap ${caConfigMap} in the namespace ${namespace} ${reason}, so agents cannot be verified. ${otherwise}`;
    throw new PaneletError(error.code, message, { cause: error });
  }
  if (text.includes('BEGIN CERTIFICATE')) return Buffer.from(text);
  const message = `The ConfigMap ${caConfigMap} in the namespace ${namespace} has no certificate under ca.crt yet. Check that panelet-controller runs. ${otherwise}`;
  throw new PaneletError('API_UNAVAILABLE', message);
}
