import { createLatch } from '#common/time/latch.js';
import { Channel, FromPanel, ToPanel, type Open } from '#proto/panel/v1/panel.js';
import type { PanelSpec } from './define-panel.js';
import { Program } from './program.js';

/** How a session is opened. */
export interface OpenPanelOptions {
  /** As the program gets them: no panel.yaml is read, so none has its default. @default none */
  readonly parameters?: Readonly<Record<string, string>>;
  /** @default 'alice' */
  readonly owner?: string;
}

/** One session of a panel, with the test in the place of worker and client. Messages go through their encoding, as over descriptors. */
export interface TriedPanel {
  /** All output so far, of all channels. */
  readonly output: Uint8Array;
  /** Events so far, with their JSON content. */
  readonly events: readonly { readonly name: string; readonly content: unknown }[];
  /** Set once the session is over: empty where it has ended, else why it failed. */
  readonly exit: string | undefined;
  /** Writes input. Resolves when everything that can be done at once is done. */
  write(data: Uint8Array | string): Promise<void>;
  /** Sends an event. @param content becomes JSON */
  send(name: string, content?: unknown): Promise<void>;
  /** The client's window has another size, in character cells. */
  resize(rows: number, cols: number): Promise<void>;
  /** Name with the SIG prefix. */
  signal(name: string): Promise<void>;
  /** No more data comes. */
  endInput(): Promise<void>;
  /** The client reads nothing from now on, until `unblock`. */
  block(): void;
  /** It reads again. */
  unblock(): Promise<void>;
  /** Brings it to rest. @returns its checkpoint; empty where it has none @throws an Error where it fails, or says nothing */
  freeze(): Promise<Uint8Array>;
  /** Goes on after a freeze. */
  thaw(): Promise<void>;
  /**
   * Freezes it, and goes on with its checkpoint in a new life, as after a restart. The one before sees its end.
   * @param otherSpec of another version, for example @default the same
   * @throws an Error where it cannot be restored
   */
  restart(otherSpec?: PanelSpec): Promise<void>;
  /** Resolves when every input is taken; while it is blocked, that may be never. */
  idle(): Promise<void>;
  /** Ends it, as when its client has ended the session. */
  close(): Promise<void>;
}

/** Opens a session. @throws an Error with the reason where the panel refuses */
export async function openPanel(spec: PanelSpec, options: OpenPanelOptions = {}): Promise<TriedPanel> {
  const session = new TriedSession(spec, options);
  await session.open();
  return session;
}

/** Turns of the event loop after which nothing is left to be done at once. */
const turns = 5;
const plentyBytes = 1024 * 1024 * 1024;
const sessionId = '00000000-0000-4000-8000-000000000001';

class TriedSession implements TriedPanel {
  readonly events: { readonly name: string; readonly content: unknown }[] = [];
  exit: string | undefined;
  readonly #options: OpenPanelOptions;
  #spec: PanelSpec;
  #program: Program | undefined;
  #parts: Buffer[] = [];
  #opened = createLatch();
  /** Resolves with the checkpoint; with nothing where the session is over. */
  #frozen = createLatch<Uint8Array | undefined>();
  #isBlocked = false;
  /** Credit of the life that runs. */
  #given = 0;
  #taken = 0;

  constructor(spec: PanelSpec, options: OpenPanelOptions) {
    this.#spec = spec;
    this.#options = options;
  }

  get output(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  open(): Promise<void> {
    return this.#begin((open) => ({ $case: 'open', value: open }));
  }

  write(data: Uint8Array | string): Promise<void> {
    return this.#say({ $case: 'input', value: { data: Buffer.from(data as string), channel: Channel.UNSPECIFIED } });
  }

  send(name: string, content: unknown = {}): Promise<void> {
    return this.#say({ $case: 'event', value: { name, payload: Buffer.from(JSON.stringify(content)) } });
  }

  resize(rows: number, cols: number): Promise<void> {
    return this.#say({ $case: 'resize', value: { rows, cols } });
  }

  signal(name: string): Promise<void> {
    return this.#say({ $case: 'signal', value: { name } });
  }

  endInput(): Promise<void> {
    return this.#say({ $case: 'endOfInput', value: {} });
  }

  block(): void {
    this.#isBlocked = true;
  }

  async unblock(): Promise<void> {
    this.#isBlocked = false;
    this.#give();
    await settle(turns);
  }

  async freeze(): Promise<Uint8Array> {
    if (this.exit === undefined) {
      this.#frozen = createLatch();
      this.#tell({ $case: 'freeze', value: {} });
      const checkpoint = await this.#frozen.promise;
      if (checkpoint !== undefined) return checkpoint;
    }
    throw new Error(`The session is over: ${this.exit === '' ? 'it has ended' : this.exit}.`);
  }

  thaw(): Promise<void> {
    return this.#say({ $case: 'thaw', value: {} });
  }

  async restart(otherSpec: PanelSpec = this.#spec): Promise<void> {
    if (this.exit !== undefined) return;
    const checkpoint = Buffer.from(await this.freeze());
    await this.close();
    this.#spec = otherSpec;
    await this.#begin((open) => ({ $case: 'restore', value: { open, checkpoint } }));
  }

  async idle(): Promise<void> {
    await this.#program?.idle();
    await settle(turns);
  }

  async close(): Promise<void> {
    this.#tell({ $case: 'close', value: {} });
    await this.#program?.over.promise;
  }

  async #begin(first: (open: Open) => NonNullable<ToPanel['kind']>): Promise<void> {
    const program: Program = new Program(this.#spec, (kind) => {
      // One whose life is over is not heard any more.
      if (this.#program === program) this.#hear(kind);
    });
    this.#program = program;
    this.#opened = createLatch();
    this.#given = this.#isBlocked ? 0 : plentyBytes;
    this.#taken = 0;
    this.#tell(first(openOf(this.#options, this.#given)));
    await this.#opened.promise;
    await settle(turns);
  }

  async #say(kind: NonNullable<ToPanel['kind']>): Promise<void> {
    this.#tell(kind);
    await settle(turns);
  }

  #tell(kind: NonNullable<ToPanel['kind']>): void {
    this.#program?.receive(ToPanel.decode(ToPanel.encode({ kind }).finish()));
  }

  #give(): void {
    if (this.#given >= plentyBytes) return;
    this.#given += plentyBytes;
    this.#tell({ $case: 'credit', value: { bytes: plentyBytes } });
  }

  #hear(said: NonNullable<FromPanel['kind']>): void {
    const { kind } = FromPanel.decode(FromPanel.encode({ kind: said }).finish());
    switch (kind?.$case) {
      case 'opened':
        this.#opened.resolve();
        break;
      case 'output':
        this.#taken += kind.value.data.length;
        if (this.#taken > this.#given) throw new Error('The session sent more output than it has credit for.');
        this.#parts.push(Buffer.from(kind.value.data));
        break;
      case 'event':
        this.events.push({ name: kind.value.name, content: JSON.parse(kind.value.payload.toString()) as unknown });
        break;
      case 'frozen':
        this.#frozen.resolve(kind.value.checkpoint);
        break;
      case 'exit':
        this.exit = kind.value.failure;
        this.#opened.reject(new Error(kind.value.failure));
        this.#frozen.resolve(undefined);
        break;
      default:
    }
  }
}

function openOf({ parameters = {}, owner = 'alice' }: OpenPanelOptions, outputCredit: number): Open {
  return { sessionId, owner, parameters: { ...parameters }, outputCredit };
}

/** Lets everything happen that is due. */
async function settle(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
