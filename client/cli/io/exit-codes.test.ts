import { describe, expect, test } from '@jest/globals';
import { errorCodes } from '#common/errors/errors.js';
import { exitCodeOf, exitCodeOfProgram, exitCodeOfStop, exitCodes } from './exit-codes.js';

describe('exit codes', () => {
  test('are distinct, and every error has one of them', () => {
    const known: number[] = Object.values(exitCodes).map((exit) => exit.code);
    expect(new Set(known).size).toBe(known.length);
    for (const code of errorCodes) {
      expect(known).toContain(exitCodeOf(code));
      expect(exitCodeOf(code)).not.toBe(exitCodes.ok.code);
    }
  });

  test('are those of a shell for programs and signals', () => {
    expect(exitCodeOfProgram({ code: 42, signal: undefined })).toBe(42);
    expect(exitCodeOfProgram({ code: 0, signal: 'SIGKILL' })).toBe(137);
    expect(exitCodeOfStop(AbortSignal.abort('SIGINT'))).toBe(130);
  });
});
