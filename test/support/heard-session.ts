import type { PaneletSession } from '#client/sdk.js';
import { waitFor } from './wait-for.js';

/** A session of the SDK with everything that has come out of it. */
export class HeardSession {
  readonly events: { readonly name: string; readonly text: string }[] = [];
  losses = 0;
  incarnation = 1;
  readonly #parts: Buffer[] = [];
  /** Resolves when nothing comes any more. */
  readonly over: Promise<void>;

  constructor(readonly session: PaneletSession) {
    for (const event of ['resumed', 'moved'] as const) {
      session.on(event, ({ incarnation }) => (this.incarnation = incarnation));
    }
    session.on('lost', () => this.losses++);
    this.over = this.#listen();
  }

  get received(): Buffer {
    return Buffer.concat(this.#parts);
  }

  get text(): string {
    return this.received.toString();
  }

  until(what: string | RegExp): Promise<void> {
    return waitFor(`${what} in ${this.text}`, () => this.text.search(what) >= 0, 30_000);
  }

  async #listen(): Promise<void> {
    try {
      for await (const item of this.session) {
        if (item.kind === 'data') this.#parts.push(Buffer.from(item.payload));
        if (item.kind === 'event') this.events.push({ name: item.name, text: Buffer.from(item.payload).toString() });
      }
    } catch {
      // The test ends.
    }
  }
}
