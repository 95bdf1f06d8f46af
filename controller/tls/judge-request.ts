import { nodeServerName } from '#common/node-server-name.js';
import type { CertificateSigningRequest } from '#kube/certificate-objects.js';
import type { Pod } from '#kube/objects.js';
import { normalIp, type AskedCertificate } from './asked-certificate.js';
import { maxLeafMs } from './ca-plan.js';

/** What a judge knows. */
export interface JudgesWorld {
  /** Namespace of the agents. */
  readonly namespace: string;
  /** Service account of the agents. */
  readonly serviceAccount: string;
  /** Service of the agents. */
  readonly service: string;
  /** The pod of this uid; may not be known yet. */
  readonly podOf: (uid: string) => Pod | undefined;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** What is done with a request. */
export type Judgement =
  | { readonly kind: 'approve'; readonly grant: Grant }
  | { readonly kind: 'deny'; readonly reason: string; readonly message: string }
  /** What the request says may become true. */
  | { readonly kind: 'wait'; readonly message: string };

/** What a certificate that is granted says. */
export interface Grant {
  readonly node: string;
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
  readonly publicKey: ArrayBuffer;
  /** How long it is good, in milliseconds. */
  readonly validMs: number;
}

/** Label of the pods of the agents. */
const componentLabel = 'panelet.dev/component';
/** Name that clients expect of every agent. */
const agentName = 'panelet-agent';
const organization = 'panelet:agents';
const commonNamePrefix = 'panelet:node:';
const usages: readonly string[] = ['digital signature', 'server auth'];
const extraKey = (name: string): string => `authentication.kubernetes.io/${name}`;
/** A pod, or its address, may become known this much later than its request. */
const patienceMs = 120_000;

/**
 * Decides about a request from what the API server says of who asks (`username` and `extra`, which nobody can forge), from what
 * is asked, and from the pod that asks. Only this is approved: an agent asks, with the token of its own pod, for a server's
 * certificate for its own node and address. `asked` is undefined when the request cannot be read.
 */
export function judgeRequest(
  request: CertificateSigningRequest,
  asked: AskedCertificate | undefined,
  world: JudgesWorld,
): Judgement {
  const { spec } = request;
  const agents = `system:serviceaccount:${world.namespace}:${world.serviceAccount}`;
  if (spec.username !== agents) return deny('NotAnAgent', `Only ${agents} may ask, not ${quoted(spec.username)}.`);
  const node = only(spec.extra?.[extraKey('node-name')]);
  const podUid = only(spec.extra?.[extraKey('pod-uid')]);
  const podName = only(spec.extra?.[extraKey('pod-name')]);
  if (node === undefined || podUid === undefined || podName === undefined) {
    return deny('NotAPod', 'The token that asks is not bound to a pod on a node.');
  }
  if (asked === undefined) {
    return deny('Unreadable', 'The request is not one signed PKCS #10 request with an ECDSA P-256 key, in PEM.');
  }
  return formFault(request, asked, node, world) ?? judgePod(request, asked, { node, podUid, podName }, world);
}

function formFault(
  { spec }: CertificateSigningRequest,
  asked: AskedCertificate,
  node: string,
  world: JudgesWorld,
): Judgement | undefined {
  const subject = [`CN=${commonNamePrefix}${node}`, `O=${organization}`];
  if ([...asked.subject].sort().join('\n') !== subject.join('\n')) {
    return deny('WrongSubject', `The subject must be ${subject.join(', ')}, not ${quoted(asked.subject.join(', '))}.`);
  }
  if ([...(spec.usages ?? [])].sort().join() !== usages.join()) {
    return deny('WrongUsages', `The usages must be ${usages.join(' and ')}, not ${quoted(spec.usages?.join(', '))}.`);
  }
  if (asked.others.length > 0) return deny('AsksTooMuch', `It also asks for: ${asked.others.join(', ')}.`);
  const { service, namespace } = world;
  const allowed = [agentName, service, `${service}.${namespace}.svc`, nodeServerName(node)];
  const foreign = asked.dnsNames.find((name) => !allowed.includes(name));
  if (foreign !== undefined)
    return deny('WrongName', `The name ${quoted(foreign)} is not one of ${allowed.join(', ')}.`);
  if (!asked.dnsNames.includes(nodeServerName(node))) {
    return deny('WrongName', `The name ${nodeServerName(node)} is missing.`);
  }
  return asked.ips.length === 0 ? deny('WrongAddress', 'The IP address of the pod is missing.') : undefined;
}

function judgePod(
  { spec, metadata }: CertificateSigningRequest,
  asked: AskedCertificate,
  { node, podUid, podName }: { readonly node: string; readonly podUid: string; readonly podName: string },
  world: JudgesWorld,
): Judgement {
  const isOld = world.nowMs - Date.parse(metadata.creationTimestamp ?? '') > patienceMs;
  const waitOr = (reason: string, message: string): Judgement =>
    isOld ? deny(reason, message) : { kind: 'wait', message };
  const pod = world.podOf(podUid);
  if (pod === undefined) return waitOr('PodUnknown', `There is no pod ${podName} with uid ${podUid}.`);
  const { name, namespace, labels } = pod.metadata;
  if (name !== podName || namespace !== world.namespace || labels?.[componentLabel] !== 'agent') {
    return deny('NotAnAgent', `The pod ${namespace ?? ''}/${name} is not the agent ${world.namespace}/${podName}.`);
  }
  if (pod.spec?.nodeName !== node) return deny('WrongNode', `The pod ${podName} is not on the node ${node}.`);
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') {
    return deny('PodEnded', `The pod ${podName} has ended.`);
  }
  // A node that was rebooted gives its pod another address: the pod may be behind.
  const own = [pod.status?.podIP ?? '', ...(pod.status?.podIPs ?? []).map(({ ip }) => ip)].filter((ip) => ip !== '');
  const addresses = own.map(normalIp);
  const [first] = addresses;
  if (first === undefined || !asked.ips.includes(first) || !asked.ips.every((ip) => addresses.includes(ip))) {
    const has = first === undefined ? 'no address yet' : addresses.join(', ');
    return waitOr('WrongAddress', `It asks for ${asked.ips.join(', ')}; the pod ${podName} has ${has}.`);
  }
  const validMs = Math.min(maxLeafMs, (spec.expirationSeconds ?? Infinity) * 1000);
  const { dnsNames, ips, publicKey } = asked;
  return { kind: 'approve', grant: { node, dnsNames, ips, publicKey, validMs } };
}

function deny(reason: string, message: string): Judgement {
  return { kind: 'deny', reason, message };
}

function only(values: readonly string[] | undefined): string | undefined {
  const [value] = values ?? [];
  return values?.length === 1 && value !== '' ? value : undefined;
}

function quoted(text: string | undefined): string {
  return JSON.stringify((text ?? '').slice(0, 200));
}
