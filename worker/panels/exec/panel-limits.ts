/** Limits between a worker and the program of a panel (docs/reference/panel-protocol.md). Sizes in bytes, times in milliseconds. */
export interface PanelLimits {
  /** Bytes of output that a program may have sent before the worker has taken them. */
  readonly outputWindowBytes: number;
  /** Largest data of one Output or Input. */
  readonly maxDataBytes: number;
  /** Largest message of a program that is not asked to freeze. */
  readonly maxMessageBytes: number;
  /** Largest checkpoint. */
  readonly maxCheckpointBytes: number;
  /** Bytes that the worker writes ahead of what the program has read. */
  readonly pipeBytes: number;
  /** Time until Opened: with what it takes to end the program, shorter than what a worker gives a panel to start. */
  readonly openMs: number;
  /** Time until Frozen. */
  readonly freezeMs: number;
  /** Time to exit after Close; then the processes are signalled. */
  readonly exitMs: number;
}

/** Limits of panelet.panel.v1. */
export const defaultPanelLimits: PanelLimits = {
  outputWindowBytes: 256 * 1024,
  maxDataBytes: 64 * 1024,
  maxMessageBytes: 128 * 1024,
  maxCheckpointBytes: 4 * 1024 * 1024,
  pipeBytes: 64 * 1024,
  openMs: 6_000,
  freezeMs: 5_000,
  exitMs: 1_000,
};

/** What a message may hold beside a checkpoint. */
const messageHeadBytes = 64;

/** Largest message that a program may send now. */
export function messageLimit(limits: PanelLimits, mayFreeze: boolean): number {
  return mayFreeze
    ? Math.max(limits.maxMessageBytes, limits.maxCheckpointBytes + messageHeadBytes)
    : limits.maxMessageBytes;
}
