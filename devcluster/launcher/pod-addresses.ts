/** Addresses for the pods of one node; the first one is the node's own. */
export type PodAddresses = readonly [string, ...string[]];

/** What decides about the address of a pod. */
export interface PodAddressNeeds {
  /** Those of pods that run. */
  readonly taken: ReadonlySet<string>;
  readonly hostNetwork: boolean | undefined;
  /** The one that it had before the dev cluster was started again. */
  readonly before: string | undefined;
}

/**
 * An address that no other pod of the node has: the node's own one while that is free, so that the node is reached by it. On the
 * network of the host it is always that one, and where all are taken, too.
 */
export function choosePodAddress(addresses: PodAddresses, { taken, hostNetwork, before }: PodAddressNeeds): string {
  if (hostNetwork === true) return addresses[0];
  if (before !== undefined && !taken.has(before)) return before;
  return addresses.find((address) => !taken.has(address)) ?? addresses[0];
}
