import { status, type ServiceError } from '@grpc/grpc-js';
import { messageOf } from '#common/errors/errors.js';
import type { EndSessionRequest, EndSessionResponse } from '#proto/session/v1/session.js';
import { call, connectAgent } from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';

/**
 * Ends a session of which it is not known whether it is there: asks each agent of the node, since one need not have found the workers of
 * the other yet, and again while one is away. @throws after `limitMs`, with the last answer
 */
export async function endForSure(
  agents: () => readonly { readonly address: string }[],
  sessionId: string,
  limitMs: number,
): Promise<void> {
  let answer = '';
  const hasEnded = async (): Promise<boolean> => {
    try {
      for (const { address } of agents()) await endAt(address, sessionId);
      return agents().length > 0;
    } catch (error) {
      answer = messageOf(error);
      return false;
    }
  };
  await waitFor(`the end of session ${sessionId}`, hasEnded, limitMs).catch((cause: unknown) => {
    throw new Error(`${messageOf(cause)} The last answer was: ${answer}`, { cause });
  });
}

/** @throws any answer but that it has ended, or is not known */
async function endAt(address: string, sessionId: string): Promise<void> {
  const agent = connectAgent(address);
  try {
    await call<EndSessionRequest, EndSessionResponse>((...rest) => agent.session.endSession(...rest), { sessionId });
  } catch (error) {
    if ((error as ServiceError).code !== status.NOT_FOUND) throw error;
  } finally {
    agent.close();
  }
}
