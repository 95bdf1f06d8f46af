import type { Log } from '#common/log.js';
import type { AgentServiceServer, ReloadRequest, ReloadResponse } from '#proto/agent/v1/agent.js';
import type { Permissions } from '../access/permissions.js';
import type { CallerReader } from './caller.js';
import { answerOf } from './errors.js';

/** What the service needs. */
export interface AgentServiceDeps {
  readonly node: string;
  readonly caller: CallerReader;
  readonly permissions: Permissions;
  readonly log: Log;
  /** Does it, and tells each step. */
  readonly reload: (request: ReloadRequest, tell: (step: ReloadResponse) => void) => Promise<void>;
}

/** What operators ask of the agent itself. */
export function createAgentService(deps: AgentServiceDeps): AgentServiceServer {
  return {
    reload: (call) => {
      let isGone = false;
      call.once('cancelled', () => (isGone = true));
      const handle = async (): Promise<void> => {
        const { caller, remoteAddress } = deps.caller(call.metadata);
        const context = { method: 'Reload', remoteAddress, givenReason: call.request.reason };
        await deps.permissions.require(caller, { verb: 'drain', resource: 'gates', name: deps.node }, context);
        // Steps are few: one that does not read them holds nothing up.
        await deps.reload(call.request, (step) => {
          if (!isGone) call.write(step);
        });
      };
      handle().then(
        () => call.end(),
        (error: unknown) => {
          if (!isGone) call.emit('error', answerOf(error, deps.log));
        },
      );
    },
  };
}
