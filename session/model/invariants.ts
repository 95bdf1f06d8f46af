import { decodeWorkerLinkState, encodeWorkerLinkState } from '../worker/worker-link-codec.js';
import { inputOf } from '../endpoint/receive-window.js';
import { Frame } from '#proto/session/v1/session.js';
import type { NumberedFrame } from '../codec/frame-codec.js';
import type { WorkerLinkState } from '../worker/worker-link.js';
import { currentRpc, type ClientActor } from './client-actor.js';
import { must } from './config.js';
import type { PanelState } from './storage.js';
import { textsOf, type WorkerWorld } from './worker-actor.js';

/** The session as it would go on now: in memory, or sealed on disk. */
interface Standing {
  readonly link: WorkerLinkState;
  readonly panel: PanelState;
}

/** Checks every rule that holds between any two steps. @throws Violation */
export function checkInvariants(world: WorkerWorld, clients: readonly ClientActor[]): void {
  const { worker, config } = world;
  must(worker.openedUnderCordon === 0, 'I9 a session was opened after the cordon');
  const standing = standingOf(world);
  if (standing === undefined) {
    const isPromised = config.durable === true || config.mistakes?.promisesCrashSafety === true;
    for (const client of clients) {
      must(!isPromised || client.link.endpoint.cursors.txBase === 1, 'I3 acknowledged input is gone after a kill');
    }
  } else {
    // A stale checkpoint is a mistake of its own: looked at is who goes on from it.
    const isTrusted = config.mistakes?.ignoresStaleness !== true;
    const judged = clients.filter(({ link }) => isTrusted || link.incarnation === worker.link?.incarnation);
    if (isTrusted) checkInput(standing, clients);
    for (const client of judged) checkClient(standing, client);
  }
  for (const client of clients) {
    const isExcused = worker.crashes > 0 || client.losses.every((loss) => loss.code === 'REPLAY_PASSED');
    must(isExcused, 'a loss without a crash');
  }
  checkRelease(world);
}

function standingOf({ worker, storage }: WorkerWorld): Standing | undefined {
  if (worker.link !== undefined) return { link: worker.link.save(), panel: worker.panel };
  if (storage.sealed === undefined) return undefined;
  return { link: decodeWorkerLinkState(storage.sealed.link), panel: storage.sealed.panel };
}

function inputsOf({ link, panel }: Standing): string[] {
  const unread = link.endpoint.unread.map((bytes) => inputOf(Frame.decode(bytes) as NumberedFrame));
  return [...panel.consumed, ...unread.flatMap(textsOf)];
}

/** I2 and I6 on the worker's side: what each client wrote, in order, once; and nobody after somebody else took over. */
function checkInput(standing: Standing, clients: readonly ClientActor[]): void {
  const inputs = inputsOf(standing);
  const { nextRx } = standing.link.endpoint.cursors;
  must(inputs.length === nextRx - 1, 'I3 input was received and is in no state');
  for (const client of clients) {
    const own = inputs.filter((text) => text.startsWith(client.name));
    if (client.numberedSince !== standing.link.numberedSince) continue;
    must(
      own.every((text, index) => text === client.wrote[index]),
      'I2 the input log is not a prefix of what was written',
    );
  }
  const firstOfB = inputs.findIndex((text) => text.startsWith('B'));
  must(firstOfB < 0 || !inputs.slice(firstOfB).some((text) => text.startsWith('A')), 'I6 two clients wrote at a time');
}

function checkClient({ link, panel }: Standing, client: ClientActor): void {
  if (client.numberedSince !== link.numberedSince || client.phase === 'superseded') return;
  const { cursors } = client.link.endpoint;
  const isHolder = link.clientId === client.name;
  must(!isHolder || cursors.txBase <= link.endpoint.cursors.nextRx, 'I3 acknowledged input is gone');
  must(!isHolder || link.endpoint.cursors.txBase <= cursors.nextRx, 'I4 output was trimmed before it was received');
  must(cursors.nextRx <= link.endpoint.cursors.txNext, 'I5 the client has output that nobody gave');
  const start = client.seen[0]?.seq ?? 1;
  must(
    client.seen.every(({ seq, text }, index) => seq === start + index && panel.emitted[seq - 1] === text),
    'I2 the output log is not a prefix of what was emitted',
  );
}

/** I10: released means that the disk holds the live cursors, every unacknowledged output and every unconsumed input. */
function checkRelease({ worker, storage, config }: WorkerWorld): void {
  const isSealed = worker.drain === 'sealed' || worker.drain === 'released';
  if (!isSealed || worker.link === undefined || config.mistakes?.ignoresOmission === true) return;
  const { sealed } = storage;
  const isWhole = sealed !== undefined && Buffer.compare(sealed.link, encodeWorkerLinkState(worker.link.save())) === 0;
  must(isWhole && sealed.panel === worker.panel, 'I10 the checkpoint is not the session');
}

/** Checks what holds when nothing is under way any more: everything has arrived, or was told lost. @throws Violation */
export function checkComplete(world: WorkerWorld, clients: readonly ClientActor[]): void {
  const { worker } = world;
  for (const client of clients) {
    // The second client's token may have been overtaken by another attachment of the first.
    const isTooLate = client.name === 'B' && client.epoch === 0 && client.failure.startsWith('FENCED');
    const isToldLost = world.config.mistakes?.ignoresStaleness === true && client.failure.startsWith('SESSION_LOST');
    if (client.phase === 'superseded' || isTooLate || isToldLost) continue;
    must(client.phase === 'on', `a client failed: ${client.failure}`);
    if (client.rpcs.length === 0) continue;
    const current = currentRpc(client);
    must(current !== undefined, 'stuck: a client waits for a Welcome');
    must(worker.link?.attachment === current?.id, 'stuck: a client waits for an attachment that nobody serves');
    must(client.link.endpoint.unackedCount() === 0, 'stuck: input is not acknowledged');
    const own = worker.panel.consumed.filter((text) => text.startsWith(client.name));
    must(own.length === client.wrote.length, 'stuck: input was not consumed');
    const last = client.seen.at(-1)?.seq ?? client.link.endpoint.cursors.nextRx - 1;
    must(last === worker.panel.emitted.length, 'stuck: output was not received');
  }
}
