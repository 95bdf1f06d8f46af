import { Buffer } from 'node:buffer';
import { definePanel } from 'panelet/panel';

/** A session on a book: it numbers the lines that it gets, and answers "pages" with how many there are. */
const session = (book) => ({
  input: (input, host) => {
    if (input.kind === 'end') host.end();
    if (input.kind === 'event' && input.name === 'pages') host.event('pages', { entries: book.entries.length });
    if (input.kind !== 'data') return;
    const lines = (book.partial + Buffer.from(input.data).toString('latin1')).split('\n');
    book.partial = lines.pop() ?? '';
    for (const line of lines) {
      book.entries.push(line);
      host.write(Buffer.from(`${host.parameters.greeting ?? ''}${book.entries.length} ${line}\n`, 'latin1'));
    }
  },
  checkpoint: () => Buffer.from(JSON.stringify(book)),
});

/** A guestbook, which lives on through restarts. */
export const guestbook = definePanel({
  open: () => session({ entries: [], partial: '' }),
  restore: (_host, checkpoint) => session(JSON.parse(Buffer.from(checkpoint).toString())),
});
