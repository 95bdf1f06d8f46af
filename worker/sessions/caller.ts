import type { Metadata } from '@grpc/grpc-js';
import { PaneletError } from '#common/errors/errors.js';
import type { SessionCaller } from './session-registry.js';

const identityKey = 'panelet-identity';
const rolesKey = 'panelet-roles';
const attachmentKey = 'panelet-attachment';
const agentKey = 'panelet-agent';

/**
 * Who calls, as the agent verified it. A worker trusts this metadata: its socket is in a directory of mode 0700, and
 * the agent strips such keys from clients.
 * @throws IDENTITY_MISSING
 */
export function callerOf(metadata: Metadata): SessionCaller {
  const identity = String(metadata.get(identityKey)[0] ?? '');
  if (identity === '')
    throw new PaneletError('IDENTITY_MISSING', 'The call carries no identity. Call through an agent.');
  const roles = String(metadata.get(rolesKey)[0] ?? '');
  return { identity, roles: roles.split(',').filter((role) => role !== '') };
}

/** What the agent calls this attachment; undefined where it has no name for it. */
export function agentAttachmentOf(metadata: Metadata): string | undefined {
  return textOf(metadata, attachmentKey);
}

/** Instance of the agent that an attachment came through; undefined where it does not say. */
export function agentInstanceOf(metadata: Metadata): string | undefined {
  return textOf(metadata, agentKey);
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const [text] = metadata.get(key);
  return typeof text === 'string' && text !== '' ? text : undefined;
}
