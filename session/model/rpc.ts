import { Frames } from '#proto/session/v1/session.js';
import type { AttachmentEnd } from '../client/client-effects.js';

/** One Attach RPC: messages under way, and what each side knows of its end. */
export interface Rpc {
  readonly id: string;
  /** Name of the client that made it. */
  readonly client: string;
  readonly nonce: string;
  readonly toWorker: Uint8Array[];
  readonly toClient: Uint8Array[];
  /** False once the client has given it up; the worker may not know. */
  clientOpen: boolean;
  /** False once the worker has ended it, or is dead; the client may not know. */
  workerOpen: boolean;
  /** What the client will learn after the last message. */
  end: AttachmentEnd | undefined;
  /** Nonce of the attachment that took over from it, as the client has heard. */
  supersededBy: string;
  /** The message with its Hello. */
  readonly hello: Uint8Array;
}

/** The RPCs that somebody still cares about. */
export interface Rpcs {
  readonly all: readonly Rpc[];
  find(id: string | undefined): Rpc | undefined;
  open(client: string, nonce: string, first: Frames): Rpc;
  /** An agent delivers the Hello of an RPC once more; nobody waits for the answer. */
  repeat(rpc: Rpc): void;
  toWorker(rpc: Rpc, message: Frames): void;
  toClient(rpc: Rpc, message: Frames): void;
  /** The worker ends it after what was sent. */
  endAtWorker(rpc: Rpc, end: AttachmentEnd): void;
  /** Forgets those that nobody cares about any more. */
  sweep(): void;
}

/** RPCs with the smallest free number as id, so that equal situations look equal. */
export function createRpcs(): Rpcs {
  const all: Rpc[] = [];
  const encode = (message: Frames): Uint8Array => Frames.encode(message).finish();
  const add = (client: string, nonce: string, hello: Uint8Array): Rpc => {
    let number = 1;
    while (all.some((rpc) => rpc.id === `rpc${number}`)) number += 1;
    const rpc: Rpc = {
      id: `rpc${number}`,
      client,
      nonce,
      toWorker: [hello],
      toClient: [],
      clientOpen: true,
      workerOpen: true,
      end: undefined,
      supersededBy: '',
      hello,
    };
    all.push(rpc);
    return rpc;
  };
  return {
    all,
    find: (id) => all.find((rpc) => rpc.id === id),
    open: (client, nonce, first) => add(client, nonce, encode(first)),
    repeat: ({ client, nonce, hello }) => {
      add(client, nonce, hello).clientOpen = false;
    },
    toWorker: (rpc, message) => {
      if (rpc.workerOpen) rpc.toWorker.push(encode(message));
    },
    toClient: (rpc, message) => {
      if (rpc.clientOpen && rpc.workerOpen) rpc.toClient.push(encode(message));
    },
    endAtWorker: (rpc, end) => {
      rpc.workerOpen = false;
      rpc.toWorker.length = 0;
      rpc.end ??= end;
    },
    sweep: () => {
      for (let index = all.length - 1; index >= 0; index -= 1) {
        const rpc = all[index];
        if (rpc !== undefined && !rpc.clientOpen && !rpc.workerOpen) all.splice(index, 1);
      }
    },
  };
}
