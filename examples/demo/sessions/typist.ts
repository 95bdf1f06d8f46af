import { sleep, type Clock } from '#common/time/clock.js';
import type { PaneletSession } from '#client/sdk.js';

/** Types at a steady pace, restart or not, as a person would who does not look. */
export interface Typist {
  /** Everything typed so far. */
  readonly text: string;
  readonly typedDuringRestarts: number;
  setRestarting(isRestarting: boolean): void;
  /** Stops at the end of a line. @throws what the session threw. */
  stop(): Promise<void>;
}

/** What a typist needs. */
export interface TypistDeps {
  readonly session: PaneletSession;
  readonly clock: Clock;
  /** Time between two keystrokes. */
  readonly pauseMs: number;
  /** The line number `index`, from 1, without its end. */
  readonly line: (index: number) => string;
  /** What ends a line. */
  readonly lineEnd: string;
}

/** Begins to type at once. */
export function startTypist(deps: TypistDeps): Typist {
  let text = '';
  let typedDuringRestarts = 0;
  let restarting = false;
  let stopped = false;
  const press = async (key: string): Promise<void> => {
    text += key;
    if (restarting) typedDuringRestarts += 1;
    await deps.session.write(key);
    await sleep(deps.clock, deps.pauseMs);
  };
  const type = async (): Promise<void> => {
    for (let index = 1; !stopped; index++) {
      for (const key of `${deps.line(index)}${deps.lineEnd}`) await press(key);
    }
  };
  const typing = type();
  typing.catch(() => undefined);
  return {
    get text() {
      return text;
    },
    get typedDuringRestarts() {
      return typedDuringRestarts;
    },
    setRestarting: (isRestarting) => {
      restarting = isRestarting;
    },
    stop: () => {
      stopped = true;
      return typing;
    },
  };
}
