import { request } from 'node:http';
import { connect } from 'node:net';
import type { Clock } from '#common/time/clock.js';
import { probeGrpc } from './grpc-probe.js';
import type { Container, Probe } from './pod.js';

/** Asks a container whether it is ready. */
export interface Prober {
  /** Never throws: a failure is its sentence, undefined is success. */
  probe(container: Container, podIp: string): Promise<string | undefined>;
}

function portOf(container: Container, port: number | string): number {
  if (typeof port === 'number') return port;
  return container.ports?.find((candidate) => candidate.name === port)?.containerPort ?? Number(port);
}

function probeTcp(host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const finish = (failure?: string): void => {
      socket.destroy();
      resolve(failure);
    };
    socket.once('connect', () => finish());
    socket.once('timeout', () => finish(`dial tcp ${host}:${port}: i/o timeout`));
    socket.once('error', (error) => finish(`dial tcp ${host}:${port}: ${error.message}`));
  });
}

function probeHttp(url: URL, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request(url, { timeout: timeoutMs, agent: false }, (response) => {
      response.resume();
      const code = response.statusCode ?? 0;
      resolve(code >= 200 && code < 400 ? undefined : `HTTP probe failed with statuscode: ${code}`);
    });
    call.once('timeout', () => call.destroy(new Error('context deadline exceeded')));
    call.once('error', (error) => resolve(`Get "${url.href}": ${error.message}`));
    call.end();
  });
}

async function ask(probe: Probe, container: Container, podIp: string, clock: Clock): Promise<string | undefined> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.grpc !== undefined) {
    const address = `${podIp}:${portOf(container, probe.grpc.port)}`;
    return probeGrpc({ address, service: probe.grpc.service ?? '', timeoutMs, clock });
  }
  if (probe.tcpSocket !== undefined) {
    return probeTcp(probe.tcpSocket.host ?? podIp, portOf(container, probe.tcpSocket.port), timeoutMs);
  }
  if (probe.httpGet !== undefined) {
    const { host, path, port } = probe.httpGet;
    return probeHttp(new URL(path ?? '/', `http://${host ?? podIp}:${portOf(container, port)}`), timeoutMs);
  }
  return 'the dev cluster knows probes of the kinds grpc, tcpSocket and httpGet (http) only';
}

/** Probes over the network of this machine. A container without a readiness probe is ready when it runs. */
export function createProber(deps: { readonly clock: Clock }): Prober {
  return {
    probe: async (container, podIp) =>
      container.readinessProbe === undefined ? undefined : ask(container.readinessProbe, container, podIp, deps.clock),
  };
}
