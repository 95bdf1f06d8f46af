import { PaneletError } from '#common/errors/errors.js';
import { createOutputStreams, type OutputStreams } from './output-streams.js';
import type { SessionItem } from './panelet-session.js';
import type { SessionCore } from './session-core.js';
import { createReadableStream } from './web-streams.js';

/** The ways to read a session, of which it takes one: item by item, or its output as streams. */
export class Reading {
  readonly #core: SessionCore;
  #isIterated = false;
  #streams: OutputStreams | undefined;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  /** @throws CONFIG_INVALID when its streams are read */
  iterate(): AsyncIterator<SessionItem> {
    if (this.#streams !== undefined) refuse('Read stdout and stderr.');
    this.#isIterated = true;
    return itemsOf(this.#core);
  }

  /** @throws CONFIG_INVALID when it is iterated */
  get streams(): OutputStreams {
    if (this.#isIterated) refuse('Take the items of the iteration.');
    this.#streams ??= createOutputStreams({ [Symbol.asyncIterator]: () => itemsOf(this.#core) });
    return this.#streams;
  }

  /** The standard output, as a web stream. @throws CONFIG_INVALID when it is iterated */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#readable ??= createReadableStream(this.streams.stdout);
    return this.#readable;
  }
}

function refuse(advice: string): never {
  const problem = 'A session is iterated, or read by its streams, not both.';
  throw new PaneletError('CONFIG_INVALID', problem, { advice });
}

function itemsOf(core: SessionCore): AsyncIterator<SessionItem> {
  return {
    next: async () => {
      const value = await core.inbox.next();
      return value === undefined ? { done: true, value } : { done: false, value };
    },
  };
}
