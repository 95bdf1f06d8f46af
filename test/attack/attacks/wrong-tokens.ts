import { randomUUID } from 'node:crypto';
import { rest, servicePath, together, whileWelcome, type Attack } from '../attack.js';
import { frameType, headersFrames, messageFrame, resetFrame } from '../wire.js';

const connections = 64;
const perTurn = 16;
const text = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Looks like a token of the cluster, so that somebody has to be asked about it. */
function wrongToken(): string {
  const claims = { iss: 'https://kubernetes.default.svc', aud: ['panelet.dev'], exp: 4_000_000_000, jti: randomUUID() };
  return `${text({ alg: 'RS256', kid: 'k' })}.${text(claims)}.${text(randomUUID())}`;
}

/** Each call with another token; more under way than the agent asks about at once. */
export const wrongTokens: Attack = {
  name: 'wrong-tokens',
  what: `${connections * perTurn} wrong tokens under way, on ${connections} connections`,
  by: 'stranger',
  identity: 'kubernetes',
  enough: { what: 'calls', count: 1024 },
  run: (context) =>
    together(connections, () =>
      whileWelcome(context, async (peer) => {
        let answered = 0;
        peer.onFrame = ({ type }) => {
          if (type === frameType.headers || type === frameType.resetStream) answered++;
        };
        const streams = Array.from({ length: perTurn }, () => peer.nextStream());
        for (const stream of streams) {
          const headers = context.headers(servicePath.listPanels, [['authorization', `Bearer ${wrongToken()}`]]);
          const call = [headersFrames(stream, headers, false), messageFrame(stream, Buffer.alloc(0), true)];
          await peer.write(Buffer.concat(call));
        }
        context.count('calls', perTurn);
        for (let tick = 0; tick < 100 && answered < perTurn && peer.isWelcome(); tick++) await rest(context, 10);
        if (answered < perTurn) await peer.write(Buffer.concat(streams.map((stream) => resetFrame(stream))));
      }),
    ),
};
