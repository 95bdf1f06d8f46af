import type { RawData, WebSocket } from 'ws';
import type { Clock } from '#common/time/clock.js';
import { tryAgainCloseCode, wrongKeyCloseCode } from '../wire/close-codes.js';

/** The first message of a WebSocket. */
export interface Hello {
  readonly key: string;
  /** All of it, as JSON has it. */
  readonly message: unknown;
}

/** A text frame as JSON; undefined for anything else. */
export function readJsonFrame(data: RawData, isBinary: boolean): unknown {
  if (isBinary) return undefined;
  try {
    return JSON.parse((data as Buffer).toString()) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * Waits for the first message, which has to have a key, and hands it on within the same turn: the next message may come within it, too. A
 * WebSocket that shows none in time is closed.
 */
export function awaitHello(
  socket: WebSocket,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
  take: (hello: Hello) => void,
): void {
  const end = (): void => {
    timer.stop();
    socket.off('message', read);
    socket.off('close', end);
  };
  const refuse = (code: number, reason: string): void => {
    end();
    socket.close(code, reason);
  };
  const read = (data: RawData, isBinary: boolean): void => {
    const message = readJsonFrame(data, isBinary);
    const key = (message as { readonly key?: unknown } | null | undefined)?.key;
    if (typeof key !== 'string') {
      refuse(wrongKeyCloseCode, 'The first message has to show a key.');
      return;
    }
    end();
    take({ key, message });
  };
  const timer = clock.after(limitMs, () => refuse(tryAgainCloseCode, 'The first message came too late.'));
  socket.on('message', read);
  socket.on('close', end);
}
