import type { ServiceDefinition } from '@grpc/grpc-js';

const identity = (bytes: Buffer): Buffer => bytes;

/** An echo stream as anybody would write it: no session, no numbers, no drain. The peer of the gap benchmark. */
export const plainEcho = {
  echo: {
    path: '/bench.Plain/Echo',
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
} satisfies ServiceDefinition;

/** Port of the plain echo in its pod. */
export const plainEchoPort = 7500;
