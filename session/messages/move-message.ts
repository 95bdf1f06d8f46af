import type { Frames, Move } from '#proto/session/v1/session.js';
import type { Endpoint } from '../endpoint/endpoint.js';

/** A message that asks a client to open its next attachment elsewhere. Only for one whose Hello has the capability `move`. */
export function moveMessage(endpoint: Endpoint, move: Move): Frames {
  return endpoint.wrap([{ seq: 0, kind: { $case: 'move', value: move } }]);
}
