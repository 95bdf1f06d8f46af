import { status } from '@grpc/grpc-js';
import type { ErrorCode } from '../errors/errors.js';

interface Meanings {
  readonly byStatus: Readonly<Record<number, ErrorCode | undefined>>;
  /** What every other status means. */
  readonly otherwise: ErrorCode;
}

const ofCallers = {
  [status.PERMISSION_DENIED]: 'IDENTITY_REFUSED',
  [status.UNAUTHENTICATED]: 'IDENTITY_MISSING',
} as const;

const ofCalls = {
  ...ofCallers,
  [status.ABORTED]: 'FENCED',
  [status.CANCELLED]: 'TRANSPORT_LOST',
  [status.DEADLINE_EXCEEDED]: 'TIMEOUT',
  [status.FAILED_PRECONDITION]: 'SESSION_ENDED',
  [status.INVALID_ARGUMENT]: 'FRAME_INVALID',
  [status.NOT_FOUND]: 'SESSION_UNKNOWN',
  [status.RESOURCE_EXHAUSTED]: 'LIMIT_EXCEEDED',
  [status.UNAVAILABLE]: 'TRANSPORT_LOST',
  [status.UNIMPLEMENTED]: 'VERSION_UNSUPPORTED',
} as const;

const meaningsByPeer = {
  worker: { byStatus: ofCalls, otherwise: 'INTERNAL' },
  agent: { byStatus: { ...ofCalls, [status.UNAVAILABLE]: 'AGENT_UNREACHABLE' }, otherwise: 'INTERNAL' },
  gate: {
    byStatus: {
      ...ofCallers,
      [status.ABORTED]: 'GATE_REFUSED',
      [status.FAILED_PRECONDITION]: 'GATE_REFUSED',
      [status.INVALID_ARGUMENT]: 'GATE_REFUSED',
      [status.UNIMPLEMENTED]: 'GATE_REFUSED',
    },
    // Whatever else a gate answers, it is asked again.
    otherwise: 'AGENT_UNREACHABLE',
  },
} as const satisfies Readonly<Record<string, Meanings>>;

/** Who a status comes from: a worker, an agent that speaks to a client, a gate that speaks to a controller. */
export type StatusPeer = keyof typeof meaningsByPeer;

/** The error code of a gRPC status that gives no reason of ours, such as one that grpc-js or a proxy made. */
export function meaningOfStatus(code: number | undefined, peer: StatusPeer): ErrorCode {
  const { byStatus, otherwise }: Meanings = meaningsByPeer[peer];
  return (code === undefined ? undefined : byStatus[code]) ?? otherwise;
}
