/** A checkpoint that is complete on disk. */
export interface SealedCheckpoint {
  /** Size of the content in bytes, without the header. */
  readonly sizeBytes: number;
  /** SHA-256 of the content in hex. */
  readonly sha256: string;
}

/** Checkpoints of one panel's sessions. A sealed one is used at most once (invariant I13). */
export interface CheckpointStore {
  /**
   * Writes and seals a checkpoint: written aside, fsynced, read back and compared, renamed, directory fsynced. When it
   * throws, there is no sealed checkpoint, or (the disk failing even to clean up) a complete one; so `consume` must
   * have succeeded before the session goes on in either case.
   * @throws CHECKPOINT_FAILED, STATE_DIR_UNUSABLE
   */
  seal(sessionId: string, content: Uint8Array): Promise<SealedCheckpoint>;
  /**
   * Checks header, length and hash.
   * @returns undefined when nothing is sealed.
   * @throws CHECKPOINT_UNREADABLE; the file is then kept as checkpoint.unreadable.
   */
  verify(sessionId: string): Promise<SealedCheckpoint | undefined>;
  /** Content of the sealed checkpoint, verified. Same outcomes as `verify`. */
  read(sessionId: string): Promise<Buffer | undefined>;
  /**
   * Makes the sealed checkpoint unusable, durably, before the session goes on: renames it to
   * checkpoint.consumed-<incarnation>. Keeps the last consumed one for a look after trouble.
   * @returns false when nothing was sealed.
   * @throws CHECKPOINT_FAILED; the session must not go on then.
   */
  consume(sessionId: string, incarnation: number): Promise<boolean>;
}
