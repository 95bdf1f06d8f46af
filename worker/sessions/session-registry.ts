import { sleep } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { Drain, Frames, Hello } from '#proto/session/v1/session.js';
import { decideAttach, type AdmissionGate, type Admitted, type RefuseDecision } from '#session/worker/admission.js';
import { verifyResumeToken } from '#session/worker/resume-token.js';
import type { SessionRecord } from '../storage/session-record.js';
import { isNewest } from '#common/files/instances.js';
import { requireSessionId } from '../storage/session-id.js';
import type { SessionAttachment } from './attachment.js';
import { DormantSessions, type DormantSession } from './dormant-sessions.js';
import { createKeyedLock } from '#common/keyed-lock.js';
import type { ExpectedSessions } from './expected-sessions.js';
import type { OwnedSession, OwnerQuota } from './owner-quota.js';
import type { SessionDriver, WorkerSessionEnd } from './session-driver.js';
import { SessionLookup, type Known } from './session-lookup.js';
import { createSessionOpening, sealedStateOf, type AdoptOrder, type SessionOpeningDeps } from './session-opening.js';
import type { LossReason } from '#session/messages/crash-reason.js';

/** A Hello at the door, with what the agent verified about its sender. */
export interface AttachRequest {
  readonly hello: Hello;
  /** The message the Hello came in. */
  readonly message: Frames;
  readonly identity: string;
  readonly roles: readonly string[];
  readonly attachment: SessionAttachment;
}

/** Who asks about sessions. */
export interface SessionCaller {
  readonly identity: string;
  readonly roles: readonly string[];
}

/** What the gate says to the registry. */
export interface RegistryGate {
  readonly admitsNew: boolean;
  /** Own sessions that are live may attach. */
  readonly admitsAttach: boolean;
  /** Sessions may be brought up from storage. */
  readonly admitsRestore: boolean;
  /** What to tell a client that attaches to a session now; undefined when no drain is under way. */
  drainFor(driver?: SessionDriver): Drain | undefined;
}

/** What the registry needs. */
export interface SessionRegistryDeps extends Omit<SessionOpeningDeps, 'onEnded'> {
  readonly gate: () => RegistryGate;
  readonly maxSessions: number;
  /** What one owner may take of them. */
  readonly quota: OwnerQuota;
  /** Sessions that another instance is about to give. */
  readonly expected: ExpectedSessions;
  /** There is one live session more. */
  readonly onOpened: () => void;
  /** A session is over; called once for each. */
  readonly onEnded: (driver: SessionDriver, end: WorkerSessionEnd) => void;
}

/** A session as somebody who may see it sees it. */
export interface VisibleSession {
  readonly record: SessionRecord;
  /** Set when it is live. */
  readonly driver: SessionDriver | undefined;
  /** Set when it is on storage only. */
  readonly dormant: DormantSession | undefined;
}

/** A session that another instance gives. */
export interface AdoptedSession extends Omit<AdoptOrder, 'state'> {
  /** What a checkpoint of it would hold. */
  readonly content: Uint8Array;
  /** Time that it has been without a client, in milliseconds. */
  readonly detachedMs: number;
  /** The giver gives up: whatever was not decided yet stays there. */
  readonly signal: AbortSignal;
}

/** A session being opened or brought back. */
export interface Opening {
  readonly sinceMs: number;
  /** Whose it will be, when it is new. */
  readonly newOwner: string | undefined;
  /** It can no longer be called off: its checkpoint is being consumed. */
  committed: boolean;
}

/** How long the end of a session is waited for, in milliseconds; what holds on longer is left to the process's end. */
const closeLimitMs = 10_000;

/** A name beyond this is cut where people are told it. */
const longestName = 200;

/**
 * Every session of one worker: live in this process, or dormant on its storage and nobody's. Those that another living instance has are
 * that one's: they are not seen, counted or touched here, and count neither for `maxSessions` nor for the quota of their owner.
 */
export class SessionRegistry {
  readonly live = new Map<string, SessionDriver>();
  /** Sessions being opened or brought back. */
  readonly opening = new Map<string, Opening>();
  readonly #deps: SessionRegistryDeps;
  readonly #closing = new Set<Promise<void>>();
  readonly #opener;
  readonly #lock = createKeyedLock();
  readonly #lookup: SessionLookup;
  readonly #dormant: DormantSessions;

  constructor(deps: SessionRegistryDeps) {
    this.#deps = deps;
    this.#dormant = new DormantSessions(deps.storage, deps.log);
    this.#lookup = new SessionLookup({ ...deps, dormant: this.#dormant });
    this.#opener = createSessionOpening({ ...deps, onEnded: (driver, end) => this.#ended(driver, end) });
  }

  /** Sessions that were found sealed and nobody's since the start of this worker, those included that it has brought back. */
  get restored(): number {
    return this.#dormant.restored;
  }

  /** Sessions that nobody has, as of the last look. */
  get dormant(): ReadonlyMap<string, DormantSession> {
    return this.#dormant.found;
  }

  /**
   * Looks on storage for what nobody has: at the start, and when another instance has died.
   * @throws STATE_DIR_UNUSABLE
   */
  async discover(): Promise<void> {
    const records = await this.#dormant.stored();
    for (const record of records) await this.#lock.run(record.id, () => this.#lookAt(record));
    const stored = new Set(records.map(({ id }) => id));
    for (const id of this.dormant.keys()) if (!stored.has(id)) this.#dormant.delete(id);
  }

  /** Forgets what other instances have taken or ended since the last look; without others there is nothing to look for. */
  async refresh(): Promise<void> {
    const { instances } = this.#deps.storage;
    if (this.dormant.size === 0 || (await instances.others()).length === 0) return;
    for (const id of [...this.dormant.keys()]) {
      await this.#lock.run(id, async () => {
        const record = await this.#dormant.record(id);
        if (record === undefined) this.#dormant.delete(id);
        else await this.#lookAt(record);
      });
    }
  }

  /**
   * Lets a client in, opening or bringing back its session where that is due. One that is expected is waited for.
   * @throws what the table of status codes in docs/reference/session-protocol.md names
   */
  async attach(request: AttachRequest): Promise<SessionDriver> {
    const { hello, attachment } = request;
    const { name } = this.#deps.definition;
    if (hello.panel !== name) {
      throw new PaneletError('PANEL_UNKNOWN', `This worker runs panel ${name}, not ${hello.panel.slice(0, 64)}.`);
    }
    const id = requireSessionId(hello.sessionId);
    await this.#deps.expected.wait(id, attachment.over);
    return this.#lock.run(id, () => this.#admit(request));
  }

  /** Id of the instance that has a session, or is about to get it; empty when nobody has. @throws SESSION_UNKNOWN for what is no session id; STATE_DIR_UNUSABLE */
  async locate(sessionId: string): Promise<string> {
    const { instances, ownership } = this.#deps.storage;
    const isHere = this.live.has(requireSessionId(sessionId)) || this.#deps.expected.has(sessionId);
    if (isHere) return instances.own.id;
    const standing = await ownership.look(sessionId);
    if (standing.kind === 'elsewhere') return standing.instance.id;
    return standing.kind === 'here' ? instances.own.id : '';
  }

  /** Sessions that the asker may see. */
  visible(caller: SessionCaller): VisibleSession[] {
    const all: VisibleSession[] = [
      ...[...this.live.values()].map((driver) => ({ record: driver.record, driver, dormant: undefined })),
      ...[...this.dormant.values()].map((dormant) => ({ record: dormant.record, driver: undefined, dormant })),
    ];
    return all.filter(({ record }) => caller.roles.includes('admin') || record.owner === caller.identity);
  }

  /** Ends a session for good. @throws SESSION_UNKNOWN, also for somebody else's */
  async endSession(sessionId: string, caller: SessionCaller): Promise<void> {
    const found = this.visible(caller).find(({ record }) => record.id === sessionId);
    if (found === undefined) throw new PaneletError('SESSION_UNKNOWN', 'There is no such session of yours here.');
    // Within moments it is clear who has it: ended here, it might live on there.
    if (found.driver?.freezer.given === true) throw takenElsewhere();
    const driver = found.driver ?? (await this.#removeOrFind(sessionId));
    driver?.end({ kind: 'asked', message: `The session was ended by ${caller.identity.slice(0, longestName)}.` });
    await Promise.race([driver?.close(), sleep(this.#deps.clock, closeLimitMs)]);
  }

  /** The worker ends: resolves when all panel sessions, those written down too, have let go of everything, or after `limitMs`. */
  async settle(limitMs: number): Promise<void> {
    for (const driver of this.live.values()) this.#closing.add(driver.close());
    await Promise.race([Promise.all(this.#closing), sleep(this.#deps.clock, limitMs)]);
  }

  /**
   * Removes a dormant session and everything about it. One that is being brought back stays: its client has come. Of several instances the
   * newest one does it, and only to what it can take.
   */
  async forget(sessionId: string): Promise<void> {
    const { instances } = this.#deps.storage;
    if (await isNewest(instances)) await this.#lock.run(sessionId, () => this.#removeDormant(sessionId));
  }

  /** True while one session more may live here. */
  get hasRoom(): boolean {
    return this.live.size + this.opening.size < this.#deps.maxSessions;
  }

  /**
   * Goes on with a session whose state another instance has sent.
   * @returns false when somebody else has it
   * @throws CHECKPOINT_UNREADABLE, PANEL_FAILED, WORKER_UNAVAILABLE; then it is not here
   */
  adopt(order: AdoptedSession): Promise<boolean> {
    const { id } = order.record;
    return this.#lock.run(id, async () => {
      const { clock, onChange } = this.#deps;
      if (this.live.has(id)) throw takenElsewhere();
      this.opening.set(id, { sinceMs: clock.nowMs(), newOwner: undefined, committed: false });
      // One that was called off meanwhile stays with whoever gives it.
      const settle = async (): Promise<number | undefined> => (this.#commit(id) ? order.settle() : undefined);
      const callOff = (): void => {
        if (this.opening.get(id)?.committed === false) this.opening.delete(id);
        onChange();
      };
      order.signal.addEventListener('abort', callOff, { once: true });
      try {
        const driver = await this.#opener.adopt({ ...order, settle, state: sealedStateOf(order.content) });
        if (driver === undefined) return false;
        driver.detachedMs = order.detachedMs;
        this.#enter(driver);
        return true;
      } finally {
        order.signal.removeEventListener('abort', callOff);
        this.opening.delete(id);
        onChange();
      }
    });
  }

  /** Gives up on sessions that are still being opened; what is sealed stays so. */
  abandonOpening(): void {
    for (const [id, opening] of this.opening) if (!opening.committed) this.opening.delete(id);
  }

  /** @returns the session where it has come back meanwhile, and so was not removed */
  #removeOrFind(sessionId: string): Promise<SessionDriver | undefined> {
    return this.#lock.run(sessionId, async () => {
      if (!(await this.#removeDormant(sessionId))) throw takenElsewhere();
      return this.live.get(sessionId);
    });
  }

  /** @returns false when another instance has it */
  async #removeDormant(sessionId: string): Promise<boolean> {
    return !this.#dormant.delete(sessionId) || (await this.#removeOwn(sessionId));
  }

  /** Removes what this worker has, or can take. @returns false when another instance has it */
  async #removeOwn(sessionId: string): Promise<boolean> {
    const { ownership, records } = this.#deps.storage;
    if (!(await ownership.take(sessionId))) return false;
    await records.remove(sessionId);
    return true;
  }

  async #lookAt(record: SessionRecord): Promise<void> {
    if (!this.live.has(record.id)) await this.#dormant.look(record);
  }

  #commit(sessionId: string): boolean {
    const opening = this.opening.get(sessionId);
    if (opening === undefined) return false;
    opening.committed = true;
    return true;
  }

  async #admit(request: AttachRequest): Promise<SessionDriver> {
    const { hello, identity, roles, attachment } = request;
    const id = hello.sessionId;
    await this.live.get(id)?.freezer.thawed();
    const known = await this.#fromStorage(id, () => this.#lookup.find(hello, this.live.get(id)));
    if (!attachment.open) throw new PaneletError('TRANSPORT_LOST', 'The client has left.');
    const token =
      known === undefined
        ? ({ kind: 'absent' } as const)
        : verifyResumeToken(Buffer.from(known.record.tokenKey, 'hex'), id, hello.resumeToken);
    const decision = decideAttach(known?.view, hello, { identity, roles, token }, this.#admission(id, known));
    if (decision.kind === 'refuse') {
      if (decision.code === 'SESSION_ENDED' && known !== undefined) this.#bury(known, decision.message);
      throw refusalOf(decision, known);
    }
    const driver = this.live.get(id) ?? (await this.#bringUp(request, decision, known));
    this.#seat(request, decision, { driver, loss: known?.loss });
    return driver;
  }

  #seat(
    request: AttachRequest,
    decision: Admitted,
    place: { readonly driver: SessionDriver; readonly loss: LossReason | undefined },
  ): void {
    const { driver, loss } = place;
    const { hello, message, attachment } = request;
    const drain = this.#deps.gate().drainFor(driver);
    try {
      driver.attach({ attachment, decision, hello, message, loss, drain });
    } catch (error) {
      if (decision.kind === 'open') driver.end({ kind: 'failed', message: 'Its first Hello was not valid.' });
      throw error;
    }
    void attachment.over.then(() => driver.detach(attachment));
  }

  #admission(sessionId: string, known: Known | undefined): AdmissionGate {
    const gate = this.#deps.gate();
    // Whoever asks for a session of another worker is told so, whatever happens here.
    if (known?.elsewhere !== undefined) return { admitsNew: false, admitsAttach: true };
    const driver = this.live.get(sessionId);
    const isThere = driver !== undefined || !this.dormant.has(sessionId);
    const admitsAttach = gate.admitsAttach && (isThere || gate.admitsRestore) && driver?.freezer.sealing !== true;
    return { admitsNew: gate.admitsNew, admitsAttach };
  }

  async #bringUp(request: AttachRequest, decision: Admitted, known: Known | undefined): Promise<SessionDriver> {
    const { hello } = request;
    const { maxSessions, clock, storage } = this.#deps;
    if (!this.hasRoom) {
      throw new PaneletError(
        'LIMIT_EXCEEDED',
        `This worker has its ${maxSessions} sessions. End one, or use another node.`,
      );
    }
    const newOwner = decision.kind === 'open' ? request.identity : undefined;
    if (newOwner !== undefined) this.#deps.quota.takeOpening(newOwner, this.#ownedBy(newOwner));
    this.opening.set(hello.sessionId, { sinceMs: clock.nowMs(), newOwner, committed: false });
    try {
      const driver = await this.#make(request, decision, known);
      const refusal = this.#lateRefusal(hello.sessionId, known);
      if (refusal !== undefined) {
        await driver.close();
        if (known === undefined) await storage.records.remove(hello.sessionId);
        throw refusal;
      }
      this.#enter(driver);
      return driver;
    } finally {
      this.opening.delete(hello.sessionId);
      this.#deps.onChange();
    }
  }

  /** From now on the session is live here. */
  #enter(driver: SessionDriver): void {
    const { id } = driver.record;
    this.#dormant.delete(id);
    this.#lookup.revive(id);
    this.live.set(id, driver);
    this.#deps.onOpened();
  }

  // The worker decides, at the last moment: what is in flight does not slip in behind a cordon (I9), or a receipt.
  #lateRefusal(sessionId: string, known: Known | undefined): PaneletError | undefined {
    const isWanted = this.opening.has(sessionId);
    if (known === undefined && !(isWanted && this.#deps.gate().admitsNew)) {
      return new PaneletError('CORDONED', 'A restart is coming: no new sessions here for now. Try again.');
    }
    return isWanted ? undefined : new PaneletError('WORKER_UNAVAILABLE', 'A restart is under way. Attach again.');
  }

  #ownedBy(owner: string): readonly OwnedSession[] {
    const { afterCrash } = this.#deps.definition;
    // What ended in a crash is on record only to be told, and holds nothing.
    const held = this.visible({ identity: owner, roles: [] }).filter(
      ({ dormant }) => !(dormant?.life.kind === 'crashed' && afterCrash === 'end'),
    );
    const known = held.map(({ record, driver, dormant }) => {
      return {
        sessionId: record.id,
        attached: driver?.attached === true,
        detachedMs: (driver ?? dormant)?.detachedMs ?? 0,
      };
    });
    const opening = [...this.opening].flatMap(([sessionId, { newOwner }]) =>
      newOwner === owner ? [{ sessionId, attached: true, detachedMs: 0 }] : [],
    );
    return [...known, ...opening];
  }

  #make(request: AttachRequest, decision: Admitted, known: Known | undefined): Promise<SessionDriver> {
    if (decision.kind === 'open' || known?.standing === undefined) {
      return this.#opener.open(request.hello, request.identity);
    }
    const { record, sealed, standing } = known;
    const commit = (): boolean => this.#commit(record.id);
    return this.#fromStorage(record.id, () =>
      sealed === undefined
        ? this.#opener.restart(record, standing)
        : this.#opener.restore({ record, sealed, standing, commit }),
    );
  }

  /** A full disk, or too many open files, is no answer to a client that has a session: it is asked to come again. */
  async #fromStorage<T>(sessionId: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isPaneletError(error, 'STATE_DIR_UNUSABLE') && !isPaneletError(error, 'CHECKPOINT_FAILED')) throw error;
      this.#deps.log.error({ err: error, sessionId }, 'Storage keeps a session from coming back');
      const message = `The session is kept, and cannot come back now. ${error.message}`;
      throw new PaneletError('WORKER_UNAVAILABLE', message, { cause: error });
    }
  }

  /** A crashed session that cannot go on was told to its owner: nothing is left to keep. */
  #bury(known: Known, message: string): void {
    const { record, view } = known;
    if (!this.#dormant.delete(record.id)) return;
    this.#lookup.remember({ record, incarnation: view.incarnation, message });
    void this.#removeRecord(record.id);
  }

  #ended(driver: SessionDriver, end: WorkerSessionEnd): void {
    const { record, link } = driver;
    this.live.delete(record.id);
    const leavesWord = end.kind !== 'expired' && end.kind !== 'moved';
    if (leavesWord) this.#lookup.remember({ record, incarnation: link.incarnation, message: end.message });
    const closing = driver.close();
    this.#closing.add(closing);
    void closing.then(() => this.#closing.delete(closing));
    this.#deps.onEnded(driver, end);
    // A forced one keeps its record: should its client miss the word, the next worker says what is lost. One that moved is another's.
    if (end.kind !== 'forced' && end.kind !== 'moved') void this.#removeRecord(record.id);
    this.#deps.onChange();
  }

  async #removeRecord(sessionId: string): Promise<void> {
    try {
      await this.#lock.run(sessionId, async () => {
        if (!this.live.has(sessionId)) await this.#removeOwn(sessionId);
      });
    } catch (err) {
      this.#deps.log.error({ err, sessionId }, 'The record of an ended session could not be removed');
    }
  }
}

/** Says to whoever may know it which worker has the session, so that he can be let through to it. */
function refusalOf({ code, message }: RefuseDecision, known: Known | undefined): PaneletError {
  const { id } = known?.elsewhere ?? {};
  return new PaneletError(code, message, id === undefined ? {} : { details: { instance: id } });
}

function takenElsewhere(): PaneletError {
  return new PaneletError('WORKER_UNAVAILABLE', 'Another worker of this node has the session.', {
    advice: 'Try again in a moment.',
  });
}
