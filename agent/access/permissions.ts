import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { Caller } from './identity.js';
import type { AccessAudit, AuditContext } from './audit.js';
import { describeQuestion, type Authorizer, type AuthorizerDecision, type Question } from './authorizer.js';

/** What became of a question. */
export type DecisionKind = 'allowed' | 'denied' | 'unavailable';

/** What asking for permission needs. */
export interface PermissionsDeps {
  readonly authorizer: Authorizer;
  readonly audit: AccessAudit;
  /** Told of each decision. */
  readonly onDecision?: (kind: DecisionKind) => void;
}

/** Asks for permission and writes down what was decided. */
export interface Permissions {
  /**
   * Resolves when the caller may do it.
   * @throws PaneletError IDENTITY_REFUSED when they may not; API_UNAVAILABLE when nobody can say.
   */
  require(caller: Caller, question: Question, context: AuditContext): Promise<void>;
  /**
   * Whether the caller has a power that widens what they see; a no is nothing to be written down.
   * @throws PaneletError API_UNAVAILABLE when nobody can say.
   */
  has(caller: Caller, question: Question, context: AuditContext): Promise<boolean>;
  /**
   * Whether somebody who was allowed it still is; only a no is written down. While nobody can say, it says so.
   */
  still(caller: Caller, questions: readonly Question[], context: AuditContext): Promise<StillAllowed>;
}

/** A yes, a no with what to tell the caller, or that nobody can say. */
export type StillAllowed =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'denied'; readonly message: string }
  | { readonly kind: 'unavailable' };

/** Permissions by an authorizer. */
export function createPermissions({ authorizer, audit, onDecision }: PermissionsDeps): Permissions {
  const ask = async (caller: Caller, question: Question, context: AuditContext): Promise<AuthorizerDecision> => {
    try {
      const decision = await authorizer.check(caller, question);
      onDecision?.(decision.allowed ? 'allowed' : 'denied');
      return decision;
    } catch (error) {
      onDecision?.('unavailable');
      audit.record(caller, question, { allowed: false, reason: 'nobody could decide' }, context);
      throw error;
    }
  };
  return {
    require: async (caller, question, context) => {
      const decision = await ask(caller, question, context);
      audit.record(caller, question, decision, context);
      if (decision.allowed) return;
      throw new PaneletError('IDENTITY_REFUSED', mayNot(caller, question, decision));
    },
    has: async (caller, question, context) => {
      const decision = await ask(caller, question, context);
      if (decision.allowed) audit.record(caller, question, decision, context);
      return decision.allowed;
    },
    still: async (caller, questions, context) => {
      let kind: 'allowed' | 'unavailable' = 'allowed';
      for (const question of questions) {
        const decision = await decisionOrNothing(authorizer, caller, question);
        if (decision === undefined) kind = 'unavailable';
        else if (!decision.allowed) {
          audit.record(caller, question, decision, context);
          return { kind: 'denied', message: mayNot(caller, question, decision) };
        }
      }
      return { kind };
    },
  };
}

function mayNot({ name }: Caller, question: Question, { reason }: AuthorizerDecision): string {
  return `"${name}" may not ${describeQuestion(question)}: ${reason}.`;
}

async function decisionOrNothing(
  authorizer: Authorizer,
  caller: Caller,
  question: Question,
): Promise<AuthorizerDecision | undefined> {
  try {
    return await authorizer.check(caller, question, true);
  } catch (error) {
    // Its authorizer has logged why; what is no refusal to say is a bug, and not ours to hide.
    if (isPaneletError(error)) return undefined;
    throw error;
  }
}
