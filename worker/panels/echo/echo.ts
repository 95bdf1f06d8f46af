import type { Timer } from '#common/time/clock.js';
import { Channel, type PanelEvent } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import type { Permit } from '../../panel/op-gate.js';
import type { PanelContext, PanelDefinition, PanelSession } from '../../panel/panel.js';
import { decodeEchoState, echoParameters, encodeEchoState, type EchoOptions, type EchoState } from './echo-state.js';
import { panelEvent, panelEventContent } from '../../panel/panel-event.js';
import { readParameters } from '../../panel/parameters.js';
import { createRunningSha256 } from './running-sha256.js';
import { fillSeededBytes } from './seeded-bytes.js';
import { createWritableGate } from '../../panel/writable-gate.js';

// A source lets other sessions in after this much.
const turnBytes = 256 * 1024;

/**
 * Returns what it gets, and keeps a running SHA-256 and a count of it, so that loss, duplication and reordering show.
 * Events: "digest" is answered with {bytes, sha256} of what came in (of a source: what went out); "hold" {ms} keeps a
 * hold on the gate for that long, as an operation would that does not end.
 */
export function createEchoPanel(): PanelDefinition {
  return {
    name: 'echo',
    version: '1',
    checkpointable: true,
    afterCrash: 'fresh',
    open: (context) =>
      Promise.resolve().then(() => {
        const options = readParameters('echo', echoParameters, context.parameters);
        const hash = createRunningSha256().save();
        return createEchoSession(context, { format: 1, options, hash, ended: false });
      }),
    restore: (context, state) => Promise.resolve().then(() => createEchoSession(context, decodeEchoState(state))),
  };
}

function createEchoSession(context: PanelContext, state: EchoState): PanelSession {
  const { output } = context;
  const options: EchoOptions = state.options;
  const hash = createRunningSha256(state.hash);
  const writable = createWritableGate(output);
  const holds = createHolds(context);
  let { ended } = state;
  let still = false;

  const digest = (): void => output.writeEvent(panelEvent('digest', { bytes: hash.sizeBytes, sha256: hash.digest() }));
  const end = (): void => {
    ended = true;
    output.end();
  };
  const emit = (): void => {
    let turn = 0;
    while (!still && !ended && output.canWrite() && turn < turnBytes) {
      const left = options.totalBytes === 0 ? Infinity : options.totalBytes - hash.sizeBytes;
      const chunk = Buffer.allocUnsafe(Math.min(options.chunkBytes, left));
      fillSeededBytes(chunk, options.seed, hash.sizeBytes);
      hash.update(chunk);
      turn += chunk.length;
      if (chunk.length > 0) output.writeData(Channel.STDOUT, chunk);
      if (hash.sizeBytes !== options.totalBytes) continue;
      digest();
      end();
    }
    if (turn >= turnBytes) setImmediate(emit);
  };
  const onEvent = (event: PanelEvent): void => {
    if (event.name === 'digest') digest();
    else if (event.name === 'hold') holds.hold(Number(panelEventContent(event.payload)['ms']) || 0);
    else output.writeEvent(panelEvent('refused', { reason: `Unknown event "${event.name}"; known: digest, hold.` }));
  };
  const onData = (payload: Uint8Array): void | Promise<void> => {
    if (options.mode === 'source') return undefined;
    hash.update(payload);
    if (options.mode === 'echo') output.writeData(Channel.STDOUT, payload);
    if (options.pauseMs > 0) return holds.pause(options.pauseMs);
    return output.canWrite() ? undefined : writable.wait();
  };

  if (options.mode === 'source') {
    output.onWritable(emit);
    setImmediate(emit);
  }
  return {
    input: (item: InputItem) => {
      if (ended) return undefined;
      if (item.kind === 'data') return onData(item.payload);
      if (item.kind === 'fin' && options.endOnFin && options.mode !== 'source') end();
      if (item.kind === 'event' && item.event.kind?.$case === 'panel') onEvent(item.event.kind.value);
      return undefined;
    },
    freeze: () => {
      still = true;
      // What waits has been taken into the state already.
      writable.wake();
      holds.wake();
      return holds.settled();
    },
    thaw: () => {
      still = false;
      if (options.mode === 'source') setImmediate(emit);
    },
    checkpoint: () => encodeEchoState({ format: 1, options, hash: hash.save(), ended }),
    close: () => {
      still = true;
      ended = true;
      writable.wake();
      holds.wake();
      holds.cancel();
      return Promise.resolve();
    },
    details: () => ({ mode: options.mode, bytes: String(hash.sizeBytes) }),
  };
}

interface Holds {
  /** Resolves after `ms`, or at `wake`. */
  pause(ms: number): Promise<void>;
  /** Ends pauses. */
  wake(): void;
  /** Takes a hold for `ms`. */
  hold(ms: number): void;
  /** Resolves when no hold is left. */
  settled(): Promise<void>;
  /** Ends holds. */
  cancel(): void;
}

function createHolds({ clock, gate }: PanelContext): Holds {
  const pauses = new Map<Timer, () => void>();
  const held = new Map<Timer, Permit>();
  const waiting: (() => void)[] = [];
  const leave = (timer: Timer): void => {
    timer.stop();
    held.get(timer)?.release();
    held.delete(timer);
    if (held.size === 0) for (const resolve of waiting.splice(0)) resolve();
  };
  return {
    pause: (ms) =>
      new Promise((resolve) => {
        const done = (): void => {
          timer.stop();
          pauses.delete(timer);
          resolve();
        };
        const timer = clock.after(ms, done);
        pauses.set(timer, done);
      }),
    wake: () => {
      for (const done of [...pauses.values()]) done();
    },
    hold: (ms) => {
      const permit = gate.enter('echo.hold');
      if (!permit) return;
      const timer: Timer = clock.after(ms, () => leave(timer));
      held.set(timer, permit);
    },
    settled: () => (held.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    cancel: () => {
      for (const timer of [...held.keys()]) leave(timer);
    },
  };
}
