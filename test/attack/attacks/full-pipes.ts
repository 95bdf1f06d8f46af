import { createSystemClock } from '#common/time/clock.js';
import { createPaneletClient } from '#client/sdk.js';
import { startEchoLoad } from '#test/support/echo-load.js';
import { isOver, rest, servicePath, together, type Attack, type AttackContext } from '../attack.js';
import { newSessions } from '../churn.js';
import { helloMessage } from '../hello.js';
import { headersFrames, messageFrame } from '../wire.js';

const busySessions = 200;
const attaches = 3500;
const connections = 4;

async function keepBusy(context: AttackContext): Promise<void> {
  const { host, port, tls } = context.target;
  if (tls || context.token === undefined) return;
  const client = createPaneletClient({ address: `${host}:${port}`, token: context.token });
  const clock = createSystemClock();
  await together(busySessions, async (seed) => {
    const session = await client.open({ panel: 'echo', signal: context.signal });
    context.count('busy sessions');
    startEchoLoad({ session, seed, clock, largestWriteBytes: 64 * 1024, longestPauseMs: 20 });
  }).catch(() => context.count('refused sessions'));
}

// Each id is a session that the worker keeps; what one caller may keep is not the question here.
const sessions = newSessions(301);

async function burst(context: AttackContext): Promise<void> {
  const peer = await context.connect({ reads: false });
  if (peer === undefined) return;
  const all = Array.from({ length: attaches / connections }, () => {
    const stream = peer.nextStream();
    const headers = headersFrames(stream, context.headers(servicePath.attach), false);
    return Buffer.concat([headers, messageFrame(stream, helloMessage(sessions[stream % sessions.length] ?? ''))]);
  });
  context.count('attaches', all.length);
  await Promise.race([peer.write(Buffer.concat(all)), context.over]);
  await Promise.race([peer.closed, rest(context, 1000)]);
  peer.destroy();
}

/** Fills both directions of the connection to a worker: neither end of it reads while it cannot write. */
export const fullPipes: Attack = {
  name: 'full-pipes',
  what: `${busySessions} busy sessions, and ${attaches} attaches at once, again and again`,
  by: 'client',
  enough: { what: 'attaches', count: 3 * attaches },
  run: async (context) => {
    await Promise.race([keepBusy(context), rest(context, 2000)]);
    while (!isOver(context)) await together(connections, () => burst(context));
  },
};
