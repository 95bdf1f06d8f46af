import { createHealth, type HealthView } from '#common/grpc/health.js';

/** What the agent says of its services to who asks for their health. */
export interface AgentHealth {
  readonly view: HealthView;
  /** The agent serves; sessions are served unless it is cordoned. */
  show(isServingSessions: boolean): void;
  /** No session is served any more. */
  stop(): void;
}

const sessionServiceName = 'panelet.session.v1.SessionService';
const gateServiceName = 'panelet.gate.v1.GateService';

/** Nothing is served yet. */
export function createAgentHealth(): AgentHealth {
  const health = createHealth(['', sessionServiceName, gateServiceName]);
  return {
    view: health,
    show: (isServingSessions) => {
      for (const name of ['', gateServiceName]) health.set(name, true);
      health.set(sessionServiceName, isServingSessions);
    },
    stop: () => health.set(sessionServiceName, false),
  };
}
