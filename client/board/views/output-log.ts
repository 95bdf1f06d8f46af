import type { ViewNews } from '../wire/session.js';

/** What a view may be at most ahead of what it has shown, and what a new view gets of what was before it, in bytes. */
export const windowBytes = 256 * 1024;

/** Output that comes in smaller pieces is kept in pieces of so many bytes: what is kept costs by bytes, not by how they came. */
const joinedBytes = 4 * 1024;

/** Bytes of a session's output, or what is said between them. */
type LogEntry =
  { readonly start: number; readonly bytes: Uint8Array } | { readonly start: number; readonly news: ViewNews };

/** A place in the log. */
export interface LogPlace {
  /** Number of the entry, from the first that there was. */
  readonly entry: number;
  /** Bytes of the output before it. */
  readonly offset: number;
}

/** What stands at a place, and the place after it. */
export type LogPiece =
  { readonly bytes: Uint8Array; readonly next: LogPlace } | { readonly news: ViewNews; readonly next: LogPlace };

/**
 * The end of a session's output, once for all its views. Keeps what somebody has not been sent, and 256 KiB for those who come later, or what
 * there was since the last state that replaced everything before it.
 */
export class OutputLog {
  #entries: LogEntry[] = [];
  /** Number of the first entry that is kept. */
  #first = 0;
  #end = 0;
  #stateEntry: number | undefined;

  /** Bytes there were so far. */
  get end(): number {
    return this.#end;
  }

  /** Bytes that are kept. */
  get keptBytes(): number {
    return this.#end - (this.#entries[0]?.start ?? this.#end);
  }

  append(bytes: Uint8Array): void {
    const last = this.#entries.at(-1);
    if (last !== undefined && 'bytes' in last && last.bytes.length + bytes.length <= joinedBytes) {
      this.#entries[this.#entries.length - 1] = { start: last.start, bytes: Buffer.concat([last.bytes, bytes]) };
      this.#end += bytes.length;
    } else if (bytes.length > 0) this.#push(bytes);
  }

  /** Bytes that stand for everything before them, for example a screen. */
  appendState(bytes: Uint8Array): void {
    this.#stateEntry = this.#first + this.#entries.length;
    // Also where there are none: what comes next is not of what was before.
    this.#push(bytes);
  }

  say(news: ViewNews): void {
    this.#entries.push({ start: this.#end, news });
  }

  /** Where a new view begins: so far back that nothing is skipped which nobody has seen. */
  beginning(seen: number): LogPlace {
    const wanted = Math.min(seen, this.#end - windowBytes);
    const found = this.#entries.findIndex(({ start }, at) => start >= wanted || this.#nextStart(at) > wanted);
    const byBytes = this.#first + (found < 0 ? this.#entries.length : found);
    const entry = Math.max(byBytes, this.#stateEntry ?? 0);
    return { entry, offset: this.#entries[entry - this.#first]?.start ?? this.#end };
  }

  /** What comes at a place, at most so many bytes of it; undefined at the end, and where no byte may come. */
  read(place: LogPlace, mostBytes: number): LogPiece | undefined {
    const at = place.entry - this.#first;
    const entry = this.#entries[at];
    if (entry === undefined) return undefined;
    if ('news' in entry) return { news: entry.news, next: { entry: place.entry + 1, offset: place.offset } };
    const from = place.offset - entry.start;
    if (from === entry.bytes.length) {
      // The last one may become longer.
      return at + 1 < this.#entries.length ? this.read({ ...place, entry: place.entry + 1 }, mostBytes) : undefined;
    }
    if (mostBytes <= 0) return undefined;
    const bytes = entry.bytes.subarray(from, from + mostBytes);
    return { bytes, next: { entry: place.entry, offset: place.offset + bytes.length } };
  }

  /** Drops what is behind all these places and behind what a new view gets. */
  trim(places: readonly LogPlace[], seen: number): void {
    const least = Math.min(this.beginning(seen).entry, ...places.map(({ entry }) => entry));
    const dropped = least - this.#first;
    if (dropped <= 0) return;
    this.#entries = this.#entries.slice(dropped);
    this.#first = least;
  }

  #push(bytes: Uint8Array): void {
    this.#entries.push({ start: this.#end, bytes });
    this.#end += bytes.length;
  }

  #nextStart(at: number): number {
    return this.#entries[at + 1]?.start ?? this.#end;
  }
}
