import { describe, expect, jest, test } from '@jest/globals';
import { attackLine } from '#test/attack/attack-line.js';
import { runAttack } from '#test/attack/run-attack.js';

jest.setTimeout(180_000);

describe('an agent that starts again while it is attacked', () => {
  test.each([
    ['attachments that are cancelled', 'attach-and-cancel-on-many'],
    ['silent connections', 'idle-connections'],
  ])('takes all its 200 sessions up: %s', async (name, attack) => {
    const limits = { maxConnections: 1024 };
    const verdict = await runAttack({
      ...{ attacks: [attack], withToken: true, seconds: 4, limits },
      sessionsThatReturn: 200,
    });
    process.stdout.write(`${attackLine(name, verdict)}\n`);
    expect(verdict.problems).toEqual([]);
  });
});
