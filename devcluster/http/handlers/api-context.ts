import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { ServedKind } from '../../kinds/served-kind.js';
import type { ObjectStore } from '../../store/object-store.js';
import type { AccountTokens } from '../access/account-tokens.js';
import type { ApiUser } from '../access/access.js';
import type { Pager } from '../wire/pager.js';
import type { PodLogSource } from './pod-logs.js';
import type { RequestTarget } from '../wire/request-target.js';

/** What the handlers share. */
export interface ApiContext {
  readonly store: ObjectStore;
  readonly kinds: readonly ServedKind[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly pager: Pager;
  readonly podLogs: PodLogSource | undefined;
  readonly accountTokens: AccountTokens | undefined;
  /** Aborts when the server closes: watches and followed logs end. */
  readonly closing: AbortSignal;
}

/** One request about a resource. */
export interface ResourceRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Who asks; undefined for somebody without a token. */
  readonly user: ApiUser | undefined;
  readonly query: URLSearchParams;
  readonly target: RequestTarget;
}
