import { textAt, valueAt } from '../../store/json-copy.js';
import type { AnyObject } from '../../store/kube-object.js';
import { StatusError } from '../../store/status-error.js';

const why = 'the pods of a dev cluster are programs of this machine';

/** What to do instead of opening a stream to a pod, by the subresource that was asked for. */
const instead: Readonly<Record<string, (pod: AnyObject, node: string) => string>> = {
  exec: (_pod, node) => `no kubectl exec, nor cp, which uses it: ${why}. Use: panelet exec --node ${node} -- <command>`,
  attach: ({ metadata }, node) =>
    `no kubectl attach: ${why}. Use: kubectl logs -f -n ${metadata.namespace ?? ''} ${metadata.name}, or for a shell: panelet attach --node ${node}`,
  portforward: (pod) => {
    const address = textAt(pod, 'status', 'podIP');
    return `no kubectl port-forward: ${why}. Connect to the pod's own address, ${address === '' ? 'once it has one' : address} (panelet: --via address)`;
  },
};

/** Subresources of pods that are refused in words. */
export const refusedStreams: readonly string[] = Object.keys(instead);

/** The refusal of a stream to a pod, which says what to use instead. */
export function refuseStream(pod: AnyObject, subresource: string): StatusError {
  const nodeName = valueAt(pod, 'spec', 'nodeName');
  const say = instead[subresource];
  const words = say?.(pod, typeof nodeName === 'string' ? nodeName : '<node>') ?? `no pods/${subresource}`;
  return new StatusError(501, 'NotImplemented', `this dev cluster has ${words}`);
}
