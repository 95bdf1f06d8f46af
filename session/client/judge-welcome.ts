import { PaneletError } from '#common/errors/errors.js';
import { ResumeOutcome, type Welcome } from '#proto/session/v1/session.js';
import { protocolVersion } from '../codec/limits.js';
import type { Cursors } from '../endpoint/endpoint.js';

/** What a client knows when a Welcome arrives. */
export interface WelcomeJudgement {
  readonly sessionId: string;
  /** Incarnation of the Welcome before; 0 for none. */
  readonly incarnation: number;
  /** Cursors of the client. */
  readonly cursors: Cursors;
  /** True when the Hello's cursors were lower bounds: the worker could not judge them. */
  readonly moves: boolean;
}

/**
 * Judges whether a client can go on from a Welcome. Nothing has changed when it cannot.
 * @throws VERSION_UNSUPPORTED, FRAME_INVALID; SESSION_LOST when one end remembers what the other one does not
 */
export function judgeWelcome(welcome: Welcome, { sessionId, incarnation, cursors, moves }: WelcomeJudgement): void {
  if (welcome.version !== protocolVersion) {
    throw new PaneletError(
      'VERSION_UNSUPPORTED',
      `The worker chose version ${welcome.version}, which was not offered.`,
    );
  }
  const isSound =
    welcome.sessionId === sessionId && welcome.incarnation >= 1 && welcome.nextRx >= 1 && welcome.txBase >= 1;
  if (!isSound) throw new PaneletError('FRAME_INVALID', 'The Welcome is not for this session, or contradicts itself.');
  if (welcome.outcome !== ResumeOutcome.EXACT || incarnation === 0) return;
  const { nextRx, txBase, txNext } = cursors;
  if (welcome.nextRx < txBase || welcome.nextRx > txNext) {
    throw lost(`The worker expects frame ${welcome.nextRx}, and ${txBase} to ${txNext} can be sent.`);
  }
  if (welcome.txNext < nextRx) {
    throw lost(`Frame ${nextRx - 1} has arrived, and the worker has numbered ${welcome.txNext - 1}.`);
  }
  // After a Hello with exact cursors a Reset or a Snapshot follows, and says so.
  if (moves && welcome.txBase > nextRx) {
    throw lost(`Frame ${nextRx} is due, and the worker has kept none before ${welcome.txBase}.`);
  }
}

function lost(what: string): PaneletError {
  return new PaneletError('SESSION_LOST', `The worker's state is not what this client has seen. ${what}`);
}
