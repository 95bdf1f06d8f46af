import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { PanelContext } from '../../panel/panel.js';
import { panelEvent } from '../../panel/panel-event.js';
import type { LogTrail } from './log-trail.js';

/** Runs the steps of a trail, one at a time, as long as there is something to do and the output takes it. */
export interface Pump {
  /** Something may have happened. */
  wake(): void;
  /** Stops; resolves when nothing is under way. */
  hold(): Promise<void>;
  release(): void;
  /** Does nothing any more. */
  end(): void;
  onIdle(callback: () => void): void;
  readonly ended: boolean;
}

/** A pump that stands still until it is woken. The output ends at the end of the trail, unless it is followed. */
export function createPump(context: PanelContext, trail: LogTrail, follow: boolean): Pump {
  const { output, gate, log } = context;
  let running: Promise<void> | undefined;
  let woken = false;
  let still = false;
  let ended = false;
  let idle = (): void => undefined;

  const step = async (): Promise<'again' | 'idle' | 'refused'> => {
    const permit = gate.enter('log.read');
    if (!permit) return 'refused';
    try {
      return await trail.step();
    } finally {
      permit.release();
    }
  };
  const finish = (): void => {
    ended = true;
    output.end();
  };
  const fail = (error: unknown): void => {
    // No room for another event: once the client has caught up.
    if (isPaneletError(error, 'LIMIT_EXCEEDED')) return;
    log.error({ err: error }, 'cannot read the log any more');
    try {
      output.writeEvent(panelEvent('failed', { reason: PaneletError.from(error).message }));
    } finally {
      finish();
    }
  };
  const isReady = (): boolean => !still && !ended && output.canWrite();
  const run = async (): Promise<void> => {
    while (isReady()) {
      woken = false;
      const outcome = await step();
      if (outcome === 'refused') return;
      if (outcome === 'again') continue;
      if (!follow) finish();
      idle();
      if (!isWoken()) return;
    }
  };
  const isWoken = (): boolean => woken;
  const pump: Pump = {
    wake: () => {
      woken = true;
      if (still || ended || running) return;
      running = run()
        .catch(fail)
        .finally(() => {
          running = undefined;
          // Somebody may have called between the last look and now.
          if (woken && isReady()) pump.wake();
        });
    },
    hold: async () => {
      still = true;
      await running;
    },
    release: () => {
      still = false;
      pump.wake();
    },
    end: () => {
      ended = true;
    },
    onIdle: (callback) => {
      idle = callback;
    },
    get ended() {
      return ended;
    },
  };
  return pump;
}
