import type { Attack } from './attack.js';
import { attachAndCancelOnMany, attachAndCancelOnOne } from './attacks/attach-and-cancel.js';
import { badFrames } from './attacks/bad-frames.js';
import { listAndCancel, watchAndCancel } from './attacks/call-and-cancel.js';
import {
  continuationFlood,
  emptyDataFlood,
  pingFlood,
  priorityFlood,
  rapidReset,
  settingsFlood,
  windowUpdateFlood,
  zeroWindow,
} from './attacks/floods.js';
import { fullPipes } from './attacks/full-pipes.js';
import { fatHealthWatch, healthWatch } from './attacks/health-watch.js';
import { halfFrames, idleConnections, idlePrefaces } from './attacks/idle-connections.js';
import {
  connectRequests,
  endlessUnary,
  getRequests,
  hugePath,
  manyHeaders,
  tracingHeaders,
  unknownPath,
} from './attacks/odd-calls.js';
import { tlsHalfHello, tlsHandshakeFlood, tlsSilent } from './attacks/tls-handshakes.js';
import { wrongTokens } from './attacks/wrong-tokens.js';

/** Every attack there is. */
export const attacks: readonly Attack[] = [
  ...[attachAndCancelOnOne, attachAndCancelOnMany, listAndCancel, watchAndCancel, fullPipes],
  ...[healthWatch, fatHealthWatch],
  ...[badFrames, idleConnections, idlePrefaces, halfFrames, tlsSilent, tlsHalfHello, tlsHandshakeFlood],
  wrongTokens,
  ...[pingFlood, settingsFlood, windowUpdateFlood, rapidReset, priorityFlood, emptyDataFlood, continuationFlood],
  ...[zeroWindow, endlessUnary, unknownPath, getRequests, connectRequests, manyHeaders, hugePath, tracingHeaders],
];

/** The attack of that name. @throws when there is none. */
export function attackNamed(name: string): Attack {
  const found = attacks.find((attack) => attack.name === name);
  if (found !== undefined) return found;
  throw new Error(`There is no attack "${name}". There are: ${attacks.map((attack) => attack.name).join(', ')}.`);
}
