import { status, type ServerWritableStream } from '@grpc/grpc-js';
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthServer,
} from '#grpc/health/v1/health.js';

/** The standard health service of a worker. */
export interface HealthService {
  readonly implementation: HealthServer;
  /** Sets what is answered for a service; the empty name is the process as a whole. */
  set(service: string, serving: boolean): void;
  /** Ends every watch. */
  close(): void;
}

/** Health that knows no service yet: NOT_FOUND, or SERVICE_UNKNOWN on a watch. */
export function createHealthService(): HealthService {
  type Watch = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;
  const services = new Map<string, ServingStatus>();
  const watches = new Set<Watch>();
  return {
    set: (service, serving) => {
      const next = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
      if (services.get(service) === next) return;
      services.set(service, next);
      for (const call of watches) if (call.request.service === service) call.write({ status: next });
    },
    close: () => {
      for (const call of watches) call.end();
      watches.clear();
    },
    implementation: {
      check: (call, callback) => {
        const known = services.get(call.request.service);
        if (known === undefined) callback({ code: status.NOT_FOUND, details: 'There is no such service here.' });
        else callback(null, { status: known });
      },
      list: (_call, callback) => {
        callback(null, {
          statuses: Object.fromEntries([...services].map(([name, known]) => [name, { status: known }])),
        });
      },
      watch: (call) => {
        watches.add(call);
        call.on('cancelled', () => watches.delete(call));
        call.on('error', () => watches.delete(call));
        call.write({ status: services.get(call.request.service) ?? ServingStatus.SERVICE_UNKNOWN });
      },
    },
  };
}
