import { DrainPhase } from '#proto/session/v1/session.js';
import type { ClientActor } from './client-actor.js';
import type { Storage } from './storage.js';
import type { WorkerWorld } from './worker-actor.js';
import { encodeWorkerLinkState } from '../worker/worker-link-codec.js';

/** Everything that the future of a world depends on; `left` is what may still happen to it. */
export function fingerprintOf(
  { worker, storage, rpcs }: WorkerWorld,
  clients: readonly ClientActor[],
  left: Readonly<Record<string, number>>,
): string {
  return JSON.stringify([
    clients.map(clientPrint),
    rpcs.all.map((rpc) => ({
      ...rpc,
      toWorker: rpc.toWorker.map(base64),
      toClient: rpc.toClient.map(base64),
      hello: left['repeats'] === 0 ? '' : base64(rpc.hello),
    })),
    { ...worker, link: worker.link && [worker.link.attachment, base64(encodeWorkerLinkState(worker.link.save()))] },
    [storage.record, storage.sealed && [base64(storage.sealed.link), storage.sealed.panel, isUsed(storage)], left],
  ]);
}

function isUsed(storage: Storage): boolean {
  return storage.sealed !== undefined && storage.used.has(storage.sealed.id);
}

function clientPrint(actor: ClientActor): unknown {
  const { link, rpcs, drainPhase, ...rest } = actor;
  const state = link.endpoint.save();
  return [
    rest,
    rpcs.map(({ id }) => id),
    drainPhase === DrainPhase.READY,
    [link.incarnation, link.attachedAs, base64(link.resumeToken)],
    { ...state, unacked: state.unacked.map(base64), unread: state.unread.map(base64) },
  ];
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
