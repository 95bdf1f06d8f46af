import type { Caller } from './identity.js';

/** What somebody wants to do, in the words that Kubernetes' RBAC uses for the group `panelet.dev`. */
export interface Question {
  readonly verb: 'create' | 'get' | 'list' | 'delete' | 'administer' | 'drain';
  readonly resource: 'panels' | 'sessions' | 'gates';
  /** Name of the panel or node; empty for all of them. */
  readonly name: string;
}

/** Whether they may. */
export interface AuthorizerDecision {
  readonly allowed: boolean;
  /** Why, for the audit log and for people. */
  readonly reason: string;
}

/** Decides what callers may do; docs/guide/identity.md has the table. */
export interface Authorizer {
  /**
   * `sure`: what was decided before is no answer while nobody can be asked. @default false
   * @throws PaneletError API_UNAVAILABLE when nobody can say.
   */
  check(caller: Caller, question: Question, sure?: boolean): AuthorizerDecision | Promise<AuthorizerDecision>;
}

/** What a question asks for, in words. */
export function describeQuestion({ verb, resource, name }: Question): string {
  return `${verb} ${resource}.panelet.dev${name === '' ? '' : ` "${name}"`}`;
}
