import type { PaneletSession, SessionItem } from '#client/sdk.js';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { createRecordCodec } from '#test/support/record-stream.js';

/** An echo session that another process goes on with, and how far it has come. */
export interface ReturnedSession {
  /** To be read from here on. */
  readonly session: PaneletSession;
  /** Bytes that the panel has had. */
  readonly panelBytes: number;
}

/** What is known of the life before. */
export interface LifeBefore {
  /** Of its stream. */
  readonly seed: number;
  /** Bytes that its client had written. */
  readonly sentBytes: number;
  readonly clock: Clock;
  readonly limitMs: number;
}

/**
 * Reads what the life before has left, up to the panel's own count: its client is dead, so what it had written last may be missing, but what
 * comes has to be the end of what the panel has had.
 * @throws what is wrong with it
 */
export async function returnTo(session: PaneletSession, before: LifeBefore): Promise<ReturnedSession> {
  const items = session[Symbol.asyncIterator]();
  const error = (): Error => new Error(`Nothing came of a session in ${before.limitMs} ms that was resumed.`);
  await session.send('digest', new Uint8Array());
  const { pieces, lost, panelBytes } = await withDeadline({ ...before, error }, () => untilDigest(items));
  const tail = Buffer.concat(pieces);
  if (panelBytes > before.sentBytes) {
    throw new Error(`The panel has had ${panelBytes} bytes, and ${before.sentBytes} were sent.`);
  }
  const sent = createRecordCodec(before.seed).bytes(0, Math.max(1, panelBytes));
  if (!sent.subarray(panelBytes - tail.length, panelBytes).equals(tail)) {
    throw new Error(
      `The panel has had ${panelBytes} bytes, and these came before its word: ${placesOf(pieces, sent)}; lost before: ${lost}.`,
    );
  }
  return { session: Object.assign(Object.create(session) as PaneletSession, iterated(items)), panelBytes };
}

interface Leftover {
  readonly pieces: readonly Uint8Array[];
  /** What was told of output that is not kept any more. */
  readonly lost: string;
  readonly panelBytes: number;
}

async function untilDigest(items: AsyncIterator<SessionItem>): Promise<Leftover> {
  const pieces: Uint8Array[] = [];
  let lost = 'nothing';
  for (;;) {
    const next = await items.next();
    if (next.done === true) throw new Error('A session that was resumed has ended.');
    const item = next.value;
    if (item.kind === 'data') pieces.push(item.payload);
    if (item.kind === 'lost') lost = `${JSON.stringify(item.loss)} after ${pieces.length} pieces`;
    if (item.kind !== 'event' || item.name !== 'digest') continue;
    const { bytes } = JSON.parse(Buffer.from(item.payload).toString('utf8')) as { readonly bytes: number };
    return { pieces, lost, panelBytes: bytes };
  }
}

/** Where each piece stands in what was sent, as `from+size`; -1 for one that does not. */
function placesOf(pieces: readonly Uint8Array[], sent: Buffer): string {
  return pieces.map((piece) => `${sent.indexOf(piece)}+${piece.length}`).join(' ');
}

const iterated = (items: AsyncIterator<SessionItem>): AsyncIterable<SessionItem> => ({
  [Symbol.asyncIterator]: () => items,
});
