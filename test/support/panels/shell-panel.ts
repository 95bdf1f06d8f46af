import { Channel } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import type { PanelContext, PanelDefinition, PanelOutput, PanelSession } from '#worker/panel/panel.js';

/**
 * The panel `terminal` without a process: a shell of a few commands, as the real one looks from a client: `exit N`, `kill`,
 * `fill N` (coloured rows), `size`, `modes` (bracketed paste, kitty's keyboard, no autowrap); everything else is repeated
 * after "you said: ". Input is echoed; the prompt is "$ ". It cannot be written down, and tells its size in its details.
 */
export function createShellPanel(): PanelDefinition {
  return {
    name: 'terminal',
    version: '1',
    checkpointable: false,
    afterCrash: 'end',
    open: (context) => Promise.resolve(new ShellSession(context)),
  };
}

class ShellSession implements PanelSession {
  readonly #output: PanelOutput;
  #line = '';
  #size: string;

  constructor({ output, parameters }: PanelContext) {
    this.#output = output;
    const { rows = '?', cols = '?', command, args = '' } = parameters;
    this.#size = `${rows}x${cols}`;
    if (command !== undefined) this.#say(`ran ${command} ${args}\r\n`);
    this.#say('$ ');
  }

  input(item: InputItem): void {
    if (item.kind === 'event' && item.event.kind?.$case === 'resize') {
      const { rows, cols } = item.event.kind.value;
      this.#size = `${rows}x${cols}`;
    }
    if (item.kind === 'fin') this.#end(0, '');
    if (item.kind === 'data') for (const character of Buffer.from(item.payload).toString()) this.#type(character);
  }

  freeze(): Promise<void> {
    return Promise.resolve();
  }

  thaw(): void {
    // It does nothing by itself.
  }

  snapshot(): { contentType: string; bytes: Uint8Array } {
    const bytes = Buffer.from(`\x1bcthe screen as it was\r\n$ ${this.#line}`);
    return { contentType: 'text/vnd.panelet.screen', bytes };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  details(): Record<string, string> {
    return { size: this.#size };
  }

  #type(character: string): void {
    if (character !== '\r' && character !== '\n') {
      this.#line += character;
      this.#say(character);
      return;
    }
    this.#say('\r\n');
    const line = this.#line;
    this.#line = '';
    this.#obey(line);
  }

  #obey(line: string): void {
    const [word, argument] = line.split(' ');
    if (word === 'exit') this.#end(Number(argument), '');
    else if (word === 'kill') this.#end(0, 'SIGKILL');
    else {
      this.#say(this.#answer(line, word, Number(argument)));
      this.#say('$ ');
    }
  }

  #answer(line: string, word: string | undefined, count: number): string {
    if (word === 'modes') return '\x1b[?2004h\x1b[>1u\x1b[?7l';
    if (word === 'size') return `size ${this.#size}\r\n`;
    if (word !== 'fill') return `you said: ${line}\r\n`;
    return Array.from({ length: count }, (_, row) => `\x1b[3${(row + 1) % 8}mrow ${row + 1}\x1b[0m\r\n`).join('');
  }

  #say(text: string): void {
    this.#output.writeData(Channel.STDOUT, Buffer.from(text));
  }

  #end(code: number, signal: string): void {
    this.#output.writeEvent({ kind: { $case: 'exitStatus', value: { code, signal } } });
    this.#output.end();
  }
}
