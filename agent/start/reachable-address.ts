import { isIPv6 } from 'node:net';
import type { ListenAddress } from '#common/http/listen.js';

const everywhere: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/**
 * Address that clients in the network of the pod reach an agent at, `host:port`; empty where it has none that can be known.
 * @param podIp address of the agent's pod, if it is in one
 */
export function reachableAddress({ host, port }: ListenAddress, podIp: string | undefined): string {
  const own = everywhere.has(host) ? (podIp ?? '') : host;
  if (own === '' || port === 0) return '';
  return isIPv6(own) ? `[${own}]:${port}` : `${own}:${port}`;
}
