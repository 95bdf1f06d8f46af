import { webcrypto } from 'node:crypto';

import { createBackoff } from '#common/time/backoff.js';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { createLatch } from '#common/time/latch.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import {
  issueCertificate,
  keyAlgorithm,
  keyToPem,
  type Authority,
  type CertificateName,
  type CertificateOrder,
} from './authority.js';
import type { CaView } from './ca-keeper.js';
import type { KeyedCertificate, TransportCertificates, TransportIdentity } from './transport-identity.js';

/** What a controller's certificates are made of. */
export interface OwnCertificatesDeps {
  /** The authority that signs them. */
  readonly ca: { readonly current: () => CaView | undefined; readonly onChange: (listener: () => void) => void };
  /** Names in the certificate of its own servers. */
  readonly serverNames: readonly CertificateName[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Certificates that a controller makes for itself. */
export interface OwnCertificates extends TransportIdentity {
  /** Makes them, and makes them anew at two thirds of their life or when the authority changes. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** Short, because nothing but this process has the keys and another one costs a millisecond. */
const validMs = 6 * 3_600_000;

/** Name of every controller in its certificates; agents take whoever has it for a controller. */
const subject = [{ O: ['panelet:controllers'] }, { CN: ['panelet-controller'] }];

/** Makes this process's certificates with the authority it can read; their keys are nowhere but here. */
export function createOwnCertificates(deps: OwnCertificatesDeps): OwnCertificates {
  const { ca, serverNames, clock, random, log } = deps;
  const listeners: (() => void)[] = [];
  let current: TransportCertificates | undefined;
  let changed = createLatch();
  ca.onChange(() => changed.resolve());

  const issue = async (
    authority: Authority,
    order: Pick<CertificateOrder, 'names' | 'usages' | 'subject'>,
  ): Promise<KeyedCertificate> => {
    const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
    const publicKey = await webcrypto.subtle.exportKey('spki', keys.publicKey);
    const leaf = await issueCertificate(deps, authority, { ...order, publicKey, validMs });
    return { cert: `${leaf.trim()}\n${authority.certificate.trim()}\n`, key: await keyToPem(keys.privateKey) };
  };

  const renew = async (view: CaView): Promise<void> => {
    const client = await issue(view.active, { subject, names: [], usages: ['clientAuth'] });
    // Not the name that agents take for a controller's.
    const serverSubject = [{ O: ['panelet:metrics'] }, { CN: ['panelet-controller'] }];
    const server = await issue(view.active, { subject: serverSubject, names: serverNames, usages: ['serverAuth'] });
    current = { trust: view.bundle, client, server };
    log.debug('Own certificates made');
    for (const listener of listeners) listener();
  };

  return {
    current: () => current,
    onChange: (listener) => void listeners.push(listener),
    run: async (signal) => {
      const backoff = createBackoff(random, { initialMs: 1_000, maxMs: 30_000 });
      while (!signal.aborted) {
        changed = createLatch();
        const view = ca.current();
        let pauseMs = (validMs * 2) / 3;
        if (view === undefined) pauseMs = Infinity;
        else {
          try {
            await renew(view);
            backoff.reset();
          } catch (error) {
            log.error({ err: error }, 'Own certificates not made, is tried again');
            pauseMs = backoff.nextMs();
          }
        }
        await changedOr(pauseMs, changed.promise, signal);
      }
    },
  };

  async function changedOr(pauseMs: number, change: Promise<void>, signal: AbortSignal): Promise<void> {
    // An infinite pause is as good as a day; timers cannot be longer than 24 days.
    const limitMs = Math.min(pauseMs, 86_400_000);
    await withDeadline({ clock, limitMs, signals: [signal] }, () => change).catch(() => undefined);
  }
}
