import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { hexOf } from '#common/hex.js';
import type { Random } from '#common/random.js';

/** Who may talk to the agents of a dev cluster, and as what. */
export const devIdentities = [
  // The one whose token `kubectl panelet` asks for, as the chart's.
  { name: 'panelet-user', roles: ['client'] },
  { name: 'alice', roles: ['client'] },
  { name: 'bob', roles: ['client'] },
  { name: 'admin', roles: ['admin'] },
  { name: 'controller', roles: ['operator', 'controller'] },
] as const;

/** Name of one of the {@link devIdentities}. */
export type DevIdentity = (typeof devIdentities)[number]['name'];

/** File that holds the token of an identity. */
export function tokenFile(tokens: string, identity: DevIdentity): string {
  return join(tokens, identity);
}

/** Token of an identity. */
export function readToken(tokens: string, identity: DevIdentity): string {
  return readFileSync(tokenFile(tokens, identity), 'utf8').trim();
}

/** Token of the identity of that name, or undefined when there is none. */
export function findToken(tokens: string, name: string): string | undefined {
  const found = devIdentities.find((identity) => identity.name === name);
  return found === undefined ? undefined : readToken(tokens, found.name);
}

/** Makes random tokens where there are none, and the file that the agents check them against; readable by the owner only. */
export function writeIdentities(paths: { readonly identities: string; readonly tokens: string }, random: Random): void {
  mkdirSync(paths.tokens, { recursive: true, mode: 0o700 });
  for (const { name } of devIdentities) {
    const file = tokenFile(paths.tokens, name);
    if (!existsSync(file)) writeFileSync(file, `${hexOf(random.bytes(32))}\n`, { mode: 0o600 });
  }
  const identities = devIdentities.map(({ name, roles }) => ({ name, token: readToken(paths.tokens, name), roles }));
  writeFileSync(paths.identities, stringify({ identities }), { mode: 0o600 });
}
