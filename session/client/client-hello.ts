import { AttachMode, type Hello } from '#proto/session/v1/session.js';
import { protocolVersion } from '../codec/limits.js';
import type { Cursors } from '../endpoint/endpoint.js';
import type { ClientLinkOptions } from './client-link-options.js';

/** What a client has when it says hello. */
export interface HelloFacts {
  readonly nonce: string;
  readonly moves: boolean;
  readonly cursors: Cursors;
  /** Incarnation of the last Welcome; 0 before. */
  readonly incarnation: number;
  readonly resumeToken: Buffer;
}

/** The Hello of an attempt. */
export function helloOf(options: ClientLinkOptions, facts: HelloFacts): Hello {
  const isFirst = facts.incarnation === 0;
  const { nextRx, txBase, txNext } = facts.cursors;
  return {
    versions: [protocolVersion],
    capabilities: options.takesMoves === true ? ['snapshot', 'move'] : ['snapshot'],
    panel: options.panel,
    sessionId: options.sessionId,
    clientId: options.clientId,
    // Taking over is asked for once: whoever is superseded later stops.
    takeover: isFirst && options.takeover === true,
    mode: !isFirst && options.mode === AttachMode.OPEN ? AttachMode.RESUME : options.mode,
    attachNonce: facts.nonce,
    resumeToken: facts.resumeToken,
    incarnation: facts.incarnation,
    nextRx,
    txBase,
    txNext,
    parameters: { ...options.parameters },
    moves: facts.moves,
  };
}
