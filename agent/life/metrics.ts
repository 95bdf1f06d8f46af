import { collectDefaultMetrics, Counter, Gauge, Registry as MetricsRegistry } from 'prom-client';
import type { Clock } from '#common/time/clock.js';
import { State, Target, type GateStatus } from '#proto/gate/v1/gate.js';
import { authenticationResults, type AuthenticationResult } from '../access/authentications.js';
import type { DecisionKind } from '../access/permissions.js';
import { endReasons, type EndReason } from '../front/connection/connections.js';
import { certificateExpiry } from '../tls/pem.js';
import { newestWorkers, type NodeWorker } from '../workers/node-worker.js';
import { targetOf } from '../workers/worker-command.js';

/** What is counted from the outside. */
export interface MetricsSubjects {
  readonly workers: () => readonly NodeWorker[];
  /** Whether this agent tells of a worker: another one of the node may. */
  readonly isTold: (worker: NodeWorker) => boolean;
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

const decisionKinds = ['allowed', 'denied', 'unavailable'] as const satisfies readonly DecisionKind[];

/** Metrics in a registry of their own. */
export function createAgentMetrics(clock: Clock): AgentMetrics {
  return new PrometheusMetrics(clock);
}

class PrometheusMetrics implements AgentMetrics {
  readonly #clock: Clock;
  readonly #registry = new MetricsRegistry();
  readonly #counters: Counters;
  readonly #gauges: Gauges;
  #subjects: MetricsSubjects | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    collectDefaultMetrics({ register: this.#registry });
    this.#counters = registerCounters(this.#registry);
    this.#gauges = registerGauges(this.#registry);
  }

  countAttach(panel: string, code: string): void {
    // Names that a client made up must not become series.
    const isKnown = this.#subjects?.workers().some((worker) => worker.panel.name === panel) === true;
    this.#counters.attaches.inc({ panel: isKnown ? panel : '', code });
  }

  countDecision(decision: DecisionKind): void {
    this.#counters.decisions.inc({ decision });
  }

  countReview(decision: DecisionKind): void {
    this.#counters.reviews.inc({ decision });
  }

  countEnded(reason: EndReason): void {
    this.#counters.ended.inc({ reason });
  }

  countContained(): void {
    this.#counters.contained.inc();
  }

  countDropped(count: number): void {
    this.#counters.dropped.inc(count);
  }

  countAuthentication(result: AuthenticationResult): void {
    this.#counters.authentications.inc({ result });
  }

  observe(subjects: MetricsSubjects): void {
    this.#subjects = subjects;
  }

  async render(): Promise<{ contentType: string; body: string }> {
    if (this.#subjects !== undefined) this.#look(this.#subjects);
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #look(subjects: MetricsSubjects): void {
    const { connections, expiry } = this.#gauges;
    this.#lookAtWorkers(subjects);
    this.#lookAtGates(subjects);
    connections.set(subjects.connections());
    const pem = subjects.certificate();
    if (pem !== undefined) expiry.set((certificateExpiry(pem).getTime() - this.#clock.date().getTime()) / 1000);
  }

  #lookAtWorkers({ workers, isTold, gateStatus }: MetricsSubjects): void {
    const { sessions, workerUp, fencingAhead, retiring } = this.#gauges;
    for (const vanishing of [sessions, workerUp, fencingAhead, retiring]) vanishing.reset();
    const all = workers().filter(isTold);
    for (const { panel, link } of newestWorkers(all)) {
      const of = { panel: panel.name };
      workerUp.set(of, link.state().kind === 'up' ? 1 : 0);
      const own = all.filter((worker) => worker.panel.name === panel.name);
      retiring.set(of, own.filter(({ stage }) => stage === 'retiring').length);
      const up = own.map((worker) => worker.link.state()).filter((state) => state.kind === 'up');
      if (up.length === 0) continue;
      sessions.set(
        of,
        up.reduce((sum, { status }) => sum + status.sessions, 0),
      );
      const known = gateStatus(targetOf(panel)).fencing;
      fencingAhead.set(of, up.some(({ status }) => status.fencing > known) ? 1 : 0);
    }
  }

  #lookAtGates({ gateStatus }: MetricsSubjects): void {
    for (const [target, number] of gateTargets) {
      const now = gateStatus(number).state;
      for (const state of gateStates) {
        this.#gauges.gateState.set({ target, state: State[state] }, state === now ? 1 : 0);
      }
    }
  }
}

type Counters = ReturnType<typeof registerCounters>;

/** Those whose labels are known begin at 0, so that a rate over them misses no first time. */
function registerCounters(registry: MetricsRegistry) {
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]): Counter<T> =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const attaches = counter(
    'panelet_attaches_total',
    'Attachments that were asked for, by panel and by how it went (OK: they were relayed).',
    ['panel', 'code'],
  );
  const decisions = counter('panelet_authorization_total', 'Decisions about what callers may do.', ['decision']);
  const reviews = counter(
    'panelet_attachment_reviews_total',
    'Questions whether an open attachment, or a call that watches, is still allowed, by answer.',
    ['decision'],
  );
  const ended = counter('panelet_connections_ended_total', 'Connections that the agent ended by itself, by reason.', [
    'reason',
  ]);
  const contained = counter(
    'panelet_contained_exceptions_total',
    'Exceptions that ended one connection or stream and nothing more; each is a bug.',
    [],
  );
  const dropped = counter(
    'panelet_dropped_headers_total',
    'Headers of answers of workers that were not passed on: not allowed, or too many.',
    [],
  );
  const authentications = counter('panelet_authentications_total', 'Calls by how finding out who calls ended.', [
    'result',
  ]);
  for (const decision of decisionKinds) decisions.inc({ decision }, 0);
  for (const decision of decisionKinds) reviews.inc({ decision }, 0);
  for (const reason of endReasons) ended.inc({ reason }, 0);
  for (const result of authenticationResults) authentications.inc({ result }, 0);
  return { attaches, decisions, reviews, ended, contained, dropped, authentications };
}

type Gauges = ReturnType<typeof registerGauges>;

function registerGauges(registry: MetricsRegistry) {
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[]): Gauge<T> =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  return {
    sessions: gauge('panelet_sessions', 'Sessions of a panel, as its workers count them.', ['panel']),
    workerUp: gauge('panelet_worker_up', 'Whether the newest worker of a panel answers.', ['panel']),
    retiring: gauge(
      'panelet_workers_retiring',
      'Workers of a panel beside its newest one, which end once they have no session any more.',
      ['panel'],
    ),
    fencingAhead: gauge(
      'panelet_worker_fencing_ahead',
      'Whether a worker was told a higher fencing number than its agent knows: somebody spoke to its socket.',
      ['panel'],
    ),
    gateState: gauge('panelet_gate_state', 'State of the gate: 1 for the one it is in.', ['target', 'state']),
    connections: gauge('panelet_connections', 'Connections of clients and controllers.', []),
    expiry: gauge('panelet_certificate_expiry_seconds', 'Seconds until the certificate expires.', []),
  };
}
