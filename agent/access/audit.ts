import type { Log } from '#common/log.js';
import type { Caller } from './identity.js';
import { createAuditLog } from './audit-log.js';
import type { AuthorizerDecision, Question } from './authorizer.js';

/** What a decision was about, besides the question itself. */
export interface AuditContext {
  readonly remoteAddress: string | undefined;
  readonly sessionId?: string | undefined;
  /** Of gate commands. */
  readonly restartUid?: string | undefined;
  /** Of gate commands: what the caller gave as reason. */
  readonly givenReason?: string | undefined;
  /** Name of the RPC. */
  readonly method: string;
}

/** Who asked for what, and what was decided; one line each, never with a token or anything from a session. */
export interface AccessAudit {
  record(caller: Caller, question: Question, decision: AuthorizerDecision, context: AuditContext): void;
}

const maxTextLength = 256;

/** An audit in the log; its lines have `audit: true`. */
export function createAudit(log: Log): AccessAudit {
  const audit = createAuditLog(log);
  return {
    record: (caller, question, decision, context) => {
      const { verb, resource, name } = question;
      audit.info(
        {
          caller: bounded(caller.name),
          uid: caller.kubernetes?.uid,
          ...{ verb, resource, name: bounded(name), allowed: decision.allowed, reason: bounded(decision.reason) },
          ...{ method: context.method, remoteAddress: context.remoteAddress },
          sessionId: bounded(context.sessionId),
          restartUid: bounded(context.restartUid),
          givenReason: bounded(context.givenReason),
        },
        'Decision',
      );
    },
  };
}

function bounded(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= maxTextLength) return text;
  return `${text.slice(0, maxTextLength)}…`;
}
