import type { Clock } from '#common/time/clock.js';
import { unreachable } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { createGateClient, type ControllerGateClient } from './gate/gate-client.js';
import { createPlainCredentials, createTlsCredentials, type GateCredentials } from './gate/gate-credentials.js';
import type { KubeApi } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';
import type { Store } from '#kube/store.js';
import type { CertificateName } from './tls/authority.js';
import { defaultCaTimes } from './tls/ca-plan.js';
import { createCertificateFiles } from './tls/certificate-files.js';
import { createOwnCa, type OwnCa } from './tls/own-ca.js';
import type { TransportIdentity } from './tls/transport-identity.js';
import { createTokenFile } from './token-file.js';

interface CommonOptions {
  /** Bearer token for gates. */
  readonly tokenFile?: string;
  /** Name to expect in every gate's certificate. */
  readonly serverName?: string;
}

/** How gates are reached. */
export type TransportOptions =
  | (CommonOptions & { readonly kind: 'token'; readonly tokenFile: string; readonly caFile?: string })
  | (CommonOptions & {
      readonly kind: 'files';
      readonly caFile: string;
      readonly own: { readonly certFile: string; readonly keyFile: string };
    })
  | (CommonOptions & {
      readonly kind: 'own-ca';
      readonly secret: string;
      readonly configMap: string;
      /** How long a next authority is trusted before it signs, in milliseconds. */
      readonly publishMs: number;
      readonly signerName: string;
      readonly serviceAccount: string;
      readonly service: string;
    });

/** What a transport is made of. */
export interface TransportDeps {
  readonly api: KubeApi;
  readonly namespace: string;
  /** Names of this process's own servers. */
  readonly serverNames: readonly CertificateName[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The network side of a controller. */
export interface Transport {
  readonly gates: ControllerGateClient;
  /** Certificates for its own servers; undefined when it has none. */
  readonly identity?: TransportIdentity;
  /** What keeps it from working now, in a sentence each. */
  unready(): readonly string[];
  /** Seconds until the certificate authority ends; undefined without one. */
  caExpirySeconds(): number | undefined;
  /** Keeps certificates good until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** What the one that leads does for certificates. Never rejects. */
  lead(signal: AbortSignal, pods: Store<Pod>): Promise<void>;
}

/**
 * Puts the network side together.
 * @throws PaneletError CONFIG_INVALID when a file cannot be read or used.
 */
export function createTransport(options: TransportOptions, deps: TransportDeps): Transport {
  const { clock } = deps;
  const token = options.tokenFile === undefined ? undefined : createTokenFile(options.tokenFile, clock);
  const { serverName } = options;
  const gatesOver = (credentials: GateCredentials): ControllerGateClient =>
    createGateClient({
      clock,
      credentials,
      ...(token === undefined ? {} : { token }),
      ...(serverName === undefined ? {} : { serverName }),
    });
  const idle = { unready: () => [], caExpirySeconds: () => undefined, lead: () => Promise.resolve() };
  switch (options.kind) {
    case 'token': {
      if (options.caFile === undefined) {
        return { ...idle, gates: gatesOver(createPlainCredentials()), run: () => Promise.resolve() };
      }
      const files = createCertificateFiles({ ...deps, caFile: options.caFile });
      return {
        ...idle,
        gates: gatesOver(createTlsCredentials(() => files.current())),
        run: (signal) => files.run(signal),
      };
    }
    case 'files': {
      const files = createCertificateFiles({ ...deps, caFile: options.caFile, own: options.own });
      const gates = gatesOver(createTlsCredentials(() => files.current()));
      return { ...idle, gates, identity: files, run: (signal) => files.run(signal) };
    }
    case 'own-ca': {
      const { namespace } = deps;
      const ca = createOwnCa({
        ...deps,
        secret: { namespace, name: options.secret },
        configMap: { namespace, name: options.configMap },
        names: { ...options, namespace },
        times: { ...defaultCaTimes, publishMs: options.publishMs },
      });
      return ownCaTransport(ca, gatesOver(createTlsCredentials(() => ca.current())), clock);
    }
    default:
      return unreachable(options);
  }
}

function ownCaTransport(ca: OwnCa, gates: ControllerGateClient, clock: Clock): Transport {
  return {
    gates,
    identity: ca,
    unready: () => (ca.current() === undefined ? ['There is no certificate authority yet.'] : []),
    caExpirySeconds: () => {
      const authority = ca.authority();
      return authority === undefined ? undefined : (authority.notAfterMs - clock.date().getTime()) / 1000;
    },
    run: (signal) => ca.run(signal),
    lead: (signal, pods) => ca.lead(signal, pods),
  };
}
