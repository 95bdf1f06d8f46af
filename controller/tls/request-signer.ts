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
import { judgeRequest, type Grant, type Judgement } from './judge-request.js';

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
  return new AgentRequestSigner(deps);
}

class AgentRequestSigner implements RequestSigner {
  readonly #deps: RequestSignerDeps;
  /** Requests that wait for a change of a pod. */
  readonly #waiting = new Set<string>();
  #queue: WorkQueue | undefined;

  constructor(deps: RequestSignerDeps) {
    this.#deps = deps;
    deps.requests.onChange(({ before, after }) => {
      const request = after ?? before;
      if (request !== undefined) this.#queue?.add(keyOf(request));
    });
    deps.pods.onChange(() => {
      for (const key of this.#waiting) this.#queue?.add(key);
      this.#waiting.clear();
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { requests, clock, random, log } = this.#deps;
    const queue = createWorkQueue({ clock, random, initialMs: 50 });
    this.#queue = queue;
    const stop = (): void => queue.close();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    for (const request of requests.list()) queue.add(keyOf(request));
    const reconcile = async (key: string): Promise<{ requeueAfterMs?: number }> => {
      const request = requests.get(key);
      return request === undefined ? {} : this.#answer(request);
    };
    await runControllerLoop({ queue, reconcile, log });
  }

  async #answer(request: CertificateSigningRequest): Promise<{ requeueAfterMs?: number }> {
    const { names, authority, log } = this.#deps;
    const signer = authority();
    if (request.spec.signerName !== names.signerName || isAnswered(request) || signer === undefined) return {};
    const judgement = await this.#judge(request);
    const about = { request: request.metadata.name, username: request.spec.username };
    switch (judgement.kind) {
      case 'wait':
        this.#waiting.add(keyOf(request));
        log.debug({ ...about, why: judgement.message }, 'Request for a certificate waits');
        return { requeueAfterMs: waitMs };
      case 'deny':
        await this.#deny(request, judgement);
        log.warn({ ...about, reason: judgement.reason, why: judgement.message }, 'Request for a certificate denied');
        return {};
      case 'approve':
        await this.#approve(request, judgement.grant, signer);
        log.info({ ...about, node: judgement.grant.node }, 'Certificate signed');
        return {};
      default:
        return unreachable(judgement);
    }
  }

  async #judge(request: CertificateSigningRequest): Promise<Judgement> {
    const { names, pods, clock } = this.#deps;
    const podOf = (uid: string): Pod | undefined => pods.list().find(({ metadata }) => metadata.uid === uid);
    const world = { ...names, podOf, nowMs: clock.date().getTime() };
    return judgeRequest(request, await readAskedCertificate(request.spec.request), world);
  }

  async #deny(
    request: CertificateSigningRequest,
    { reason, message }: { readonly reason: string; readonly message: string },
  ): Promise<void> {
    // What somebody else has approved can only fail.
    const type = has(request, 'Approved') ? 'Failed' : 'Denied';
    await this.#writeCondition(request, { type, status: 'True', reason, message });
  }

  async #approve(request: CertificateSigningRequest, grant: Grant, signer: Authority): Promise<void> {
    const message = `The agent of the node ${grant.node} asks for itself.`;
    const condition = { type: 'Approved', status: 'True', reason: 'NodesOwnAgent', message } as const;
    const approved = has(request, 'Approved') ? request : await this.#writeCondition(request, condition);
    await this.#sign(approved, grant, signer);
  }

  async #writeCondition(
    request: CertificateSigningRequest,
    condition: RequestCondition,
  ): Promise<CertificateSigningRequest> {
    const { api, requests } = this.#deps;
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
  }

  async #sign(request: CertificateSigningRequest, grant: Grant, signer: Authority): Promise<void> {
    const { api, requests } = this.#deps;
    const leaf = await issueCertificate(this.#deps, signer, {
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
  }
}

function isAnswered(request: CertificateSigningRequest): boolean {
  return (request.status?.certificate ?? '') !== '' || has(request, 'Denied') || has(request, 'Failed');
}

function has(request: CertificateSigningRequest, type: RequestCondition['type']): boolean {
  return request.status?.conditions?.some((condition) => condition.type === type) === true;
}
