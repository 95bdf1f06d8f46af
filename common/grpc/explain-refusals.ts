import {
  status,
  type ServerInterceptor,
  type ServerInterceptingCall,
  type ServerInterceptingCallInterface,
} from '@grpc/grpc-js';
import { PaneletError } from '../errors/errors.js';
import { reasonKey, statusOf } from './grpc-status.js';

type PartialStatus = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];

interface Rewriting {
  readonly code: status;
  readonly details: RegExp;
  readonly error: (details: string) => PaneletError;
}

function invalid(message: string): PaneletError {
  return new PaneletError('FRAME_INVALID', message);
}

// What grpc-js 1.14 says by itself about a request that it cannot take (server-interceptors.ts and server.ts). The tests
// beside this file send each of them, so another wording of a later version is seen.
const rewritings: readonly Rewriting[] = [
  {
    code: status.RESOURCE_EXHAUSTED,
    details: /^Received message (larger than max|that decompresses to a size larger than)/,
    error: (details) => invalid(`${details}. Send smaller messages.`),
  },
  {
    code: status.INTERNAL,
    details: /^Error deserializing request/,
    error: () => invalid('A message of the request cannot be decoded. Check that the protos are of this version.'),
  },
  {
    code: status.INTERNAL,
    details: /^Failed to decompress message/,
    error: () => invalid('A message of the request cannot be decompressed.'),
  },
  {
    code: status.UNIMPLEMENTED,
    details: /^Received message compressed with unsupported encoding/,
    error: () => invalid('A message is compressed in a way that is not understood. Use gzip, deflate or none.'),
  },
  {
    code: status.INTERNAL,
    details: /^Invalid grpc-timeout value/,
    error: () => invalid('The header grpc-timeout is not a timeout of gRPC.'),
  },
  {
    code: status.UNIMPLEMENTED,
    details: /^Received (a second|no) request message/,
    error: () => invalid('This call takes exactly one request message.'),
  },
  {
    code: status.DEADLINE_EXCEEDED,
    details: /^Deadline exceeded$/,
    error: () => new PaneletError('TIMEOUT', 'The call was not answered before its deadline. Try again.'),
  },
];

/**
 * Interceptor of a server: what grpc-js itself answers to a request that it cannot take (too large, not decodable, badly
 * compressed, late) is told as everything else is told, with a reason; what handlers answer stays as it is.
 */
export const explainRefusals: ServerInterceptor = (_method, call) => {
  const sendStatus = call.sendStatus.bind(call);
  // Its own refusals pass no interceptor: the innermost call sends them by its own method.
  const own: ServerInterceptingCallInterface = call;
  own.sendStatus = (said) => sendStatus(explained(said));
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- a wrapper costs each message, and only the interface is used
  return call as ServerInterceptingCall;
};

function explained(said: PartialStatus): PartialStatus {
  // Whoever gives a reason has said it all.
  if ((said.metadata?.get(reasonKey).length ?? 0) > 0) return said;
  const found = rewritings.find((one) => one.code === said.code && one.details.test(said.details));
  return found === undefined ? said : statusOf(found.error(said.details), { subject: 'message' });
}
