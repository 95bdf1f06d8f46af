import type { Clock } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { certificateSigningRequests, type CertificateSigningRequest } from '#kube/certificate-objects.js';
import type { KubeApi, ObjectKey } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';
import { createReflector } from '#kube/reflector.js';
import { createStore, type Store } from '#kube/store.js';
import type { Authority, CertificateName } from './authority.js';
import { createCaKeeper } from './ca-keeper.js';
import type { CaTimes } from './ca-plan.js';
import { createOwnCertificates } from './own-certificates.js';
import { createRequestSigner, type SignerNames } from './request-signer.js';
import type { TransportIdentity } from './transport-identity.js';

/** What an authority of our own is made of. */
export interface OwnCaDeps {
  readonly api: KubeApi;
  /** The Secret with the authority. */
  readonly secret: ObjectKey;
  /** The ConfigMap with what is to be trusted. */
  readonly configMap: ObjectKey;
  /** Whose requests are signed. */
  readonly names: SignerNames;
  /** Names of this process's own servers. */
  readonly serverNames: readonly CertificateName[];
  readonly times: CaTimes;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A certificate authority that the controllers keep themselves, and what this one has from it. */
export interface OwnCa extends TransportIdentity {
  /** What signs now. */
  authority(): Authority | undefined;
  /** Keeps this process's certificates good until the signal aborts; every controller does. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Keeps the authority and signs for agents until the signal aborts; the one that leads does. Never rejects. */
  lead(signal: AbortSignal, pods: Store<Pod>): Promise<void>;
}

/** Puts the keeper, the signer and this process's certificates together. */
export function createOwnCa(deps: OwnCaDeps): OwnCa {
  const { names } = deps;
  const keeper = createCaKeeper(deps);
  const own = createOwnCertificates({ ...deps, ca: keeper });
  const requests = createStore<CertificateSigningRequest>();
  const fieldSelector = `spec.signerName=${names.signerName}`;
  const reflector = createReflector({
    ...deps,
    resource: certificateSigningRequests,
    store: requests,
    fieldSelector,
  });
  const authority = (): Authority | undefined => keeper.current()?.active;
  return {
    authority,
    current: () => own.current(),
    onChange: (listener) => own.onChange(listener),
    run: async (signal) => {
      await Promise.all([keeper.follow(signal), own.run(signal), reflector.run(signal)]);
    },
    lead: async (signal, pods) => {
      const ready = createLatch();
      const signer = createRequestSigner({ ...deps, requests, pods, authority });
      const keeping = keeper.lead(signal, () => ready.resolve());
      await Promise.race([ready.promise, keeping]);
      await signer.run(signal);
      await keeping;
    },
  };
}
