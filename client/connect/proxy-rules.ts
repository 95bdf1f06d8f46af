import type { ChannelOptions } from '@grpc/grpc-js';
import { BlockList, isIP } from 'node:net';

/** Variables of the environment. */
type Environment = Readonly<Record<string, string | undefined>>;

// grpc-js reads the other half, where the proxy is, from there as well.
// eslint-disable-next-line no-restricted-properties -- see above
const ownEnvironment: Environment = process.env;

/** Options of grpc-js for a channel to an address. */
export function proxyOptions(address: string, env: Environment = ownEnvironment): ChannelOptions {
  return { 'grpc.enable_http_proxy': mayUseProxy(address, env) ? 1 : 0 };
}

interface HostPort {
  readonly host: string;
  readonly port: string;
}

/**
 * True when a proxy of the environment may be used for an address: never to this machine or a socket in a file, nor to
 * what NO_PROXY (or `no_proxy`) names. The rules are those of kubectl (Go's golang.org/x/net/http/httpproxy): names with
 * all below them, `.example.org` for what is below alone, addresses, networks, each with a port if only that is meant, `*`.
 */
export function mayUseProxy(address: string, env: Environment): boolean {
  if (address.startsWith('unix:')) return false;
  const target = hostPortOf(address);
  if (isThisMachine(target.host)) return false;
  const entries = (env['NO_PROXY'] ?? env['no_proxy'] ?? '').split(',').map((entry) => entry.trim().toLowerCase());
  return !entries.some((entry) => entry !== '' && isMeant(entry, target));
}

function hostPortOf(text: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(text);
  const host = (match?.[1] ?? match?.[2] ?? text).toLowerCase().replace(/\.$/, '');
  return { host, port: match?.[3] ?? '' };
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function isMeant(entry: string, target: HostPort): boolean {
  if (entry === '*') return true;
  const network = /^([^/]+)\/(\d{1,3})$/.exec(entry);
  if (network !== null) return isWithin(target.host, network[1] ?? '', Number(network[2]));
  const { host, port } = isIP(entry) === 0 ? hostPortOf(entry) : { host: entry, port: '' };
  if (port !== '' && port !== target.port) return false;
  if (isIP(host) !== 0) return isWithin(target.host, host, isIP(host) === 4 ? 32 : 128);
  const suffix = host.replace(/^\*?\./, '.');
  return suffix.startsWith('.')
    ? target.host.endsWith(suffix)
    : target.host === host || target.host.endsWith(`.${host}`);
}

function isWithin(host: string, network: string, bits: number): boolean {
  const family = isIP(network);
  if (family === 0 || isIP(host) !== family || bits > (family === 4 ? 32 : 128)) return false;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, bits, kind);
  return list.check(host, kind);
}
