import { describe, expect, test } from '@jest/globals';
import { createSilentLog, type Log } from '#common/log.js';
import { createFakeClock } from '#common/time/clock.js';
import { createPanelStderr } from './panel-stderr.js';

const setup = () => {
  const clock = createFakeClock();
  const said: { readonly line: string; readonly droppedLines?: number }[] = [];
  const info = (fields: { readonly line: string }): void => void said.push(fields);
  const log = Object.assign(Object.create(createSilentLog()) as Log, { info });
  return { clock, said, stderr: createPanelStderr({ log, clock }) };
};

describe('what a program writes on standard error', () => {
  test('is told by the line, however it comes', () => {
    const { said, stderr } = setup();
    for (const part of ['on', 'e\ntwo\n', 'thr', 'ee']) stderr.push(Buffer.from(part));
    stderr.end();
    expect(said.map(({ line }) => line)).toEqual(['one', 'two', 'three']);
  });

  test('has an end: of a long line its beginning is told, of a flood some lines and how many were not', () => {
    const { clock, said, stderr } = setup();
    stderr.push(Buffer.from(`${'x'.repeat(5000)}\n`));
    expect(said[0]?.line).toBe('x'.repeat(1024));
    for (let count = 0; count < 1000; count++) stderr.push(Buffer.from('again\n'));
    expect(said).toHaveLength(100);
    clock.advance(100);
    stderr.push(Buffer.from('later\n'));
    expect(said.at(-1)).toEqual({ line: 'later', droppedLines: 901 });
  });
});
