import { PaneletError } from '#common/errors/errors.js';
import type { ListenAddress } from '#common/http/listen.js';

/**
 * Reads `host:port` or `[IPv6 address]:port`, or a port alone for every address, from an option.
 * @throws PaneletError CONFIG_INVALID
 */
export function parseListenAddress(option: string, text: string): ListenAddress {
  const match = /^(?:(?:\[([^\]]*)\]|(.*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? NaN);
  const host = match?.[1] ?? match?.[2] ?? '';
  if (Number.isInteger(port) && port <= 65_535) return { host: host === '' ? '::' : host, port };
  throw new PaneletError('CONFIG_INVALID', `${option} is ${JSON.stringify(text)}; give host:port, such as :8080.`);
}
