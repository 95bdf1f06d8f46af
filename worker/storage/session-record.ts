/** What is remembered about a session from the moment it is opened, so that a crash is told and never guessed. */
export interface SessionRecord {
  /** Session id, a UUID. */
  readonly id: string;
  readonly panel: string;
  /** Verified identity of the owner. */
  readonly owner: string;
  /** Key of the session's resume tokens, in hex. Secret: the file has mode 0600. */
  readonly tokenKey: string;
  /** Client that opened it, or that last took it over. */
  readonly clientId: string;
  /** Parameters of the Hello that opened it. */
  readonly parameters: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Version of the panel's code. */
  readonly version: string;
}

/** What `list` found. */
export interface SessionRecordList {
  readonly records: readonly SessionRecord[];
  /** Sessions whose record cannot be read. Their files are kept. */
  readonly unreadable: readonly { readonly sessionId: string; readonly reason: string }[];
}

/** Session records of one panel. All ids are checked to be UUIDs. */
export interface SessionRecordStore {
  /** Writes a record durably; replaces one that exists. @throws STATE_DIR_UNUSABLE */
  write(record: SessionRecord): Promise<void>;
  /** @returns undefined when there is none. @throws CHECKPOINT_UNREADABLE */
  read(sessionId: string): Promise<SessionRecord | undefined>;
  list(): Promise<SessionRecordList>;
  /** Removes everything about a session: record, incarnations, checkpoints. Idempotent. @throws STATE_DIR_UNUSABLE */
  remove(sessionId: string): Promise<void>;
}
