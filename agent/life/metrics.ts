import { collectDefaultMetrics, Counter, Gauge, Registry as MetricsRegistry } from 'prom-client';
import type { Clock } from '#common/time/clock.js';
import { State, Target, type GateStatus } from '#proto/gate/v1/gate.js';
import { authenticationResults, type AuthenticationResult } from '../access/authentications.js';
import type { DecisionKind } from '../access/permissions.js';
import { endReasons, type EndReason } from '../front/connection/connections.js';
import { certificateExpiry } from '../tls/pem.js';
import type { NodeWorker } from '../workers/node-worker.js';
import { targetOf } from '../workers/worker-command.js';

/** What is counted from the outside. */
export interface MetricsSubjects {
  readonly workers: () => readonly NodeWorker[];
  readonly gateStatus: (target: Target) => GateStatus;
  readonly connections: () => number;
  /** The agent's certificate, PEM; undefined while there is none. */
  readonly certificate: () => string | undefined;
}

/** The agent's metrics; docs/reference/metrics.md. */
export interface AgentMetrics {
  countAttach(panel: string, code: string): void;
  countDecision(kind: DecisionKind): void;
  /** An attachment was asked about again. */
  countReview(kind: DecisionKind): void;
  /** A connection that the front ended by itself. */
  countEnded(reason: EndReason): void;
  /** An exception that ended a connection, and nothing more. */
  countContained(): void;
  /** Headers of workers' answers that were not passed on. */
  countDropped(count: number): void;
  countAuthentication(result: AuthenticationResult): void;
  /** From now on, reading the metrics looks at these. */
  observe(subjects: MetricsSubjects): void;
  render(): Promise<{ contentType: string; body: string }>;
}

const gateTargets = [
  ['agent', Target.AGENT],
  ['host', Target.HOST],
] as const;
const gateStates = [
  ...[State.UNSPECIFIED, State.SERVING, State.CORDONED, State.NOTIFIED, State.FROZEN, State.QUIESCED],
  ...[State.CHECKPOINTED, State.RELEASED, State.CLOSED, State.FORCED],
] as const;

/** Metrics in a registry of their own. */
export function createAgentMetrics(clock: Clock): AgentMetrics {
  const registry = new MetricsRegistry();
  const registers = [registry];
  let subjects: MetricsSubjects | undefined;
  collectDefaultMetrics({ register: registry });
  const attaches = new Counter({
    name: 'panelet_attaches_total',
    help: 'Attachments that were asked for, by panel and by how it went (OK: they were relayed).',
    ...{ labelNames: ['panel', 'code'] as const, registers },
  });
  const decisions = new Counter({
    name: 'panelet_authorization_total',
    help: 'Decisions about what callers may do.',
    ...{ labelNames: ['decision'] as const, registers },
  });
  for (const decision of ['allowed', 'denied', 'unavailable'] satisfies DecisionKind[]) decisions.inc({ decision }, 0);
  const reviews = new Counter({
    name: 'panelet_attachment_reviews_total',
    help: 'Questions whether an open attachment is still allowed, by answer.',
    ...{ labelNames: ['decision'] as const, registers },
  });
  for (const decision of ['allowed', 'denied', 'unavailable'] satisfies DecisionKind[]) reviews.inc({ decision }, 0);
  const ended = new Counter({
    name: 'panelet_connections_ended_total',
    help: 'Connections that the agent ended by itself, by reason.',
    ...{ labelNames: ['reason'] as const, registers },
  });
  for (const reason of endReasons) ended.inc({ reason }, 0);
  const contained = new Counter({
    name: 'panelet_contained_exceptions_total',
    help: 'Exceptions that ended one connection or stream and nothing more; each is a bug.',
    registers,
  });
  const dropped = new Counter({
    name: 'panelet_dropped_headers_total',
    help: 'Headers of answers of workers that were not passed on: not allowed, or too many.',
    registers,
  });
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[]): Gauge<T> =>
    new Gauge({ name, help, labelNames, registers });
  const sessions = gauge('panelet_sessions', 'Sessions of a panel, as its worker counts them.', ['panel']);
  const workerUp = gauge('panelet_worker_up', 'Whether the worker of a panel answers.', ['panel']);
  const fencingAhead = gauge(
    'panelet_worker_fencing_ahead',
    'Whether a worker was told a higher fencing number than its agent knows: somebody spoke to its socket.',
    ['panel'],
  );
  const gateState = gauge('panelet_gate_state', 'State of the gate: 1 for the one it is in.', ['target', 'state']);
  const connections = gauge('panelet_connections', 'Connections of clients and controllers.', []);
  const expiry = gauge('panelet_certificate_expiry_seconds', 'Seconds until the certificate expires.', []);
  const authentications = new Counter({
    name: 'panelet_authentications_total',
    help: 'Calls by how finding out who calls ended.',
    ...{ labelNames: ['result'] as const, registers },
  });
  for (const result of authenticationResults) authentications.inc({ result }, 0);
  const look = ({ workers, gateStatus, connections: count, certificate }: MetricsSubjects): void => {
    for (const vanishing of [sessions, workerUp, fencingAhead]) vanishing.reset();
    for (const { panel, link } of workers()) {
      const state = link.state();
      workerUp.set({ panel: panel.name }, state.kind === 'up' ? 1 : 0);
      if (state.kind !== 'up') continue;
      sessions.set({ panel: panel.name }, state.status.sessions);
      const known = gateStatus(targetOf(panel)).fencing;
      fencingAhead.set({ panel: panel.name }, state.status.fencing > known ? 1 : 0);
    }
    for (const [target, number] of gateTargets) {
      const now = gateStatus(number).state;
      for (const state of gateStates) gateState.set({ target, state: State[state] }, state === now ? 1 : 0);
    }
    connections.set(count());
    const pem = certificate();
    if (pem !== undefined) expiry.set((certificateExpiry(pem).getTime() - clock.date().getTime()) / 1000);
  };
  return {
    countAttach: (panel, code) => {
      // Names that a client made up must not become series.
      const known = subjects?.workers().some((worker) => worker.panel.name === panel) === true;
      attaches.inc({ panel: known ? panel : '', code });
    },
    countDecision: (decision) => decisions.inc({ decision }),
    countReview: (decision) => reviews.inc({ decision }),
    countEnded: (reason) => ended.inc({ reason }),
    countContained: () => contained.inc(),
    countDropped: (count) => dropped.inc(count),
    countAuthentication: (result) => authentications.inc({ result }),
    observe: (next) => {
      subjects = next;
    },
    render: async () => {
      if (subjects !== undefined) look(subjects);
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
