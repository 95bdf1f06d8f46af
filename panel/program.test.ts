import { describe, expect, test } from '@jest/globals';
import { createLatch } from '#common/time/latch.js';
import { Channel, type FromPanel, type ToPanel } from '#proto/panel/v1/panel.js';
import { definePanel } from './define-panel.js';
import { Program } from './program.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const open: NonNullable<ToPanel['kind']> = {
  $case: 'open',
  value: { sessionId: 's', owner: 'alice', parameters: {}, outputCredit: 4 },
};
const freeze: NonNullable<ToPanel['kind']> = { $case: 'freeze', value: {} };
const thaw: NonNullable<ToPanel['kind']> = { $case: 'thaw', value: {} };
const input = (text: string): NonNullable<ToPanel['kind']> => ({
  $case: 'input',
  value: { data: Buffer.from(text), channel: Channel.UNSPECIFIED },
});

describe('the program’s side of a conversation', () => {
  test('answers each freeze once and in order, though a thaw comes while it is not at rest', async () => {
    const done = createLatch();
    const said: string[] = [];
    const spec = definePanel({ open: () => ({ input: () => done.promise, checkpoint: () => Buffer.from('x') }) });
    const program = new Program(spec, ({ $case }) => void said.push($case));
    for (const kind of [open]) program.receive({ kind });
    await turn();
    for (const kind of [input('a'), freeze, thaw, freeze]) program.receive({ kind });
    await turn();
    expect(said).toEqual(['opened']);
    done.resolve();
    await turn();
    expect(said).toEqual(['opened', 'credit', 'frozen', 'frozen']);
    program.receive({ kind: input('b') });
    await turn();
    expect(said).toHaveLength(4);
    program.receive({ kind: thaw });
    await turn();
    expect(said.at(-1)).toBe('credit');
  });

  test('sends no more than it has credit for, and ends behind it', async () => {
    const said: NonNullable<FromPanel['kind']>[] = [];
    const spec = definePanel({
      open: (host) => {
        void host.write('abcdef');
        host.event('e', 1);
        host.end();
        return { input: () => undefined };
      },
    });
    const program = new Program(spec, (kind) => void said.push(kind));
    program.receive({ kind: open });
    await turn();
    const text = (): string =>
      said.map((kind) => (kind.$case === 'output' ? kind.value.data.toString() : kind.$case)).join(' ');
    expect(text()).toBe('opened abcd');
    program.receive({ kind: { $case: 'credit', value: { bytes: 100 } } });
    expect(text()).toBe('opened abcd ef event exit');
    await program.over.promise;
  });
});
