import { messageOf } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { Channel, type FromPanel, type Open, type ToPanel } from '#proto/panel/v1/panel.js';
import type { ClientInput, OutputChannel, PanelSpec, SessionHandler, SessionHost } from './define-panel.js';
import { clientInputOf } from './client-input.js';
import { decodeProgramState, encodeProgramState, type ProgramState } from './program-state.js';
import { OutputQueue } from './output-queue.js';

/** Bytes of input that may wait here. */
const inputWindowBytes = 256 * 1024;
const longestEventBytes = 4 * 1024;

const channels: Readonly<Record<OutputChannel, Channel>> = {
  stdout: Channel.UNSPECIFIED,
  stderr: Channel.STDERR,
  control: Channel.CONTROL,
};

/** The program's side of one session: takes the worker's messages, drives a handler, and says what there is to say. */
export class Program {
  /** Resolves when the session is over here. */
  readonly over = createLatch();
  readonly #spec: PanelSpec;
  readonly #send: (kind: NonNullable<FromPanel['kind']>) => void;
  readonly #output: OutputQueue;
  #handler: SessionHandler | undefined;
  #host: SessionHost | undefined;
  #inputs: NonNullable<ToPanel['kind']>[] = [];
  #taking: Promise<void> | undefined;
  /** Freezes that no thaw has followed yet. */
  #freezes = 0;
  /** Freezes and thaws, one after the other. */
  #resting: Promise<void> = Promise.resolve();
  #isFrozen = false;
  #isOver = false;

  constructor(spec: PanelSpec, send: (kind: NonNullable<FromPanel['kind']>) => void) {
    this.#spec = spec;
    this.#send = send;
    this.#output = new OutputQueue((kind) => {
      send(kind);
      if (kind.$case === 'exit') this.#finish();
    });
  }

  /** Takes one message. Messages that it does not know are passed over. */
  receive({ kind }: ToPanel): void {
    if (this.#isOver || kind === undefined) return;
    switch (kind.$case) {
      case 'open':
        void this.#begin(kind.value, undefined);
        break;
      case 'restore':
        if (kind.value.open === undefined) this.#exit('The worker did not say what to restore.');
        else void this.#begin(kind.value.open, kind.value.checkpoint);
        break;
      case 'credit':
        this.#output.addCredit(kind.value.bytes);
        break;
      case 'freeze':
        this.#freezes += 1;
        // Who waits for credit may go on: what was written is a part of the state.
        this.#output.release();
        this.#resting = this.#resting.then(() => this.#freeze());
        break;
      case 'thaw':
        this.#resting = this.#resting.then(() => this.#thaw());
        break;
      case 'close':
        this.#finish();
        break;
      default:
        this.#inputs.push(kind);
        this.#pump();
    }
  }

  /** Resolves when every input is taken, or the session is over. */
  async idle(): Promise<void> {
    while (this.#taking !== undefined && !this.#isOver) await this.#taking;
  }

  /** Nobody is there any more. */
  close(): void {
    this.#finish();
  }

  async #begin(open: Open, checkpoint: Uint8Array | undefined): Promise<void> {
    this.#host = this.#hostOf(open);
    this.#output.addCredit(open.outputCredit);
    try {
      const state = checkpoint === undefined ? undefined : decodeProgramState(checkpoint);
      this.#handler = await this.#handlerOf(this.#host, state);
      if (this.#isOver) return await this.#handler.close?.();
      this.#send({ $case: 'opened', value: { inputCredit: inputWindowBytes - this.#takeUp(state) } });
      this.#output.start();
      this.#pump();
    } catch (error) {
      this.#exit(messageOf(error));
    }
  }

  async #handlerOf(host: SessionHost, state: ProgramState | undefined): Promise<SessionHandler> {
    if (state === undefined) return this.#spec.open(host);
    if (this.#spec.restore === undefined) throw new Error('This panel cannot restore a session.');
    // What was written before comes first.
    this.#output.restore(state.output);
    return this.#spec.restore(host, state.checkpoint);
  }

  /** @returns bytes of input that wait already */
  #takeUp(state: ProgramState | undefined): number {
    if (state === undefined) return 0;
    this.#inputs.unshift(...state.inputs);
    return Math.min(
      inputWindowBytes,
      state.inputs.reduce((sum, kind) => sum + sizeOf(kind), 0),
    );
  }

  #hostOf({ sessionId, owner, parameters }: Open): SessionHost {
    const writable = (): void => {
      if (this.#isOver) throw new Error('The session has ended.');
      if (this.#isFrozen) throw new Error('The session is frozen: nothing can be written until thaw.');
    };
    return {
      ...{ sessionId, owner, parameters },
      write: (data, channel = 'stdout') => {
        writable();
        return this.#output.write(Buffer.from(data as string), channels[channel]);
      },
      event: (name, content) => {
        writable();
        const payload = Buffer.from(JSON.stringify(content));
        if (payload.length > longestEventBytes)
          throw new Error(`The event ${name} has more than ${longestEventBytes} bytes.`);
        this.#output.add({ $case: 'event', value: { name, payload } });
      },
      end: () => this.#output.add({ $case: 'exit', value: { failure: '' } }),
      fail: (reason) => this.#exit(reason),
    };
  }

  #pump(): void {
    if (this.#taking !== undefined || this.#freezes > 0 || this.#isOver) return;
    const [handler, host] = [this.#handler, this.#host];
    if (handler === undefined || host === undefined) return;
    const kind = this.#inputs.shift();
    if (kind === undefined) return;
    this.#taking = this.#take(handler, host, kind).then(() => {
      this.#taking = undefined;
      this.#pump();
    });
  }

  async #take(handler: SessionHandler, host: SessionHost, kind: NonNullable<ToPanel['kind']>): Promise<void> {
    try {
      const input: ClientInput | undefined = clientInputOf(kind);
      if (input !== undefined) await handler.input(input, host);
      const bytes = sizeOf(kind);
      if (bytes > 0 && !this.#isOver) this.#send({ $case: 'credit', value: { bytes } });
    } catch (error) {
      this.#exit(messageOf(error));
    }
  }

  async #freeze(): Promise<void> {
    try {
      await this.#taking;
      await this.#handler?.freeze?.();
      if (this.#isOver) return;
      this.#isFrozen = true;
      this.#output.stop();
      const checkpoint = this.#handler?.checkpoint?.();
      const state = checkpoint && { checkpoint, output: this.#output.waiting, inputs: this.#inputs };
      this.#send({ $case: 'frozen', value: { checkpoint: state ? encodeProgramState(state) : Buffer.alloc(0) } });
    } catch (error) {
      this.#exit(messageOf(error));
    }
  }

  #thaw(): void {
    if (this.#isOver) return;
    this.#freezes -= 1;
    this.#isFrozen = false;
    try {
      this.#handler?.thaw?.();
    } catch (error) {
      this.#exit(messageOf(error));
      return;
    }
    if (this.#freezes === 0) this.#output.start();
    this.#pump();
  }

  #exit(failure: string): void {
    if (this.#isOver) return;
    this.#send({ $case: 'exit', value: { failure: failure || 'The panel failed and does not say why.' } });
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#output.release();
    const closing = async (): Promise<void> => this.#handler?.close?.();
    closing().then(
      () => this.over.resolve(),
      (error: unknown) => this.over.reject(error),
    );
  }
}

function sizeOf(kind: NonNullable<ToPanel['kind']>): number {
  return kind.$case === 'input' ? kind.value.data.length : 0;
}
