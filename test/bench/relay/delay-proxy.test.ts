import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { listenOn } from '#common/http/listen.js';
import { waitFor } from '#test/support/wait-for.js';
import { startDelayProxies, type DelayProxies } from './delay-proxy.js';

interface Way {
  readonly clock: FakeClock;
  readonly near: Socket;
  readonly far: Socket;
}

const open: { server?: Server; proxies?: DelayProxies; sockets: Socket[] } = { sockets: [] };

/** A connection through a proxy that delays each way by 10 ms of a clock that stands still. */
async function connectThrough(): Promise<Way> {
  const clock = createFakeClock();
  const server = createServer({ allowHalfOpen: true });
  const port = await listenOn(server, { host: '127.0.0.1', port: 0 });
  const proxies = await startDelayProxies({ delayMs: 10, targets: [`127.0.0.1:${port}`] }, clock);
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const near = connect({ host: '127.0.0.1', port: proxies.ports[0] ?? 0, allowHalfOpen: true });
  const [far] = await accepted;
  Object.assign(open, { server, proxies, sockets: [near, far] });
  return { clock, near, far };
}

afterEach(() => {
  for (const socket of open.sockets) socket.destroy();
  open.proxies?.close();
  open.server?.close();
});

const onItsWay = (clock: FakeClock): Promise<void> => waitFor('bytes on their way', () => clock.pending() > 0, 10_000);

describe('a delaying proxy', () => {
  it('passes on each way what has been under way for its time, and nothing before', async () => {
    const { clock, near, far } = await connectThrough();
    near.write('there');
    await onItsWay(clock);
    clock.advance(9);
    expect(clock.pending()).toBe(1);
    clock.advance(1);
    expect(String((await once(far, 'data'))[0])).toBe('there');
    far.write('back');
    await onItsWay(clock);
    clock.advance(10);
    expect(String((await once(near, 'data'))[0])).toBe('back');
  });

  it('passes on the end of one way and leaves the other one open', async () => {
    const { clock, near, far } = await connectThrough();
    far.resume();
    near.end();
    await onItsWay(clock);
    const ended = once(far, 'end');
    clock.advance(10);
    await ended;
    far.end('still here');
    await onItsWay(clock);
    clock.advance(10);
    expect(String((await once(near, 'data'))[0])).toBe('still here');
  });

  it('breaks one side at once when the other one breaks', async () => {
    const { near, far, clock } = await connectThrough();
    far.resume();
    const ended = once(far, 'end');
    near.resetAndDestroy();
    await ended;
    expect(clock.pending()).toBe(0);
  });
});
