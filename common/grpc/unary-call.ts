import { Metadata, type CallOptions, type ServiceError } from '@grpc/grpc-js';

/** How grpc-js tells how a unary call ended. */
export type UnaryCallback<Response> = (error: ServiceError | null, response: Response) => void;

/** Makes the call: a method of a generated client, with its request. */
export type UnaryStart<Response> = (
  metadata: Metadata,
  options: CallOptions,
  callback: UnaryCallback<Response>,
) => { cancel(): void };

/** What goes with a unary call. */
export interface UnaryOptions {
  /** @default none */
  readonly metadata?: Metadata | undefined;
  /** When the call fails with DEADLINE_EXCEEDED; the peer is told, too. @default never */
  readonly deadline?: Date | undefined;
  /** Cancels the call. @default nothing does */
  readonly signal?: AbortSignal | undefined;
}

/** Promise of a unary call. @throws its ServiceError */
export function unaryCall<Response>(start: UnaryStart<Response>, options: UnaryOptions = {}): Promise<Response> {
  const { metadata = new Metadata(), deadline, signal } = options;
  return new Promise((resolve, reject) => {
    const call = start(metadata, deadline === undefined ? {} : { deadline }, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
    signal?.addEventListener('abort', () => call.cancel(), { once: true });
  });
}
