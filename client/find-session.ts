import pLimit from 'p-limit';
import { PaneletError } from '#common/errors/errors.js';
import type { SessionInfo } from './calls/node-views.js';

/** Where to look for a session. */
export interface FindSessionOptions {
  readonly sessionId: string;
  /** Nodes to ask. */
  readonly nodes: readonly string[];
  /** The caller's sessions on a node, for example `client.listSessions()` of a client with that node's address. */
  readonly list: (node: string) => Promise<readonly Pick<SessionInfo, 'sessionId'>[]>;
  /** Nodes that are asked at the same time. @default 8 */
  readonly limit?: number;
}

/**
 * Finds the node of a session when only its id is known: asks the nodes until one has it.
 * @returns its node.
 * @throws SESSION_UNKNOWN when every node answers and none has it; AGENT_UNREACHABLE when some did not answer.
 */
export async function findSession(options: FindSessionOptions): Promise<string> {
  const { sessionId, nodes, list } = options;
  const found: string[] = [];
  const silent: { readonly node: string; readonly error: unknown }[] = [];
  let answer: (node: string) => void = () => undefined;
  const first = new Promise<string>((resolve) => (answer = resolve));
  const ask = async (node: string): Promise<void> => {
    if (found.length > 0) return;
    try {
      const sessions = await list(node);
      if (!sessions.some((session) => session.sessionId === sessionId)) return;
      found.push(node);
      answer(node);
    } catch (error) {
      silent.push({ node, error });
    }
  };
  // The first that has it ends the search: the others may be slow.
  await Promise.race([first, pLimit(options.limit ?? 8).map(nodes, ask)]);
  const [home] = found;
  if (home !== undefined) return home;
  if (silent.length === 0) {
    const problem = `No session ${sessionId} of yours on ${nodes.join(', ')}: it has ended, or it is somebody else's.`;
    throw new PaneletError('SESSION_UNKNOWN', problem);
  }
  const reason = PaneletError.from(silent[0]?.error, 'AGENT_UNREACHABLE');
  const names = silent.map(({ node }) => node).sort();
  const code = silent.length === nodes.length ? reason.code : 'AGENT_UNREACHABLE';
  const message = `The session ${sessionId} was not found, and not every node answered (${names.join(', ')}): ${reason.message}`;
  throw new PaneletError(code, message, { cause: reason });
}
