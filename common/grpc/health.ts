import { status, type ServerWritableStream } from '@grpc/grpc-js';
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthServer,
} from '#grpc/health/v1/health.js';

/** What is known about the services of a process, by their full names; the empty name is all of it. */
export interface HealthView {
  /** Undefined for a service that is not known. */
  status(service: string): ServingStatus | undefined;
  all(): ReadonlyMap<string, ServingStatus>;
  /** Calls back with each change until the returned function is called. */
  subscribe(callback: (service: string, status: ServingStatus) => void): () => void;
}

/** The standard health service (grpc.health.v1) of a process. */
export interface Health extends HealthView {
  /** Changes what is answered for a service and tells those who watch it. */
  set(service: string, serving: boolean): void;
  /** Ends every watch of the handlers. */
  close(): void;
  readonly handlers: HealthServer;
}

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

/**
 * Health with the services it knows, none of them serving yet. Any other is NOT_FOUND, or SERVICE_UNKNOWN on a watch,
 * until it is set.
 */
export function createHealth(services: readonly string[]): Health {
  const statuses = new Map(services.map((service) => [service, ServingStatus.NOT_SERVING]));
  const watchers = new Set<Watcher>();
  const callbacks = new Set<(service: string, status: ServingStatus) => void>();
  return {
    status: (service) => statuses.get(service),
    all: () => statuses,
    subscribe: (callback) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    set: (service, serving) => {
      const next = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
      if (statuses.get(service) === next) return;
      statuses.set(service, next);
      for (const watcher of watchers) if (watcher.request.service === service) watcher.write({ status: next });
      for (const callback of [...callbacks]) callback(service, next);
    },
    close: () => {
      for (const watcher of watchers) watcher.end();
      watchers.clear();
    },
    handlers: {
      check: (call, callback) => {
        const found = statuses.get(call.request.service);
        if (found === undefined) callback({ code: status.NOT_FOUND, details: 'There is no such service.' });
        else callback(null, { status: found });
      },
      list: (_call, callback) => {
        const entries = [...statuses].map(([service, value]) => [service, { status: value }] as const);
        callback(null, { statuses: Object.fromEntries(entries) });
      },
      watch: (call) => {
        const forget = (): void => void watchers.delete(call);
        watchers.add(call);
        for (const end of ['cancelled', 'close', 'error']) call.on(end, forget);
        call.write({ status: statuses.get(call.request.service) ?? ServingStatus.SERVICE_UNKNOWN });
      },
    },
  };
}
