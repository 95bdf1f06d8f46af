import { createHash } from 'node:crypto';
import { Channel } from '#proto/session/v1/session.js';
import type { Endpoint } from '#session/endpoint/endpoint.js';
import type { FakePanel } from './fake-worker.js';

/** Returns what it gets; ends its output when its input ends. Keeps a hash of what came in. */
export function createEchoFake(): FakePanel & { digest(): string; readonly sizeBytes: number } {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  return {
    run: () => undefined,
    full: (endpoint) => !endpoint.canWrite(),
    input: (item, endpoint) => {
      if (item.kind === 'data') {
        hash.update(item.payload);
        sizeBytes += item.payload.length;
        endpoint.writeData(Channel.STDOUT, item.payload);
      }
      if (item.kind === 'event') endpoint.writeEvent(item.event);
      if (item.kind === 'fin') endpoint.writeFin();
    },
    digest: () => hash.copy().digest('hex'),
    get sizeBytes() {
      return sizeBytes;
    },
  };
}

/**
 * A shell of a few commands, as the terminal panel looks from a client: `exit N`, `kill`, `colours`, `size`, `stdin`,
 * `modes` (bracketed paste, kitty's keyboard, no autowrap)
 * (everything else is repeated after "you said: "). Input is echoed; the prompt is "$ ".
 */
export function createShellFake(): FakePanel & { readonly size: string } {
  let started = false;
  let line = '';
  let size = '?';
  const say = (endpoint: Endpoint, text: string): void => {
    endpoint.writeData(Channel.STDOUT, Buffer.from(text));
  };
  const end = (endpoint: Endpoint, code: number, signal: string): void => {
    endpoint.writeEvent({ kind: { $case: 'exitStatus', value: { code, signal } } });
    endpoint.writeFin();
  };
  const obey = (endpoint: Endpoint, command: string): void => {
    const [word, argument] = command.split(' ');
    if (word === 'exit') {
      end(endpoint, Number(argument), '');
      return;
    }
    if (word === 'kill') {
      end(endpoint, 0, 'SIGKILL');
      return;
    }
    if (word === 'modes') say(endpoint, '\x1b[?2004h\x1b[>1u\x1b[?7l');
    else if (word === 'size') say(endpoint, `size ${size}\r\n`);
    else if (word === 'fill') {
      for (let row = 1; row <= Number(argument); row++) say(endpoint, `\x1b[3${row % 8}mrow ${row}\x1b[0m\r\n`);
    } else say(endpoint, `you said: ${command}\r\n`);
    say(endpoint, '$ ');
  };
  return {
    run: (endpoint, parameters) => {
      if (started) return;
      started = true;
      size = `${parameters['rows'] ?? '?'}x${parameters['cols'] ?? '?'}`;
      if (parameters['command'] !== undefined)
        say(endpoint, `ran ${parameters['command']} ${parameters['args'] ?? ''}\r\n`);
      say(endpoint, '$ ');
    },
    input: (item, endpoint) => {
      if (item.kind === 'event' && item.event.kind?.$case === 'resize') {
        size = `${item.event.kind.value.rows}x${item.event.kind.value.cols}`;
      }
      if (item.kind === 'fin') end(endpoint, 0, '');
      if (item.kind !== 'data') return;
      for (const character of Buffer.from(item.payload).toString()) {
        if (character !== '\r' && character !== '\n') {
          line += character;
          say(endpoint, character);
          continue;
        }
        say(endpoint, '\r\n');
        obey(endpoint, line);
        line = '';
      }
    },
    snapshot: () => ({
      contentType: 'text/vnd.panelet.screen',
      bytes: Buffer.from(`\x1bcthe screen as it was\r\n$ ${line}`),
    }),
    get size() {
      return size;
    },
  };
}
