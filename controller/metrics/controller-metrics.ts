import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

import type { KubeApi } from '#kube/api.js';
import { countRequests } from './counted-api.js';
import { createPromRestartMetrics } from './prom-restart-metrics.js';
import type { RestartMetrics } from './restart-metrics.js';

/** What the gauges look at whenever they are read. */
export interface GaugeSources {
  /** Targets that wait to be looked at. */
  readonly queueDepth: () => number;
  readonly isLeading: () => boolean;
  /** Pods that are out of their DaemonSet, of restarts that go on, and left by those that do not. */
  readonly detachedPods: () => { readonly underWay: number; readonly left: number };
  /** Restarts that are not over and need a person, by reason. */
  readonly stalledRestarts: () => ReadonlyMap<string, number>;
  /** Seconds until the certificate authority ends; undefined without one. */
  readonly caExpirySeconds: () => number | undefined;
}

/** Metrics of a controller; docs/reference/metrics.md describes each. */
export interface ControllerMetrics {
  readonly restarts: RestartMetrics;
  /** A look at a target took this many milliseconds. */
  reconciled(tookMs: number): void;
  /** The same API, counted. Once for a process. */
  count(api: KubeApi): KubeApi;
  /** Adds the gauges. Once for a process. */
  watch(sources: GaugeSources): void;
  /** Adds what Node.js says of the process. Once for a process. */
  watchProcess(): void;
  /** Everything, in the Prometheus text format. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** A gauge with a number for each value of a label. */
interface LabelledGauge {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly values: () => Iterable<readonly [string, number]>;
}

function registerLabelled(registry: Registry, { name, help, label, values }: LabelledGauge): void {
  new Gauge({
    ...{ name, help, registers: [registry], labelNames: [label] },
    collect() {
      this.reset();
      for (const [value, count] of values()) this.set({ [label]: value }, count);
    },
  });
}

/** Metrics in a registry of their own. */
export function createControllerMetrics(): ControllerMetrics {
  const registry = new Registry();
  const registers = [registry];
  const reconciles = new Histogram({
    name: 'panelet_reconcile_seconds',
    help: 'Time that a look at a target takes.',
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15],
    registers,
  });
  const gauge = (name: string, help: string, value: () => number | undefined): void => {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        const now = value();
        if (now === undefined) this.reset();
        else this.set(now);
      },
    });
  };
  const labelled = (gauge: LabelledGauge): void => registerLabelled(registry, gauge);
  return {
    restarts: createPromRestartMetrics(registry),
    reconciled: (tookMs) => reconciles.observe(tookMs / 1000),
    count: (api) => countRequests(api, registry),
    watch: ({ queueDepth, isLeading, detachedPods, stalledRestarts, caExpirySeconds }) => {
      gauge('panelet_queue_depth', 'Targets that wait to be looked at.', queueDepth);
      gauge('panelet_leader', '1 while this controller leads, else 0.', () => (isLeading() ? 1 : 0));
      labelled({
        ...{ name: 'panelet_pods_detached', label: 'restart' },
        help: 'Pods that are out of their DaemonSet.',
        values: () => {
          const { underWay, left } = detachedPods();
          return [
            ['under_way', underWay],
            ['over', left],
          ];
        },
      });
      labelled({
        ...{ name: 'panelet_restarts_stalled', label: 'reason' },
        help: 'Restarts that are not over and need a person.',
        values: stalledRestarts,
      });
      gauge(
        'panelet_ca_certificate_expiry_seconds',
        'Time until the certificate authority that signs ends; NaN without one.',
        () => caExpirySeconds() ?? NaN,
      );
    },
    watchProcess: () => collectDefaultMetrics({ register: registry }),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
