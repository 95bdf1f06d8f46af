import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { describeIssues } from '../config/issues.js';
import { AuthenticationError } from './authentication-error.js';
import { bearerToken } from './bearer-token.js';
import type { Caller, Identity } from './identity.js';

const identitySchema = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9._@:-]{1,128}$/, 'must be 1 to 128 letters, digits or ._@:-'),
    token: z.string().min(8, 'must have at least 8 characters').optional(),
    tokenSha256: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hex digits')
      .optional(),
    roles: z.array(z.enum(['client', 'operator', 'controller', 'admin'])).min(1),
  })
  .refine((entry) => (entry.token === undefined) !== (entry.tokenSha256 === undefined), {
    message: 'needs either token or tokenSha256',
  });
const fileSchema = z.strictObject({ identities: z.array(identitySchema) });

interface Entry {
  readonly hash: Buffer;
  readonly caller: Caller;
}

/**
 * Static bearer tokens from a YAML file. Only hashes are kept in memory, and every entry is compared in constant time.
 * @throws PaneletError CONFIG_INVALID when the file cannot be used.
 */
export async function createFileIdentity(file: string): Promise<Identity> {
  let entries = await readEntries(file);
  return {
    authenticate: (credentials) => {
      const hash = sha256(bearerToken(credentials.authorization));
      let found: Caller | undefined;
      for (const entry of entries) {
        if (timingSafeEqual(entry.hash, hash)) found ??= entry.caller;
      }
      if (found !== undefined) return found;
      throw new AuthenticationError('refused', 'Nobody has this token. Pass one of the identity file of this agent.');
    },
    current: ({ name }) => {
      const roles = entries.filter(({ caller }) => caller.name === name).flatMap(({ caller }) => caller.roles);
      return roles.length === 0 ? undefined : { name, roles: [...new Set(roles)] };
    },
    reload: async () => {
      entries = await readEntries(file);
    },
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

async function readEntries(file: string): Promise<readonly Entry[]> {
  let content: unknown;
  try {
    content = parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new PaneletError('CONFIG_INVALID', `The identity file ${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success) {
    throw new PaneletError('CONFIG_INVALID', `The identity file ${file} is wrong: ${describeIssues(parsed.error)}`);
  }
  return parsed.data.identities.map(({ name, roles, token, tokenSha256 }) => ({
    hash: token === undefined ? Buffer.from(tokenSha256 ?? '', 'hex') : sha256(token),
    caller: { name, roles },
  }));
}
