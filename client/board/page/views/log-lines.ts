/** Lines of a log that are kept, at most so many and so much of them; what is older is let go, and counted. */
const mostLines = 20_000;
const mostCharacters = 8 * 1024 * 1024;
/** A longer line is cut. */
const longestLine = 8_000;

/** The end of a text that goes on for ever, in lines. */
export class LogLines {
  #lines: string[] = [];
  #characters = 0;
  #open = '';
  #dropped = 0;

  /** Takes text as it comes, cut anywhere. */
  push(text: string): void {
    const parts = text.split('\n');
    const last = parts.pop() ?? '';
    for (const part of parts) {
      this.#keep(plainLine(this.#open + part));
      this.#open = '';
    }
    // What is behind the cut of a line that never ends is not kept either.
    if (this.#open.length < 2 * longestLine) this.#open += last.slice(0, 2 * longestLine);
    this.#trim();
  }

  /** Lines, the oldest first; one that has no end yet is the last. */
  get count(): number {
    return this.#lines.length + (this.#open === '' ? 0 : 1);
  }

  line(index: number): string {
    return this.#lines[index] ?? plainLine(this.#open);
  }

  /** Lines that were let go, before the first that is kept. */
  get dropped(): number {
    return this.#dropped;
  }

  clear(): void {
    this.#lines = [];
    this.#open = '';
    this.#characters = 0;
    this.#dropped = 0;
  }

  /** Numbers of lines that have a text in them, whatever the case of its letters. */
  find(text: string): readonly number[] {
    if (text === '') return [];
    const wanted = text.toLowerCase();
    const found: number[] = [];
    for (let index = 0; index < this.count; index++)
      if (this.line(index).toLowerCase().includes(wanted)) found.push(index);
    return found;
  }

  #keep(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length;
  }

  /** In large steps: taking one line off the front of many costs as much as a thousand. */
  #trim(): void {
    if (this.#lines.length <= mostLines && this.#characters <= mostCharacters) return;
    let count = Math.max(0, this.#lines.length - mostLines * 0.9);
    let characters = 0;
    for (let index = 0; index < this.#lines.length; index++) {
      if (index >= count && this.#characters - characters <= mostCharacters * 0.9) {
        count = index;
        break;
      }
      characters += this.#lines[index]?.length ?? 0;
    }
    this.#lines.splice(0, count);
    this.#characters -= characters;
    this.#dropped += count;
  }
}

/** Without colours, without the return of a carriage at its end, and not longer than can be looked at. */
function plainLine(line: string): string {
  const end = line.endsWith('\r') ? line.slice(0, -1) : line;
  const plain = end.includes('\u001b') ? withoutColours(end) : end;
  return plain.length > longestLine ? `${plain.slice(0, longestLine)}…` : plain;
}

/** Without sequences `ESC [ … m`. */
function withoutColours(line: string): string {
  const [first = '', ...rest] = line.split('\u001b[');
  return (
    first + rest.map((part) => (/^[\d;:]*m/.test(part) ? part.slice(part.indexOf('m') + 1) : `\u001b[${part}`)).join('')
  );
}
