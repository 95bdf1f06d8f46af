import type { Clock } from '#common/time/clock.js';
import { unreachable } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import {
  certificateSigningRequests,
  type CertificateSigningRequest,
  type RequestCondition,
} from '#kube/certificate-objects.js';
import { keyOf, objectKey, type KubeApi } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';
import type { Store } from '#kube/store.js';
import { runControllerLoop } from '../runtime/controller-loop.js';
import { createWorkQueue, type WorkQueue } from '../runtime/work-queue.js';
import { readAskedCertificate } from './asked-certificate.js';
import { issueCertificate, type Authority } from './authority.js';
import { judgeRequest, type Grant } from './judge-request.js';

/** Whose requests are signed. */
export interface SignerNames {
  /** Name of the signer in the requests. */
  readonly signerName: string;
  /** Namespace of the agents. */
  readonly namespace: string;
  /** Service account of the agents. */
  readonly serviceAccount: string;
  /** Service of the agents. */
  readonly service: string;
}

/** What a signer is made of. */
export interface RequestSignerDeps {
  readonly api: KubeApi;
  readonly names: SignerNames;
  /** The requests of this signer, kept like the server's. */
  readonly requests: Store<CertificateSigningRequest>;
  /** The pods of the namespace, kept like the server's. */
  readonly pods: Store<Pod>;
  /** What signs now; undefined while there is none. */
  readonly authority: () => Authority | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Answers requests for certificates. */
export interface RequestSigner {
  /** Approves, signs and denies until the signal aborts. Never rejects. One process at a time runs it. */
  run(signal: AbortSignal): Promise<void>;
}

/** A request that waits is looked at after every change of a pod, and after this long: its patience may be over. */
const waitMs = 10_000;

/** Answers requests as {@link judgeRequest} says: nothing outside its form is ever signed, whoever approved it. */
export function createRequestSigner(deps: RequestSignerDeps): RequestSigner {
  const { api, names, requests, pods, authority, clock, random, log } = deps;
  const waiting = new Set<string>();
  let queue: WorkQueue | undefined;
  requests.onChange(({ before, after }) => {
    const request = after ?? before;
    if (request !== undefined) queue?.add(keyOf(request));
  });
  pods.onChange(() => {
    for (const key of waiting) queue?.add(key);
    waiting.clear();
  });

  const tell = async (request: CertificateSigningRequest, condition: RequestCondition): Promise<typeof request> => {
    const { resourceVersion } = request.metadata;
    const others = (request.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
    const patch = { metadata: { resourceVersion }, status: { conditions: [...others, condition] } };
    const key = objectKey(request);
    const answer =
      condition.type === 'Failed'
        ? await api.patchStatus(certificateSigningRequests, key, patch)
        : await api.patchApproval(certificateSigningRequests, key, patch);
    requests.observe(answer);
    return answer;
  };

  const sign = async (request: CertificateSigningRequest, grant: Grant, signer: Authority): Promise<void> => {
    const leaf = await issueCertificate(deps, signer, {
      subject: [{ O: ['panelet:agents'] }, { CN: [`panelet:node:${grant.node}`] }],
      names: [
        ...grant.dnsNames.map((value) => ({ type: 'dns' as const, value })),
        ...grant.ips.map((value) => ({ type: 'ip' as const, value })),
      ],
      usages: ['serverAuth'],
      publicKey: grant.publicKey,
      validMs: grant.validMs,
    });
    const chain = `${leaf.trim()}\n${signer.certificate.trim()}\n`;
    const { resourceVersion } = request.metadata;
    const status = { certificate: Buffer.from(chain, 'utf8').toString('base64') };
    const patch = { metadata: { resourceVersion }, status };
    // Taken in at once, or it would be signed again before the watch shows it.
    requests.observe(await api.patchStatus(certificateSigningRequests, objectKey(request), patch));
  };

  const answer = async (request: CertificateSigningRequest): Promise<{ requeueAfterMs?: number }> => {
    const has = (type: RequestCondition['type']): boolean =>
      request.status?.conditions?.some((condition) => condition.type === type) === true;
    const isAnswered = (request.status?.certificate ?? '') !== '' || has('Denied') || has('Failed');
    const signer = authority();
    if (request.spec.signerName !== names.signerName || isAnswered || signer === undefined) return {};
    const podOf = (uid: string): Pod | undefined => pods.list().find(({ metadata }) => metadata.uid === uid);
    const world = { ...names, podOf, nowMs: clock.date().getTime() };
    const judgement = judgeRequest(request, await readAskedCertificate(request.spec.request), world);
    const about = { request: request.metadata.name, username: request.spec.username };
    switch (judgement.kind) {
      case 'wait':
        waiting.add(keyOf(request));
        log.debug({ ...about, why: judgement.message }, 'request for a certificate waits');
        return { requeueAfterMs: waitMs };
      case 'deny': {
        const { reason, message } = judgement;
        // What somebody else has approved can only fail.
        await tell(request, { type: has('Approved') ? 'Failed' : 'Denied', status: 'True', reason, message });
        log.warn({ ...about, reason, why: message }, 'request for a certificate denied');
        return {};
      }
      case 'approve': {
        const message = `The agent of the node ${judgement.grant.node} asks for itself.`;
        const condition = { type: 'Approved', status: 'True', reason: 'NodesOwnAgent', message } as const;
        const approved = has('Approved') ? request : await tell(request, condition);
        await sign(approved, judgement.grant, signer);
        log.info({ ...about, node: judgement.grant.node }, 'certificate signed');
        return {};
      }
      default:
        return unreachable(judgement);
    }
  };

  return {
    run: async (signal) => {
      const own = createWorkQueue({ clock, random, initialMs: 50 });
      queue = own;
      const stop = (): void => own.close();
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
      for (const request of requests.list()) own.add(keyOf(request));
      await runControllerLoop({
        queue: own,
        reconcile: async (key) => {
          const request = requests.get(key);
          return request === undefined ? {} : answer(request);
        },
        log,
      });
    },
  };
}
