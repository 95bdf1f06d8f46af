import type { WebSocket } from 'ws';
import type { Clock } from '#common/time/clock.js';

const pingMs = 30_000;

/** Ends a WebSocket that does not answer pings: its page has gone without a word. @returns a function that stops it */
export function keepAlive(socket: WebSocket, clock: Clock): () => void {
  let isAnswered = true;
  const ping = (): void => {
    if (!isAnswered) {
      socket.terminate();
      return;
    }
    isAnswered = false;
    socket.ping();
    timer = clock.after(pingMs, ping);
  };
  let timer = clock.after(pingMs, ping);
  socket.on('pong', () => (isAnswered = true));
  return () => timer.stop();
}
