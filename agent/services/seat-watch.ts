import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Log } from '#common/log.js';
import type { VerifiedCall } from '../front/calls/verified-calls.js';
import type { WatchSeat, WatchSeats } from '../watches/watch-seats.js';
import type { CallerReader } from './caller.js';
import { answerOf } from './errors.js';

/** What seating needs. */
export interface SeatWatchDeps {
  readonly caller: CallerReader;
  readonly watches: WatchSeats;
  readonly log: Log;
}

/** Gives a call that watches something a seat, has `handle` begin it, and tells the caller what is wrong. */
export function seatWatch<Message>(
  { caller, watches, log }: SeatWatchDeps,
  { call, method }: { readonly call: ServerWritableStream<unknown, Message>; readonly method: string },
  handle: (seat: WatchSeat<Message>, verified: VerifiedCall) => Promise<void>,
): void {
  try {
    const verified = caller(call.metadata);
    const seat = watches.take<Message>({ call, verified, method });
    handle(seat, verified).catch((error: unknown) => seat.end(error));
  } catch (error) {
    call.emit('error', answerOf(error, log));
  }
}
