import { AttachMode, type Frames } from '#proto/session/v1/session.js';
import { decideAttach, type SessionView } from '../worker/admission.js';
import { createClientLink, type ClientEffect, type ClientLink, type ClientLinkOptions } from '../client/client-link.js';
import { tokenKeyBytes, verifyResumeToken } from '../worker/resume-token.js';
import type { Picture } from '../messages/snapshot-messages.js';
import {
  createWorkerLink,
  type SessionIdentity,
  type WorkerLink,
  type WorkerLinkOptions,
} from '../worker/worker-link.js';
import { overTheWire, tinyLimits } from './wire-end.js';

/** Identity of the session that conversations are about. */
export const talkIdentity: SessionIdentity = {
  sessionId: '00000000-0000-4000-8000-000000000002',
  panel: 'echo',
  owner: 'alice',
  tokenKey: Buffer.alloc(tokenKeyBytes, 3),
};

/** Options of the worker's side of a conversation. */
export const talkOptions: WorkerLinkOptions = {
  identity: talkIdentity,
  resumeTtlMs: 900_000,
  node: 'node-a',
  limits: tinyLimits,
};

/** A client of the conversation. */
export function talkClient(clientId: string, change: Partial<ClientLinkOptions> = {}): ClientLink {
  return createClientLink({
    panel: 'echo',
    sessionId: talkIdentity.sessionId,
    clientId,
    mode: AttachMode.OPEN,
    limits: tinyLimits,
    ...change,
  });
}

/** A fresh worker side. */
export function talkWorker(incarnation = 1): WorkerLink {
  return createWorkerLink(talkOptions, incarnation);
}

/** Where a Hello arrives. */
export interface HelloPlace {
  readonly worker: WorkerLink;
  /** Also the nonce. */
  readonly attachment: string;
  /** What the worker knew before; undefined for a session that did not exist. @default the live session */
  readonly view?: SessionView | undefined;
  readonly snapshot?: () => Picture | undefined;
}

/** What attaches to what. */
export interface Meeting extends HelloPlace {
  readonly client: ClientLink;
}

/** Attaches a client to a worker, through admission; the client's effects in order. @throws when it is refused */
export function meet(meeting: Meeting): ClientEffect[] {
  const { client, attachment } = meeting;
  return arrive(meeting, client.hello(attachment)).flatMap((answer) => client.receive(answer, attachment));
}

/** A message with a Hello arrives; what the worker answers, in order. @throws when it is refused */
export function arrive(meeting: HelloPlace, sent: Frames): Frames[] {
  const { worker, attachment } = meeting;
  const message = overTheWire(sent);
  const kind = message.frames[0]?.kind;
  if (kind?.$case !== 'hello') throw new Error('The client said no hello.');
  const hello = kind.value;
  const token = verifyResumeToken(talkIdentity.tokenKey, talkIdentity.sessionId, hello.resumeToken);
  const view = 'view' in meeting ? meeting.view : worker.view();
  const caller = { identity: 'alice', roles: ['client'], token };
  const decision = decideAttach(view, hello, caller, { admitsNew: true, admitsAttach: true });
  if (decision.kind === 'refuse') throw new Error(decision.code);
  const { snapshot } = meeting;
  return worker.attach({ attachment, decision, hello, message, ...(snapshot && { snapshot }) }).map(overTheWire);
}

/** Carries everything both ways until nothing is left; the client's effects in order. */
export function talk(client: ClientLink, worker: WorkerLink, attachment: string): ClientEffect[] {
  const effects: ClientEffect[] = [];
  const carry = (message: Frames | undefined, take: (message: Frames) => void): boolean => {
    if (message === undefined) return false;
    take(overTheWire(message));
    return true;
  };
  for (let moved = true; moved;) {
    moved = carry(client.endpoint.pull(true), (message) => void worker.receive(attachment, message));
    moved =
      carry(worker.pull(attachment, true), (message) => effects.push(...client.receive(message, attachment))) || moved;
  }
  return effects;
}

/** Everything that waits, as text. */
export function readText(endpoint: ClientLink['endpoint']): string {
  let text = '';
  for (let item = endpoint.read(); item !== undefined; item = endpoint.read()) {
    text += item.kind === 'data' ? Buffer.from(item.payload).toString() : `<${item.kind}>`;
  }
  return text;
}
