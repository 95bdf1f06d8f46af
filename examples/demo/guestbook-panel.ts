import { Channel } from '#proto/session/v1/session.js';
import type { PanelContext, PanelDefinition, PanelSession } from '#worker/panel/panel.js';

interface Book {
  readonly entries: string[];
  partial: string;
}

function createGuestbookSession(context: PanelContext, book: Book): PanelSession {
  const answer = (entry: string): void => {
    book.entries.push(entry);
    context.output.writeData(Channel.STDOUT, Buffer.from(`${book.entries.length} ${entry}\n`));
  };
  return {
    input: (item) => {
      if (item.kind === 'fin') context.output.end();
      if (item.kind !== 'data') return;
      const lines = (book.partial + Buffer.from(item.payload).toString('latin1')).split('\n');
      book.partial = lines.pop() ?? '';
      lines.forEach(answer);
    },
    freeze: () => Promise.resolve(),
    thaw: () => undefined,
    checkpoint: () => Buffer.from(JSON.stringify(book)),
    close: () => Promise.resolve(),
    details: () => ({ entries: String(book.entries.length) }),
  };
}

/** The panel that the demo installs: it numbers the lines it gets, and its book lives on through restarts. */
export function createGuestbookPanel(): PanelDefinition {
  return {
    name: 'guestbook',
    version: '1',
    checkpointable: true,
    afterCrash: 'fresh',
    open: (context) => Promise.resolve(createGuestbookSession(context, { entries: [], partial: '' })),
    restore: (context, state) =>
      Promise.resolve(createGuestbookSession(context, JSON.parse(Buffer.from(state).toString('utf8')) as Book)),
  };
}
