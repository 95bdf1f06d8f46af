/** One thing that can happen. */
export interface ModelAction {
  readonly name: string;
  /** True for what a friendly world would not do: cuts, kills, restarts, intruders. */
  readonly isAdverse: boolean;
  run(): void;
}

/** Collects what one actor can do now, in order. */
export class FoundActions {
  readonly all: ModelAction[] = [];
  readonly #actor: string;

  /** Of an actor, whose name begins the name of each action. */
  constructor(actor: string) {
    this.#actor = actor;
  }

  add(what: string, run: () => void): void {
    this.all.push({ name: `${this.#actor} ${what}`, run, isAdverse: false });
  }

  addAdverse(what: string, run: () => void): void {
    this.all.push({ name: `${this.#actor} ${what}`, run, isAdverse: true });
  }
}
