import { hexOf } from '#common/hex.js';
import { messageOf } from '#common/errors/errors.js';
import { createSeededRandom } from '#common/random.js';
import { createSequenceTracker } from '#test/support/record-stream.js';
import { waitFor } from '#test/support/wait-for.js';
import type { DemoSession } from '../row.js';
import { compareEnds, watchTrouble, type SessionDeps } from './session-deps.js';
import { startTypist } from './typist.js';

const limitMs = 15_000;
const keyPauseMs = 10;

/** The panel that was installed while the others ran: it numbers what is typed. */
export async function openGuestbookSession(deps: SessionDeps): Promise<DemoSession> {
  const { client, clock, node } = deps;
  const kind = 'new guestbook';
  const random = createSeededRandom(deps.seed);
  const session = await client.open({ panel: 'guestbook' });
  const failures = watchTrouble(session);
  const tracker = createSequenceTracker();
  let entries = '';
  let partial = '';
  const takeLine = (line: string): void => {
    const [number = '', ...rest] = line.split(' ');
    tracker.take(Number(number) - 1);
    entries += `${rest.join(' ')}\n`;
  };
  const read = async (): Promise<void> => {
    for await (const item of session) {
      if (item.kind !== 'data') continue;
      const lines = (partial + Buffer.from(item.payload).toString('latin1')).split('\n');
      partial = lines.pop() ?? '';
      lines.forEach(takeLine);
    }
  };
  const reading = read().catch((error: unknown) => failures.push(String(error)));
  const line = (index: number): string => `guest ${index} ${hexOf(random.bytes(3))}`;
  const typist = startTypist({ session, clock, pauseMs: keyPauseMs, lineEnd: '\n', line });
  return {
    kind,
    node,
    progress: () => `${typist.text.length} keystrokes`,
    setRestarting: (isRestarting) => typist.setRestarting(isRestarting),
    finish: async () => {
      try {
        await typist.stop();
        await waitFor('every entry', () => entries.length >= typist.text.length, limitMs);
      } catch (error) {
        failures.push(messageOf(error));
      }
      const { gapsMs } = session.stats();
      await session.terminate();
      await reading;
      const { lost, duplicated, reordered } = tracker.verdict(typist.text.split('\n').length - 1);
      return {
        ...{ kind, node, lost, duplicated, reordered, gapsMs, failures },
        output: compareEnds(typist.text, entries),
        typedDuringRestarts: typist.typedDuringRestarts,
      };
    },
  };
}
