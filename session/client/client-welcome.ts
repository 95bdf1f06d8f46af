import { Direction, Frame, ResumeOutcome, type Reset, type Welcome } from '#proto/session/v1/session.js';
import type { Loss, LostRange } from './client-effects.js';
import { restoreEndpoint } from '../endpoint/create-endpoint.js';
import type { Endpoint, InputItem } from '../endpoint/endpoint.js';
import type { SessionLimits } from '../codec/limits.js';
import { crashReason } from '../messages/crash-reason.js';

/** A client's state when a Welcome arrives. */
export interface WelcomeContext {
  readonly welcome: Welcome;
  readonly endpoint: Endpoint;
  /** Incarnation of the Welcome before; 0 for none. */
  readonly incarnation: number;
  readonly limits: SessionLimits;
  /** Resets that came with the Welcome, for the life before. */
  readonly resets: readonly Reset[];
}

/** How a client goes on. */
export interface Continued {
  readonly endpoint: Endpoint;
  /** True when numbering started again. */
  readonly reset: boolean;
  /** Received in the earlier life, not read. */
  readonly leftover: readonly InputItem[];
  readonly loss: Loss | undefined;
}

/** Applies a Welcome: goes on, counts on from the worker's cursors, or starts anew and says what is lost. Pure. */
export function continueWith(context: WelcomeContext): Continued {
  const { welcome, endpoint, incarnation } = context;
  const isExact = welcome.outcome === ResumeOutcome.EXACT;
  if (isExact && incarnation > 0) return { endpoint, reset: false, leftover: [], loss: undefined };

  // A client that was blank gave credit with its Hello, which the worker has taken. A worker of the release before also uses what the
  // client before has given: no more than a window beyond what is acknowledged, which this one gives with its next message.
  const atOnce = welcome.txDataBytes + context.limits.windowBytes;
  const creditGiven = incarnation === 0 ? Math.max(endpoint.save().creditGiven, atOnce) : 0;
  const adopted = adopt(welcome, context.limits, creditGiven);
  if (incarnation === 0) {
    const unwritten = rewrite(endpoint, adopted);
    const loss = unwritten ?? (context.resets.length > 0 ? lossFrom(context.resets) : undefined);
    return { endpoint: adopted, reset: false, leftover: [], loss };
  }
  return { endpoint: adopted, reset: true, leftover: readAll(endpoint), loss: lossOfLife(context) };
}

/** A loss as Resets tell it. */
export function lossFrom(resets: readonly Reset[]): Loss {
  const rangeOf = (direction: Direction): LostRange | undefined => {
    const reset = resets.find((candidate) => candidate.direction === direction);
    if (reset === undefined) return undefined;
    return { from: reset.fromSeq, through: reset.throughSeq === 0 ? undefined : reset.throughSeq };
  };
  const [first] = resets;
  return {
    incarnation: first?.incarnation ?? 0,
    input: rangeOf(Direction.INPUT),
    output: rangeOf(Direction.OUTPUT),
    code: first?.code ?? crashReason.code,
    message: first?.message ?? crashReason.message,
  };
}

// The client knows best what it sent; it does not need a Reset to learn what is gone, only why.
function lossOfLife({ endpoint, incarnation, resets }: WelcomeContext): Loss {
  const { nextRx, txNext } = endpoint.cursors;
  const { code, message } = lossFrom(resets);
  return {
    incarnation,
    input: txNext === 1 ? undefined : { from: 1, through: txNext - 1 },
    output: { from: nextRx, through: undefined },
    code,
    message,
  };
}

function adopt(welcome: Welcome, limits: SessionLimits, creditGiven: number): Endpoint {
  const state = {
    cursors: { nextRx: welcome.txBase, txBase: welcome.nextRx, txNext: welcome.nextRx },
    unacked: [],
    unread: [],
    sentDataBytes: welcome.rxDataBytes,
    creditReceived: 0,
    receivedDataBytes: welcome.txDataBytes,
    consumedDataBytes: welcome.txDataBytes,
    creditGiven: Math.max(welcome.txDataBytes, creditGiven),
    finSent: welcome.rxFin,
    finReceived: false,
  };
  return restoreEndpoint(state, { limits, ...(welcome.limits && { peerLimits: welcome.limits }) });
}

/**
 * Numbers again what was written before the first Welcome. Nothing of it was ever sent.
 * @returns what could not be written because another client ended this direction.
 */
function rewrite(from: Endpoint, to: Endpoint): Loss | undefined {
  const written = from.save().unacked.map((bytes) => Frame.decode(bytes));
  if (written.length === 0) return undefined;
  if (to.totals.finSent && written.some(({ kind }) => kind?.$case === 'data')) {
    return {
      incarnation: 0,
      input: { from: 1, through: written.length },
      output: undefined,
      code: 'INPUT_ENDED',
      message: 'The input of this session has ended already: nothing more can be written to it.',
    };
  }
  for (const { kind } of written) {
    if (kind?.$case === 'data') to.writeData(kind.value.channel, kind.value.payload);
    else if (kind?.$case === 'event') to.writeEvent(kind.value);
    else to.writeFin();
  }
  return undefined;
}

function readAll(endpoint: Endpoint): InputItem[] {
  const items: InputItem[] = [];
  for (let item = endpoint.read(); item !== undefined; item = endpoint.read()) items.push(item);
  return items;
}
