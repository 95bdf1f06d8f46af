import { PaneletError } from '#common/errors.js';
import type { Caller } from '../front/identity.js';
import type { Audit, AuditContext } from './audit.js';
import { describeQuestion, type Authorizer, type Decision, type Question } from './authorizer.js';

/** What became of a question. */
export type DecisionKind = 'allowed' | 'denied' | 'unavailable';

/** What asking for permission needs. */
export interface PermissionsDeps {
  readonly authorizer: Authorizer;
  readonly audit: Audit;
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
}

/** Permissions by an authorizer. */
export function createPermissions({ authorizer, audit, onDecision }: PermissionsDeps): Permissions {
  const ask = async (caller: Caller, question: Question, context: AuditContext): Promise<Decision> => {
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
      const message = `"${caller.name}" may not ${describeQuestion(question)}: ${decision.reason}.`;
      throw new PaneletError('IDENTITY_REFUSED', message);
    },
    has: async (caller, question, context) => {
      const decision = await ask(caller, question, context);
      if (decision.allowed) audit.record(caller, question, decision, context);
      return decision.allowed;
    },
  };
}
