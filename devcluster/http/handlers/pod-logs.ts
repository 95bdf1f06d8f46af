/** What somebody wants to read of a container's output. */
export interface PodLogRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly container: string;
  /** Goes on until the container ends. */
  readonly follow: boolean;
  /** Output of the run before this one. */
  readonly previous: boolean;
  /** Begins each line with its time. */
  readonly timestamps: boolean;
  /** Only that many lines at the end. */
  readonly tailLines?: number;
  /** Only what is younger than this many seconds. */
  readonly sinceSeconds?: number;
  /** Only what is younger than this time. */
  readonly sinceTime?: string;
  /** Only that many bytes. */
  readonly limitBytes?: number;
}

/** Reads containers' output; the pod launcher provides it. Ends when the signal aborts. Throws a StatusError for what it cannot read. */
export type PodLogSource = (request: PodLogRequest, signal: AbortSignal) => AsyncIterable<Uint8Array>;
