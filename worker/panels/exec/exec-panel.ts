import type { Open, ToPanel } from '#proto/panel/v1/panel.js';
import type { PanelContext, PanelDefinition, PanelSession } from '../../panel/panel.js';
import { readParameters } from '../../panel/parameters.js';
import { beginConversation, endedConversation, type Conversation } from './conversation.js';
import { ExecSession } from './exec-session.js';
import { decodeExecState } from './exec-state.js';
import { parametersSchema } from './manifest-parameters.js';
import { defaultPanelLimits, type PanelLimits } from './panel-limits.js';
import { createPreparedPrograms } from './prepared-programs.js';
import { startProgram, type StartedProgram, type StartProgramDeps } from './start-program.js';

/** What a panel of others needs. */
export interface ExecPanelDeps extends StartProgramDeps {
  /** @default those of the protocol */
  readonly limits?: PanelLimits;
}

/** A panel whose sessions are processes of a program that speaks panelet.panel.v1, one each. */
export function createExecPanel(deps: ExecPanelDeps): PanelDefinition {
  const { manifest, limits = defaultPanelLimits } = deps;
  const { name, version, checkpointable, movable, afterCrash } = manifest;
  const schema = parametersSchema(manifest.parameters);
  const prepared = createPreparedPrograms((coming) => startProgram(deps, coming));
  const command = manifest.command.join(' ').slice(0, 200);
  const openOf = ({ sessionId, owner, parameters }: PanelContext): Open => ({
    ...{ sessionId, owner, outputCredit: limits.outputWindowBytes },
    parameters: readParameters(name, schema, parameters),
  });
  const sessionOf = (context: PanelContext, conversation: Conversation): ExecSession =>
    new ExecSession({ context, limits, conversation, details: { command } });
  const begin = async (
    session: ExecSession,
    program: StartedProgram,
    first: ToPanel['kind'],
  ): Promise<PanelSession> => {
    try {
      await session.begin(program, first);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  };
  return {
    ...{ name, version, checkpointable, movable, afterCrash },
    open: async (context) => {
      const first: ToPanel['kind'] = { $case: 'open', value: openOf(context) };
      return begin(sessionOf(context, beginConversation(limits)), await startProgram(deps, context), first);
    },
    prepare: (coming) => prepared.prepare(coming),
    restore: async (context, bytes) => {
      const state = decodeExecState(bytes);
      if (state.kind === 'ended') return sessionOf(context, endedConversation(limits));
      const checkpoint = Buffer.from(state.checkpoint);
      const first: ToPanel['kind'] = { $case: 'restore', value: { open: openOf(context), checkpoint } };
      const program = (await prepared.take(context.sessionId)) ?? (await startProgram(deps, context));
      return begin(sessionOf(context, beginConversation(limits, state.pending)), program, first);
    },
  };
}
