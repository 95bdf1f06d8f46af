import type { FileSystem } from '#common/files/file-system.js';
import type { InstanceName, Instances } from '#common/files/instances.js';
import type { IncarnationStore } from './incarnation.js';
import { instanceFile, readInstanceName } from './instances.js';

/** Who has a session, as far as this instance is concerned. */
export type Standing = {
  /** The highest incarnation that was claimed; 0 for none. */
  readonly incarnation: number;
  /** The highest one that was decided; 0 for none. */
  readonly decided: number;
} & (
  | /** This instance decided last: nobody else touches it. */ { readonly kind: 'here' }
  | /** Whoever had it is certainly dead, or nobody ever had. */ { readonly kind: 'nobody' }
  | /** A living instance has it, or is opening it. */ { readonly kind: 'elsewhere'; readonly instance: InstanceName }
);

/** A claim on a session that is about to be decided. */
export interface StandingClaim {
  readonly incarnation: number;
  /** Who has claimed it; undefined where that is not known any more. */
  readonly instance: InstanceName | undefined;
}

/** What `SessionOwnership` needs. */
export interface SessionOwnershipDeps {
  /** Directory of the panel. */
  readonly directory: string;
  readonly incarnations: IncarnationStore;
  readonly instances: Instances;
  readonly fileSystem: FileSystem;
}

/**
 * Who of several instances has a session, by the rules that session/model/ownership tries: a taker claims the next incarnation, looks
 * whether the session is still nobody's, decides with `.live`, and looks for a claim above its own before it accepts anything. Of two that
 * take at the same time at most one comes through.
 */
export class SessionOwnership {
  readonly #deps: SessionOwnershipDeps;

  constructor(deps: SessionOwnershipDeps) {
    this.#deps = deps;
  }

  /** @throws STATE_DIR_UNUSABLE */
  async look(sessionId: string): Promise<Standing> {
    const { incarnation, decided, owner } = await this.#deps.incarnations.read(sessionId);
    const found = { incarnation, decided };
    if (owner === undefined) return { ...found, kind: 'nobody' };
    if (owner.id === this.#deps.instances.own.id) return { ...found, kind: 'here' };
    return (await this.#isAlive(owner))
      ? { ...found, kind: 'elsewhere', instance: owner }
      : { ...found, kind: 'nobody' };
  }

  /** Claims a session that is about to be opened. @returns false when somebody else was first */
  begin(sessionId: string): Promise<boolean> {
    return this.#deps.incarnations.claim(sessionId, 1);
  }

  /**
   * Claims the next incarnation of a session that was found to be this instance's or nobody's.
   * @returns false when somebody else claims it, or has taken it since
   */
  async claim(sessionId: string, found: Pick<Standing, 'incarnation' | 'decided'>): Promise<boolean> {
    const { incarnations } = this.#deps;
    if (!(await incarnations.claim(sessionId, found.incarnation + 1))) return false;
    return (await incarnations.read(sessionId)).decided === found.decided;
  }

  /**
   * Decides that this instance has the session in an incarnation that it has claimed.
   * @returns false when somebody else has, or has claimed a higher one: then nothing may be accepted, and nothing used up
   */
  async decide(sessionId: string, incarnation: number): Promise<boolean> {
    return (await this.settle(sessionId, incarnation)) === 'here';
  }

  /**
   * Claims the next incarnation of a session that another living instance has, and means to give.
   * @returns the incarnation; undefined when that one has it no more, or somebody else claims it
   */
  async claimFrom(sessionId: string, giver: string): Promise<number | undefined> {
    const found = await this.look(sessionId);
    if (found.kind !== 'elsewhere' || found.instance.id !== giver) return undefined;
    return (await this.claim(sessionId, found)) ? found.incarnation + 1 : undefined;
  }

  /**
   * Decides that this instance, which holds the session's state, has it in an incarnation that was claimed for it or for another one.
   * @returns `here`; `elsewhere` when somebody else has decided that; or a claim above, to whose owner the session has to be offered
   * before anything is accepted
   */
  async settle(sessionId: string, incarnation: number): Promise<'here' | 'elsewhere' | StandingClaim> {
    const { incarnations, instances } = this.#deps;
    const isFirst = await incarnations.decide(sessionId, incarnation);
    const { incarnation: highest, decided, owner } = await incarnations.read(sessionId);
    // It may have been this one that decided, and not heard that it had.
    const isOwn = isFirst || (decided === incarnation && owner?.id === instances.own.id);
    if (!isOwn) return 'elsewhere';
    if (highest === incarnation) return 'here';
    return { incarnation: highest, instance: await incarnations.claimant(sessionId, highest) };
  }

  /** Takes a session that is to be removed, unless it is this instance's. @returns false when it is somebody else's */
  async take(sessionId: string): Promise<boolean> {
    const found = await this.look(sessionId);
    if (found.kind !== 'nobody') return found.kind === 'here';
    return (await this.claim(sessionId, found)) && (await this.decide(sessionId, found.incarnation + 1));
  }

  /** True when whoever was making the directory of a session is certainly dead. */
  async isAbandoned(sessionId: string): Promise<boolean> {
    const { kind, incarnation } = await this.look(sessionId);
    // Before its first claim a session does not say who is making it.
    const mayBeAnothers = incarnation === 0 && (await this.#deps.instances.others()).length > 0;
    return kind === 'nobody' && !mayBeAnothers;
  }

  async #isAlive({ number, id }: InstanceName): Promise<boolean> {
    const { instances, directory, fileSystem } = this.#deps;
    if (number === instances.own.number || !(await instances.isAlive(number))) return false;
    // A number means something only in the life of a directory that it was given in.
    const named = await readInstanceName(instanceFile(directory, number), fileSystem);
    return named === undefined || named.id === id;
  }
}
