import type { ClientReadableStream } from '@grpc/grpc-js';
import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { createLatch } from '#common/time/latch.js';
import { State, type DrainRequest, type DrainResponse, type GateStatus, type Receipt } from '#proto/gate/v1/gate.js';
import type { Changes } from '#common/changes.js';
import { viewWorker, type NodeWorker } from '../workers/node-worker.js';
import type { WorkerClients } from '../workers/worker-clients.js';
import { commandTo } from './command-to.js';

/** How a worker's part of a drain ended. */
export type DrainOutcome =
  | { readonly kind: 'receipt'; readonly receipt: Receipt }
  | { readonly kind: 'absent' }
  | { readonly kind: 'cancelled' };

/** One worker's part of a drain. */
export interface DrainPart {
  readonly worker: NodeWorker;
  readonly request: DrainRequest;
  readonly changes: Changes;
  readonly signal: AbortSignal;
  /** Called with each status the worker reports. */
  readonly onStatus: (status: GateStatus) => void;
}

/**
 * Drains one worker to its end. A lost connection is no end: the worker is asked again when it answers, and counts as
 * absent only once that is certain.
 * @throws the worker's ServiceError when it refuses; the signal's reason when it aborts.
 */
export async function drainWorker(part: DrainPart): Promise<DrainOutcome> {
  const { worker, changes, signal } = part;
  for (;;) {
    const view = await changes.until(() => {
      const now = viewWorker(worker);
      return now.kind === 'unknown' ? undefined : now;
    }, signal);
    if (view.kind === 'absent') return { kind: 'absent' };
    const command = commandTo(view.status, part.request.command);
    const outcome = await drainOnce({ ...part, request: { ...part.request, command } }, view.clients);
    if (outcome !== 'lost') return outcome;
    // The link notices the same loss; without waiting for it, this would spin.
    await changes.until(() => {
      const now = viewWorker(worker);
      return now.kind !== 'up' || now.clients !== view.clients || undefined;
    }, signal);
  }
}

async function drainOnce(part: DrainPart, clients: WorkerClients): Promise<DrainOutcome | 'lost'> {
  const done = createLatch<DrainOutcome | 'lost'>();
  const call: ClientReadableStream<DrainResponse> = clients.gate.drain(part.request);
  let last: DrainResponse | undefined;
  call.on('data', (response: DrainResponse) => {
    last = response;
    if (response.status !== undefined) part.onStatus(response.status);
  });
  call.on('end', () => {
    if (last?.receipt !== undefined) done.resolve({ kind: 'receipt', receipt: last.receipt });
    else if (last?.status?.state === State.SERVING) done.resolve({ kind: 'cancelled' });
    else done.resolve('lost');
  });
  call.on('error', (error: ServiceError) => {
    if (error.code === grpcStatus.UNAVAILABLE || error.code === grpcStatus.CANCELLED) done.resolve('lost');
    else done.reject(error);
  });
  const abort = (): void => done.reject(part.signal.reason);
  part.signal.addEventListener('abort', abort, { once: true });
  if (part.signal.aborted) abort();
  try {
    return await done.promise;
  } finally {
    part.signal.removeEventListener('abort', abort);
    call.cancel();
  }
}
