import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CliWorld } from '../io/cli-world.js';
import { agentSettings } from './settings.js';

describe('the token', () => {
  let dir: string;
  let file: string;
  const settings = (flags: Parameters<typeof agentSettings>[0], env: CliWorld['env'] = {}) => {
    const { token, tokenFile } = agentSettings(flags, { env } as CliWorld);
    return { token, tokenFile };
  };
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'panelet-settings-'));
    file = join(dir, 'token');
    writeFileSync(file, 'of the file\n');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test('of a file is read there again later', () => {
    expect(settings({ tokenFile: file })).toEqual({ token: 'of the file', tokenFile: file });
    expect(settings({}, { PANELET_TOKEN_FILE: file })).toEqual({ token: 'of the file', tokenFile: file });
  });

  test('that was given is not replaced by that of a file', () => {
    expect(settings({ token: 'given', tokenFile: file })).toEqual({ token: 'given', tokenFile: undefined });
    expect(settings({ token: 'given' }, { PANELET_TOKEN_FILE: file })).toEqual({
      token: 'given',
      tokenFile: undefined,
    });
    const both = { PANELET_TOKEN: 'given', PANELET_TOKEN_FILE: file };
    expect(settings({}, both)).toEqual({ token: 'given', tokenFile: undefined });
    expect(settings({ tokenFile: file }, both)).toEqual({ token: 'of the file', tokenFile: file });
    expect(settings({}, { ...both, PANELET_TOKEN: '' })).toEqual({ token: 'of the file', tokenFile: file });
  });
});
