import type { Timer } from '#common/time/clock.js';
import { Channel, type PanelEvent } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import type { Permit } from '../../panel/op-gate.js';
import type { PanelContext, PanelDefinition, PanelOutput, PanelSession } from '../../panel/panel.js';
import { decodeEchoState, echoParameters, encodeEchoState, type EchoOptions, type EchoState } from './echo-state.js';
import { panelEvent, panelEventContent } from '../../panel/panel-event.js';
import { readParameters } from '../../panel/parameters.js';
import { createRunningSha256, type RunningSha256 } from './running-sha256.js';
import { fillSeededBytes } from './seeded-bytes.js';
import { createWritableGate, type WritableGate } from '../../panel/writable-gate.js';

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
    movable: true,
    afterCrash: 'fresh',
    open: (context) =>
      Promise.resolve().then(() => {
        const options = readParameters('echo', echoParameters, context.parameters);
        const hash = createRunningSha256().save();
        return new EchoSession(context, { format: 1, options, hash, ended: false });
      }),
    restore: (context, state) => Promise.resolve().then(() => new EchoSession(context, decodeEchoState(state))),
  };
}

class EchoSession implements PanelSession {
  readonly #output: PanelOutput;
  readonly #options: EchoOptions;
  readonly #hash: RunningSha256;
  readonly #writable: WritableGate;
  readonly #holds: Holds;
  /** One function for all turns of a source. */
  readonly #emit = (): void => this.#emitTurn();
  #isEnded: boolean;
  #isStill = false;

  constructor(context: PanelContext, state: EchoState) {
    this.#output = context.output;
    this.#options = state.options;
    this.#hash = createRunningSha256(state.hash);
    this.#writable = createWritableGate(context.output);
    this.#holds = createHolds(context);
    this.#isEnded = state.ended;
    if (state.options.mode !== 'source') return;
    context.output.onWritable(this.#emit);
    setImmediate(this.#emit);
  }

  input(item: InputItem): void | Promise<void> {
    if (this.#isEnded) return undefined;
    if (item.kind === 'data') return this.#onData(item.payload);
    if (item.kind === 'fin' && this.#options.endOnFin && this.#options.mode !== 'source') this.#end();
    if (item.kind === 'event' && item.event.kind?.$case === 'panel') this.#onEvent(item.event.kind.value);
    return undefined;
  }

  freeze(): Promise<void> {
    this.#isStill = true;
    // What waits has been taken into the state already.
    this.#writable.wake();
    this.#holds.wake();
    return this.#holds.settled();
  }

  thaw(): void {
    this.#isStill = false;
    if (this.#options.mode === 'source') setImmediate(this.#emit);
  }

  checkpoint(): Uint8Array {
    return encodeEchoState({ format: 1, options: this.#options, hash: this.#hash.save(), ended: this.#isEnded });
  }

  close(): Promise<void> {
    this.#isStill = true;
    this.#isEnded = true;
    this.#writable.wake();
    this.#holds.wake();
    this.#holds.cancel();
    return Promise.resolve();
  }

  details(): Record<string, string> {
    return { mode: this.#options.mode, bytes: String(this.#hash.sizeBytes) };
  }

  #onData(payload: Uint8Array): void | Promise<void> {
    const { mode, pauseMs } = this.#options;
    if (mode === 'source') return undefined;
    this.#hash.update(payload);
    if (mode === 'echo') this.#output.writeData(Channel.STDOUT, payload);
    if (pauseMs > 0) return this.#holds.pause(pauseMs);
    return this.#output.canWrite() ? undefined : this.#writable.wait();
  }

  #onEvent({ name, payload }: PanelEvent): void {
    if (name === 'digest') this.#writeDigest();
    else if (name === 'hold') this.#holds.hold(Number(panelEventContent(payload)['ms']) || 0);
    else this.#output.writeEvent(panelEvent('refused', { reason: `Unknown event "${name}"; known: digest, hold.` }));
  }

  #emitTurn(): void {
    const { totalBytes, chunkBytes, seed } = this.#options;
    let turn = 0;
    while (!this.#isStill && !this.#isEnded && this.#output.canWrite() && turn < turnBytes) {
      const left = totalBytes === 0 ? Infinity : totalBytes - this.#hash.sizeBytes;
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, left));
      fillSeededBytes(chunk, seed, this.#hash.sizeBytes);
      this.#hash.update(chunk);
      turn += chunk.length;
      if (chunk.length > 0) this.#output.writeData(Channel.STDOUT, chunk);
      if (this.#hash.sizeBytes !== totalBytes) continue;
      this.#writeDigest();
      this.#end();
    }
    if (turn >= turnBytes) setImmediate(this.#emit);
  }

  #writeDigest(): void {
    const { sizeBytes } = this.#hash;
    this.#output.writeEvent(panelEvent('digest', { bytes: sizeBytes, sha256: this.#hash.digest() }));
  }

  #end(): void {
    this.#isEnded = true;
    this.#output.end();
  }
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
