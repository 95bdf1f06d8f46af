import { status, type ServerWritableStream } from '@grpc/grpc-js';
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthServer,
} from '#grpc/health/v1/health.js';

/** The health of this agent, by full name of the service; the empty name is the agent as a whole. */
export interface Health {
  /** Changes a status and tells those who watch it. */
  set(service: string, serving: boolean): void;
  readonly handlers: HealthServer;
}

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

/** Health with the services it knows, none of them serving yet. */
export function createHealth(services: readonly string[]): Health {
  const statuses = new Map(services.map((service) => [service, ServingStatus.NOT_SERVING]));
  const watchers = new Set<Watcher>();
  const statusFor = (watcher: Watcher): HealthCheckResponse => ({
    status: statuses.get(watcher.request.service) ?? ServingStatus.SERVICE_UNKNOWN,
  });
  return {
    set: (service, serving) => {
      const next = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
      if (statuses.get(service) === next) return;
      statuses.set(service, next);
      for (const watcher of watchers) {
        if (watcher.request.service === service) watcher.write(statusFor(watcher));
      }
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
        watchers.add(call);
        call.once('cancelled', () => watchers.delete(call));
        call.once('close', () => watchers.delete(call));
        call.write(statusFor(call));
      },
    },
  };
}
