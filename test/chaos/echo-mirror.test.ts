import { describe, expect, test } from '@jest/globals';
import { createEchoMirror } from './echo-mirror.js';

const bytes = (text: string): Buffer => Buffer.from(text);

function deviationOf(sent: readonly string[], received: readonly string[]): string | undefined {
  const mirror = createEchoMirror();
  sent.forEach((text) => mirror.sent(bytes(text)));
  received.forEach((text) => mirror.received(bytes(text)));
  return mirror.deviation;
}

describe('the mirror of an echo', () => {
  test('agrees with a beginning of what was sent, however it is cut', () => {
    expect(deviationOf(['hello ', 'world'], ['hel', 'lo wor', 'ld'])).toBeUndefined();
    expect(deviationOf(['hello ', 'world'], ['hello w'])).toBeUndefined();
  });

  test('sees a gap, a repetition, a swap and more than was sent', () => {
    expect(deviationOf(['0123456789'], ['0123', '56'])).toContain('between bytes 4 and 6');
    expect(deviationOf(['0123456789'], ['0123', '2345'])).toContain('between bytes 4 and 8');
    expect(deviationOf(['ab', 'cd'], ['cd', 'ab'])).toContain('between bytes 0 and 2');
    expect(deviationOf(['ab'], ['abc'])).toContain('1 bytes more than were sent');
  });
});
