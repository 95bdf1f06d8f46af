import { status, type ServerWritableStream } from '@grpc/grpc-js';
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthServer,
} from '#grpc/health/v1/health.js';

/** The standard health service (grpc.health.v1) of a process, by full name of the service; the empty name is all of it. */
export interface Health {
  /** Changes what is answered for a service and tells those who watch it. */
  set(service: string, serving: boolean): void;
  /** Ends every watch. */
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
  return {
    set: (service, serving) => {
      const next = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
      if (statuses.get(service) === next) return;
      statuses.set(service, next);
      for (const watcher of watchers) if (watcher.request.service === service) watcher.write({ status: next });
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
