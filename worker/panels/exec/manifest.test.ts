import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { isPaneletError } from '#common/errors/errors.js';
import { readParameters } from '../../panel/parameters.js';
import { parametersSchema } from './manifest-parameters.js';
import { readPanelManifest } from './manifest.js';

const least = { name: 'mine', version: '1', protocol: 'panelet.panel.v1', command: ['./program'] };

describe('panel.yaml', () => {
  let dir: string;
  const write = (content: object): Promise<void> => writeFile(join(dir, 'panel.yaml'), stringify(content));
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'py-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test('needs four things, and is found in its directory or by its name', async () => {
    await write(least);
    const expected = {
      ...{ name: 'mine', version: '1', command: ['./program'], parameters: {}, directory: dir },
      ...{ checkpointable: false, movable: false, afterCrash: 'end' },
    };
    expect(await readPanelManifest(dir)).toEqual(expected);
    expect(await readPanelManifest(join(dir, 'panel.yaml'))).toEqual(expected);
  });

  test('starts a session afresh after a crash where it can be written down, unless it says otherwise', async () => {
    await write({ ...least, checkpointable: true });
    expect((await readPanelManifest(dir)).afterCrash).toBe('fresh');
    await write({ ...least, checkpointable: true, afterCrash: 'end' });
    expect((await readPanelManifest(dir)).afterCrash).toBe('end');
  });

  test.each([
    [{ ...least, protocol: 'panelet.panel.v2' }, /protocol: must be panelet\.panel\.v1/],
    [{ ...least, version: 1 }, /version: must be text/],
    [{ ...least, movable: true }, /movable: needs checkpointable/],
    [{ ...least, command: [] }, /command/],
    [{ ...least, nmae: 'x' }, /no panel: \(top level\): .*nmae/],
    [{ ...least, parameters: { n: { type: 'integer', default: 'x' } } }, /parameters\.n\.default: must be a whole/],
    [{ ...least, parameters: { n: { type: 'enum', values: ['a'], default: 'b' } } }, /parameters\.n\.default: /],
    [{ ...least, parameters: { a: { type: 'string', pattern: '(' } } }, /parameters\.a\.pattern: must be a regular/],
  ])('is refused with a word on each key that is wrong: %j', async (content, reason) => {
    await write(content);
    const error: unknown = await readPanelManifest(dir).catch((caught: unknown) => caught);
    expect(isPaneletError(error, 'CONFIG_INVALID')).toBe(true);
    expect((error as Error).message).toMatch(reason);
  });

  test('that is missing is told by its path', async () => {
    await expect(readPanelManifest(dir)).rejects.toThrow(join(dir, 'panel.yaml'));
  });

  test('says what a client may say: defaults are filled in, the rest is refused', async () => {
    await write({
      ...least,
      parameters: {
        title: { type: 'string', required: true, pattern: '[a-z]+' },
        lines: { type: 'integer', min: 1, max: 100, default: 10 },
        follow: { type: 'boolean', default: false },
        colour: { type: 'enum', values: ['red', 'blue'] },
      },
    });
    const schema = parametersSchema((await readPanelManifest(dir)).parameters);
    const read = (parameters: Record<string, string>): unknown => readParameters('mine', schema, parameters);
    expect(read({ title: 'abc' })).toEqual({ title: 'abc', lines: '10', follow: 'false' });
    expect(read({ title: 'abc', lines: '7', colour: 'red' })).toMatchObject({ lines: '7', colour: 'red' });
    for (const [wrong, reason] of [
      [{}, /"title"/],
      [{ title: 'ABC' }, /"title": must match \[a-z\]\+/],
      [{ title: 'abc', lines: '101' }, /"lines"/],
      [{ title: 'abc', follow: 'yes' }, /"follow"/],
      [{ title: 'abc', colour: 'green' }, /"colour"/],
      [{ title: 'abc', titel: 'x' }, /titel/],
    ] as const) {
      expect(() => read(wrong as unknown as Record<string, string>)).toThrow(reason);
    }
  });
});
