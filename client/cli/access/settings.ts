import { readFileSync } from 'node:fs';
import { PaneletError } from '#common/errors/errors.js';
import type { TlsOption } from '../../connect/endpoint-address.js';
import type { CliWorld } from '../io/cli-world.js';
import type { OutputFormat } from '../io/output.js';
import type { Via } from '../cluster/via.js';

/** Global flags, as the command line has them. */
export interface GlobalFlags {
  readonly address?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly serverName?: string;
  readonly tls?: boolean;
  readonly plaintext?: boolean;
  readonly output?: OutputFormat;
  readonly verbose?: boolean;
  readonly node?: string | undefined;
  readonly via?: Via | undefined;
  readonly namespace?: string | undefined;
  readonly serviceAccount?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** How to reach an agent. */
export interface AgentSettings {
  readonly address: string;
  readonly token: string | undefined;
  /** Where the token was read, if it was; it may be another one there by now. */
  readonly tokenFile: string | undefined;
  readonly tls: TlsOption;
}

/** Address of an agent on this machine. */
export const defaultAddress = '127.0.0.1:7443';

function readNamed(file: string, what: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const reason =
      cause instanceof Error ? cause.message.replace(/^[A-Z]+: /, '').replace(/, .*$/, '') : 'it is unreadable';
    throw new PaneletError('CONFIG_INVALID', `The ${what} ${file} cannot be read: ${reason}.`, { cause });
  }
}

function tlsOf(flags: GlobalFlags, env: CliWorld['env']): TlsOption {
  const ca = flags.ca ?? env['PANELET_CA'];
  if (flags.plaintext === true) {
    if (ca === undefined && flags.serverName === undefined && flags.tls !== true) return 'plaintext';
    throw new PaneletError(
      'CONFIG_INVALID',
      '--plaintext excludes --ca, --server-name and --tls. Give one or the other.',
    );
  }
  if (ca === undefined && flags.serverName === undefined && flags.tls !== true) return 'auto';
  return {
    ...(ca === undefined ? {} : { ca: readNamed(ca, 'certificate authority') }),
    ...(flags.serverName === undefined ? {} : { serverName: flags.serverName }),
  };
}

/**
 * How to reach the agent: flags before environment (PANELET_ADDRESS, PANELET_TOKEN, PANELET_TOKEN_FILE, PANELET_CA).
 * @throws CONFIG_INVALID naming the file or flag that is wrong.
 */
export function agentSettings(
  flags: GlobalFlags,
  world: CliWorld,
  saved?: { readonly address?: string | undefined },
): AgentSettings {
  const { env } = world;
  const ownToken = flags.tokenFile === undefined ? env['PANELET_TOKEN'] : undefined;
  // Of two that are given alike, the token itself: it is what was said last, beside a file that is always there.
  const given = flags.token ?? (ownToken === '' ? undefined : ownToken);
  const tokenFile = flags.tokenFile ?? (given === undefined ? env['PANELET_TOKEN_FILE'] : undefined);
  const fromFile = tokenFile === undefined ? undefined : readNamed(tokenFile, 'token file').toString('utf8').trim();
  if (fromFile === '') throw new PaneletError('CONFIG_INVALID', `The token file ${tokenFile ?? ''} is empty.`);
  return {
    address: flags.address ?? saved?.address ?? env['PANELET_ADDRESS'] ?? defaultAddress,
    token: given ?? fromFile,
    tokenFile: given === undefined ? tokenFile : undefined,
    tls: tlsOf(flags, env),
  };
}
