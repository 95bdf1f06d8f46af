import type { Metadata } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { Frames, SessionServiceClient } from '#proto/session/v1/session.js';
import type { RpcStatus } from '#common/grpc/grpc-status.js';
import { statusOfError } from '../connect/status-errors.js';

/** One Attach RPC. */
export interface AttachTransport {
  /** @returns false when the writer should wait for `writable`. */
  send(message: Frames): boolean;
  /** Ends this direction; the peer's status follows. */
  finish(): void;
  /** Cuts the RPC. `ended` is not called any more. */
  cancel(): void;
}

/** What happens on an Attach RPC. Nothing is called after `ended`. */
export interface AttachHandlers {
  message(message: Frames): void;
  writable(): void;
  ended(rpc: RpcStatus): void;
}

/**
 * Starts an Attach RPC. The reader is attached before the first write (else grpc-js buffers without bound), and an OK
 * status is passed on only after every message before it.
 */
export function openAttachTransport(
  client: SessionServiceClient,
  metadata: Metadata,
  handlers: AttachHandlers,
): AttachTransport {
  const call = client.attach(metadata);
  let over = false;
  let outcome: RpcStatus | undefined;
  let drained = false;
  const end = (rpc: RpcStatus): void => {
    if (over) return;
    over = true;
    handlers.ended(rpc);
  };
  const endWhenRead = (): void => {
    if (drained && outcome !== undefined) end(outcome);
  };
  call.on('data', (message: Frames) => {
    if (!over) handlers.message(message);
  });
  call.on('drain', () => {
    if (!over) handlers.writable();
  });
  call.on('end', () => {
    drained = true;
    endWhenRead();
  });
  call.on('error', (error: unknown) => {
    outcome ??= statusOfError(error);
  });
  call.on('status', (rpc: RpcStatus) => {
    outcome = rpc;
    if (rpc.code === status.OK) endWhenRead();
    else end(rpc);
  });
  return {
    send: (message) => call.write(message),
    finish: () => void call.end(),
    cancel: () => {
      over = true;
      call.cancel();
    },
  };
}
