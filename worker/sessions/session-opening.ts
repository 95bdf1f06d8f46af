import pLimit from 'p-limit';
import { hexOf } from '#common/hex.js';
import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { Hello } from '#proto/session/v1/session.js';
import type { SessionLimits } from '#session/codec/limits.js';
import { tokenKeyBytes } from '#session/worker/resume-token.js';
import {
  createWorkerLink,
  restoreWorkerLink,
  type SessionIdentity,
  type WorkerLink,
  type WorkerLinkOptions,
  type WorkerLinkState,
} from '#session/worker/worker-link.js';
import { decodeWorkerLinkState } from '#session/worker/worker-link-codec.js';
import { decodeCheckpointContent } from './checkpoint-content.js';
import type { PanelDefinition, PanelSession } from '../panel/panel.js';
import type { PanelStorage } from '../storage/panel-storage.js';
import type { Standing } from '../storage/session-ownership.js';
import type { SessionRecord } from '../storage/session-record.js';
import { SessionDriver, type SessionDriverDeps, type WorkerSessionEnd } from './session-driver.js';

/** What opening sessions needs. */
export interface SessionOpeningDeps {
  readonly definition: PanelDefinition;
  readonly storage: PanelStorage;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly node: string;
  readonly limits: SessionLimits;
  readonly resumeTtlMs: number;
  /** How long a panel may take to start a session, in milliseconds. */
  readonly openLimitMs: number;
  readonly onChange: () => void;
  readonly onEnded: (driver: SessionDriver, end: WorkerSessionEnd) => void;
}

/**
 * Brings sessions to life. Each driver that is returned has begun and has no client yet, and this worker has its session: what another one
 * has, or takes at the same time, is WORKER_UNAVAILABLE.
 */
export interface SessionOpening {
  /** A new session: directory made, incarnation 1 claimed, record written. @throws PANEL_FAILED, STATE_DIR_UNUSABLE */
  open(hello: Hello, owner: string): Promise<SessionDriver>;
  /** The session of a sealed checkpoint, exactly; the checkpoint is consumed then. @throws CHECKPOINT_UNREADABLE */
  restore(order: RestoreOrder): Promise<SessionDriver>;
  /**
   * The session whose state another worker has sent, in the incarnation that `settle` says.
   * @returns undefined when that says that somebody else has it
   */
  adopt(order: AdoptOrder): Promise<SessionDriver | undefined>;
  /** A fresh life of a session whose worker crashed. @throws PANEL_FAILED, CHECKPOINT_FAILED, STATE_DIR_UNUSABLE */
  restart(record: SessionRecord, standing: Standing): Promise<SessionDriver>;
}

/** Which checkpoint to bring back. */
export interface RestoreOrder {
  readonly record: SessionRecord;
  readonly sealed: SealedState;
  /** As it was found: the next incarnation is claimed. */
  readonly standing: Standing;
  /** Asked right before the session is taken; false calls the restore off and leaves the checkpoint sealed. */
  readonly commit: () => boolean;
}

/** Which session to go on with. */
export interface AdoptOrder {
  readonly record: SessionRecord;
  readonly state: SealedState;
  readonly incarnation: number;
  /** Decides who has the session, before anything is accepted; undefined when somebody else does. */
  readonly settle: () => Promise<number | undefined>;
}

/** A checkpoint, taken apart. */
export interface SealedState {
  readonly link: WorkerLinkState;
  readonly panel: Uint8Array;
}

/** Takes the content of a checkpoint apart. @throws CHECKPOINT_UNREADABLE */
export function sealedStateOf(bytes: Uint8Array): SealedState {
  const { link, panel } = decodeCheckpointContent(bytes);
  return { link: decodeWorkerLinkState(link), panel };
}

/** The identity that a record describes. */
export function identityOf(record: SessionRecord): SessionIdentity {
  return {
    sessionId: record.id,
    panel: record.panel,
    owner: record.owner,
    tokenKey: Buffer.from(record.tokenKey, 'hex'),
  };
}

/** What a later life needs of the parameters: nothing where there is none, and never variables, which may be secrets. */
function keptParameters(
  definition: PanelDefinition,
  parameters: SessionRecord['parameters'],
): SessionRecord['parameters'] {
  if (definition.afterCrash === 'end' && !definition.checkpointable) return {};
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !name.startsWith('env.')));
}

/** Sessions that write a checkpoint at a time: enough to keep a disk busy, few enough for open files and memory. */
const writersAtATime = 32;

class Opening implements SessionOpening {
  readonly #deps: SessionOpeningDeps;
  readonly #slots = pLimit(writersAtATime);

  constructor(deps: SessionOpeningDeps) {
    this.#deps = deps;
  }

  async open(hello: Hello, owner: string): Promise<SessionDriver> {
    const { storage, definition, random, clock } = this.#deps;
    const record: SessionRecord = {
      id: hello.sessionId,
      panel: definition.name,
      owner,
      tokenKey: hexOf(random.bytes(tokenKeyBytes)),
      clientId: hello.clientId,
      parameters: hello.parameters,
      createdAt: clock.date().toISOString(),
      version: definition.version,
    };
    // Never over one that is there: it may be live in another worker, whose Welcome its client has not heard.
    if (!(await storage.records.create(record.id))) {
      throw unavailable('A session of this id is just being opened or removed.');
    }
    try {
      // The claim comes before the record, so that whoever finds the directory half made sees who is making it.
      requireOurs(await storage.ownership.begin(record.id));
      await storage.records.write({ ...record, parameters: keptParameters(definition, record.parameters) });
      requireOurs(await storage.ownership.decide(record.id, 1));
      return await this.#start(record, 1);
    } catch (error) {
      await storage.records.remove(record.id).catch((err: unknown) => {
        this.#deps.log.warn({ err, sessionId: record.id }, 'The record of a session that did not open is left over');
      });
      throw error;
    }
  }

  async restart(record: SessionRecord, standing: Standing): Promise<SessionDriver> {
    const { ownership, checkpoints } = this.#deps.storage;
    const incarnation = standing.incarnation + 1;
    requireOurs(await ownership.claim(record.id, standing));
    requireOurs(await ownership.decide(record.id, incarnation));
    // One that could not be used must not pass for the state of the session that goes on (I13).
    await checkpoints.consume(record.id, incarnation);
    return this.#start(record, incarnation);
  }

  async #start(record: SessionRecord, incarnation: number): Promise<SessionDriver> {
    const driver = this.#driver(record, createWorkerLink(this.#linkOptions(record), incarnation));
    driver.begin(await this.#inTime(() => this.#deps.definition.open(driver.context)));
    return driver;
  }

  async restore(order: RestoreOrder): Promise<SessionDriver> {
    const { storage } = this.#deps;
    const { record, sealed, standing } = order;
    const incarnation = standing.incarnation + 1;
    requireOurs(await storage.ownership.claim(record.id, standing));
    const { driver, panel } = await this.#revive(record, sealed, incarnation);
    try {
      if (!order.commit()) throw unavailable('A restart is under way.');
      // Before the checkpoint is used: whoever has to stop here leaves it to the one that goes on.
      requireOurs(await storage.ownership.decide(record.id, incarnation));
      // Last, so that a panel that cannot be restored leaves its checkpoint; before any frame is accepted (I13).
      requireOurs(await storage.checkpoints.consume(record.id, incarnation));
    } catch (error) {
      await panel.close();
      throw error;
    }
    driver.begin(panel);
    return driver;
  }

  async adopt({ record, state, incarnation, settle }: AdoptOrder): Promise<SessionDriver | undefined> {
    const { driver, panel } = await this.#revive(record, state, incarnation);
    let settled: number | undefined;
    try {
      settled = await settle();
    } finally {
      if (settled === undefined) await panel.close();
    }
    if (settled === undefined) return undefined;
    driver.link.reincarnate(settled);
    driver.begin(panel);
    return driver;
  }

  async #revive(
    record: SessionRecord,
    state: SealedState,
    incarnation: number,
  ): Promise<{ readonly driver: SessionDriver; readonly panel: PanelSession }> {
    const { definition } = this.#deps;
    const driver = this.#driver(record, restoreWorkerLink(this.#linkOptions(record), state.link, incarnation));
    const panel = await this.#inTime(async () => {
      if (definition.restore === undefined) {
        throw new PaneletError('CHECKPOINT_UNREADABLE', `Panel ${definition.name} cannot read checkpoints.`);
      }
      return definition.restore(driver.context, state.panel);
    });
    return { driver, panel };
  }

  #linkOptions(record: SessionRecord): WorkerLinkOptions {
    const { node, limits, resumeTtlMs } = this.#deps;
    return { identity: identityOf(record), resumeTtlMs, node, limits };
  }

  #driver(record: SessionRecord, link: WorkerLink): SessionDriver {
    const { definition, storage, clock, random, log, onChange, onEnded } = this.#deps;
    const deps: SessionDriverDeps = {
      record,
      definition,
      link,
      checkpoints: storage.checkpoints,
      slots: this.#slots,
      clock,
      random,
      log: log.child({ sessionId: record.id }),
      onChange,
      onEnded: (end) => onEnded(driver, end),
    };
    const driver = new SessionDriver(deps);
    return driver;
  }

  /** A panel that starts too late is closed when it has started. */
  async #inTime(start: () => Promise<PanelSession>): Promise<PanelSession> {
    const { clock, openLimitMs, definition, log } = this.#deps;
    const starting = start();
    let late = false;
    const limit = new Promise<never>((_, reject) => {
      const timer = clock.after(openLimitMs, () => {
        late = true;
        reject(new PaneletError('PANEL_FAILED', `Panel ${definition.name} did not start in ${openLimitMs} ms.`));
      });
      starting.then(
        () => timer.stop(),
        () => timer.stop(),
      );
    });
    starting.then(
      (panel) => {
        if (late) panel.close().catch((err: unknown) => log.error({ err }, 'A late panel session did not close'));
      },
      () => undefined,
    );
    try {
      return await Promise.race([starting, limit]);
    } catch (error) {
      throw PaneletError.from(error, 'PANEL_FAILED');
    }
  }
}

function requireOurs(isOurs: boolean): void {
  if (!isOurs) throw unavailable('Another worker has just taken this session up.');
}

function unavailable(problem: string): PaneletError {
  return new PaneletError('WORKER_UNAVAILABLE', problem, { advice: 'Attach again.' });
}

/** Opening of sessions on one panel's storage. */
export function createSessionOpening(deps: SessionOpeningDeps): SessionOpening {
  return new Opening(deps);
}
