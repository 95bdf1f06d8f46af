import { describe, expect, test } from '@jest/globals';
import { bearer } from './bearer.js';

describe('a token', () => {
  test.each(['s3cret', 's3cret\n', ' s3cret \r\n'])('is sent without what stands around it: %j', (token) => {
    expect(bearer(token)).toBe('Bearer s3cret');
  });

  test.each([undefined, '', '\n', '  '])('that is empty is none: %j', (token) => {
    expect(bearer(token)).toBeUndefined();
  });

  test.each(['s3c ret', 's3c\nret', 's3crét', 's3c\u0000ret'])(
    'that no header can carry is not in the message: %j',
    (token) => {
      let said = '';
      try {
        bearer(token);
      } catch (error) {
        said = `${String(error)} ${JSON.stringify(error)} ${(error as Error).stack ?? ''}`;
      }
      expect(said).toContain('CONFIG_INVALID');
      expect(said).not.toContain('s3c');
    },
  );
});
