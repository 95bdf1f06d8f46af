/** Lives of sessions, each claimed once by an atomic mkdir (rule R11 of the session protocol). */
export interface IncarnationStore {
  /** The highest one claimed; 0 for none. */
  highest(sessionId: string): Promise<number>;
  /**
   * Claims an incarnation, durably.
   * @returns false when it or a higher one is claimed already: somebody else was first.
   * @throws STATE_DIR_UNUSABLE
   */
  claim(sessionId: string, incarnation: number): Promise<boolean>;
}
