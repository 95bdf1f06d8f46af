import { timestamp } from '#common/time/clock.js';
import { durationToMs } from '#common/time/duration.js';
import type { GateStatus } from '#proto/gate/v1/gate.js';
import { stateName } from '../../cli/fleet/gate-view.js';
import type { PanelInfo, SessionInfo } from '../../calls/node-views.js';
import type { BoardGate, BoardNode, BoardSession } from '../wire/live.js';

/** What an agent has answered. */
export interface NodeAnswers {
  readonly panels: readonly PanelInfo[];
  readonly sessions: readonly SessionInfo[];
  /** Undefined for those who may not see gates. */
  readonly gate: GateStatus | undefined;
}

function gateView(gate: GateStatus): BoardGate {
  return {
    state: stateName(gate.state),
    sessions: gate.sessions,
    restartRequired: gate.restartRequired,
    deadlineMs: durationToMs(gate.deadlineRemaining, 0),
    workers: gate.workers.map(({ panel, state, sessions, retiring, message }) => ({
      ...{ panel, state: stateName(state), sessions, retiring, message },
    })),
    holders: gate.holders.map(({ panel, operation, sessionId }) => `${panel} ${operation} ${sessionId}`.trim()),
  };
}

function sessionView(session: SessionInfo): BoardSession {
  const { sessionId, panel, owner, attached, ageMs, framesIn, framesOut, retiring, endsAt, details } = session;
  return {
    ...{ id: sessionId, panel, owner, attached, ageMs, framesIn, framesOut, retiring, details },
    endsAt: endsAt === undefined ? '' : timestamp(endsAt),
  };
}

/** What is shown of a node. */
export function nodeView(node: string, { panels, sessions, gate }: NodeAnswers): BoardNode {
  return {
    node,
    version: gate?.version ?? panels[0]?.version ?? '',
    gate: gate === undefined ? null : gateView(gate),
    panels: panels.filter(({ serving }) => serving).map(({ name, version }) => ({ name, version })),
    sessions: sessions.map(sessionView),
  };
}

/** What is shown of a node of which nothing is known, and why. */
export function silentNode(node: string, trouble: string): BoardNode {
  return { node, trouble, version: '', gate: null, panels: [], sessions: [] };
}
