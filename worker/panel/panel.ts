import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { Channel, Event } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import type { OpGate } from './op-gate.js';

/** Where a panel session writes. Everything written is taken and numbered at once, so a checkpoint includes it. */
export interface PanelOutput {
  /** @returns false when the panel should pause until `onWritable` calls. */
  writeData(channel: Channel, bytes: Uint8Array): boolean;
  /** Writes a structured event in order with the data. */
  writeEvent(event: Event): void;
  /** No more output. The session ends once the client has acknowledged everything, or at its time to live. */
  end(): void;
  /** True when the panel may write. */
  canWrite(): boolean;
  /** Calls back each time the output has become writable again. */
  onWritable(callback: () => void): void;
}

/** What a panel session gets from its worker. */
export interface PanelContext {
  readonly sessionId: string;
  /** Verified identity of the owner. */
  readonly owner: string;
  /** Parameters of the Hello that opened the session. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly output: PanelOutput;
  /** Every I/O operation of the session enters here under a name; nothing is closed under a hold. */
  readonly gate: OpGate;
  /** The session cannot go on: it ends, and its client is told the error's message. For what goes wrong outside of a call. */
  fail(error: unknown): void;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
}

/** A picture of the session's state that replaces output, for example a terminal's screen. */
export interface PanelSnapshot {
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** One session of a panel. */
export interface PanelSession {
  /**
   * Consumes one input. A promise holds back the next one until it resolves. A panel that is checkpointable must have
   * taken the input into the state that `checkpoint` returns when it answers (synchronously, or by its promise).
   */
  input(item: InputItem): void | Promise<void>;
  /** Starts no new operation, and resolves when those under way are done. Input is not delivered while frozen. */
  freeze(): Promise<void>;
  /** Goes on after a freeze that was called off. */
  thaw(): void;
  /** State for another process, synchronously. Only called when frozen, and only on checkpointable panels. */
  checkpoint?(): Uint8Array;
  /**
   * Lets go of what only one process may hold, such as a port or a lock: another one may have it until `thaw` or `close`. Called after
   * `checkpoint`, on movable panels only. @default nothing of that kind is held
   */
  release?(): void;
  /** State as of now for a client whose cursor is behind the replay buffer. */
  snapshot?(): PanelSnapshot;
  /** Ends the session's processes and files; resolves when nothing is left. Idempotent. */
  close(): Promise<void>;
  /** What a person should see in a list of sessions, for example `{pid, command}`. */
  details(): Record<string, string>;
}

/** A session that is about to move here. */
export type ComingSession = Pick<PanelContext, 'sessionId' | 'owner' | 'log' | 'clock' | 'random'>;

/** A kind of session. */
export interface PanelDefinition {
  readonly name: string;
  /** Version of the panel's code. */
  readonly version: string;
  readonly checkpointable: boolean;
  /**
   * True when a session may move to another process that lives beside this one: what `restore` continues there has to be all that there is
   * of it. Checkpointable panels only. @default false: it is written down, and continues when this process has ended
   */
  readonly movable?: boolean;
  /** What a session is after its worker crashed: a fresh one in a new incarnation, or ended. */
  readonly afterCrash: 'fresh' | 'end';
  /** Starts a session. @throws PANEL_FAILED with a reason a person understands, for example a bad parameter. */
  open(context: PanelContext): Promise<PanelSession>;
  /**
   * A session is about to move here, and goes on elsewhere meanwhile: what takes long may begin. `restore` follows, or nothing does. It is not
   * waited for longer than a moment. Movable panels only. @default nothing has to begin
   */
  prepare?(coming: ComingSession): Promise<void>;
  /** Continues a session from `checkpoint`'s bytes. Checkpointable panels only. @throws CHECKPOINT_UNREADABLE */
  restore?(context: PanelContext, state: Uint8Array): Promise<PanelSession>;
}
