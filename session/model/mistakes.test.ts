import { describe, expect, test } from '@jest/globals';
import { showsTraces } from '#test/support/model-sample.js';
import type { ModelConfig } from './config.js';
import { describeFailure, explore } from './explore.js';

interface Case {
  readonly mistake: string;
  readonly config: ModelConfig;
  readonly ignoresRefusals?: boolean;
  readonly rule: RegExp;
  readonly lastStep: RegExp;
}

const cases: readonly Case[] = [
  {
    mistake: 'acknowledging on receipt while kills come at any time',
    config: { inputs: 1, kills: 1, mistakes: { promisesCrashSafety: true } },
    rule: /^I3 acknowledged input is gone after a kill/,
    lastStep: /is killed/,
  },
  {
    mistake: 'a checkpoint that omits what was received',
    config: { inputs: 1, drains: 1, mistakes: { omitsUnread: true } },
    rule: /^I10/,
    lastStep: /goes on from frozen/,
  },
  {
    mistake: 'a checkpoint that omits what was received, by its effect',
    config: { inputs: 1, drains: 1, mistakes: { omitsUnread: true, ignoresOmission: true } },
    rule: /^I3 input was received and is in no state/,
    lastStep: /exits/,
  },
  {
    mistake: 'a checkpoint that omits what was not acknowledged',
    config: { inputs: 1, drains: 1, mistakes: { omitsUnacked: true } },
    rule: /^I10/,
    lastStep: /goes on from frozen/,
  },
  {
    mistake: 'a checkpoint that omits what was not acknowledged, by its effect',
    config: { inputs: 1, drains: 1, mistakes: { omitsUnacked: true, ignoresOmission: true } },
    rule: /^I4/,
    lastStep: /exits/,
  },
  {
    mistake: 'eager output with durable acknowledgements',
    config: { inputs: 1, durable: true, kills: 1, mistakes: { eagerOutput: true } },
    rule: /^I5/,
    lastStep: /is killed/,
  },
  {
    mistake: 'no dedupe on resume',
    config: { inputs: 1, cuts: 1, mistakes: { noDedupe: true } },
    rule: /^I2 the input log/,
    lastStep: /receives of rpc/,
  },
  {
    mistake: 'no fence',
    config: { inputs: 1, takeoverInputs: 0, mistakes: { noFence: true } },
    rule: /^FRAME_INVALID Frame 1 is acknowledged/,
    lastStep: /B receives/,
  },
  {
    mistake: 'no fence, by its effect on the input',
    config: { inputs: 1, takeoverInputs: 1, mistakes: { noFence: true } },
    ignoresRefusals: true,
    rule: /^I4 output was trimmed/,
    lastStep: /worker receives of/,
  },
  {
    mistake: 'a checkpoint that stays valid after a thaw',
    config: { inputs: 1, drains: 1, thaws: 1, kills: 1, mistakes: { checkpointSurvivesThaw: true } },
    rule: /^I3 acknowledged input is gone/,
    lastStep: /is killed/,
  },
  {
    mistake: 'a checkpoint that is used twice',
    config: { inputs: 0, drains: 1, thaws: 1, kills: 1, mistakes: { checkpointSurvivesThaw: true } },
    rule: /^I13/,
    lastStep: /worker receives of/,
  },
  {
    mistake: 'taking the cursors of a Hello as exact while the other attachment goes on',
    config: { inputs: 1, moves: 1, mistakes: { exactCursors: true } },
    rule: /^I16 a session that is there is called lost/,
    lastStep: /worker receives of/,
  },
  {
    mistake: 'a Reset for what was acknowledged over the other attachment',
    config: { inputs: 1, moves: 1, mistakes: { resetsAcknowledged: true } },
    rule: /^I16 what has arrived is told lost/,
    lastStep: /A receives over/,
  },
  {
    mistake: 'a client that stops when its own attachment takes over',
    config: { inputs: 0, moves: 1, mistakes: { stopsForItself: true } },
    rule: /^I17 a client stops because of its own attachment/,
    lastStep: /A learns the end of/,
  },
  {
    mistake: 'letting an attempt in that is older than the current one',
    config: { inputs: 0, moves: 1, cuts: 1, repeats: 1, mistakes: { forgetsNonces: true } },
    rule: /^R7a/,
    lastStep: /worker receives of/,
  },
  {
    mistake: 'numbered frames over both attachments',
    config: { inputs: 2, moves: 1, mistakes: { sendsOverBoth: true } },
    rule: /^FRAME_INVALID Frame 2 came where 1 was due/,
    lastStep: /worker receives of/,
  },
  {
    mistake: 'going on from a Welcome that was not judged',
    config: {
      inputs: 1,
      moves: 1,
      drains: 1,
      thaws: 1,
      kills: 1,
      mistakes: { checkpointSurvivesThaw: true, ignoresStaleness: true, trustsWelcome: true },
    },
    rule: /^I[345]/,
    lastStep: /A receives over/,
  },
  {
    mistake: 'ending an attachment for a Hello that is refused',
    config: { inputs: 0, intruders: 1, mistakes: { fencesUnverified: true } },
    rule: /^I18/,
    lastStep: /meets an intruder/,
  },
];

describe('the model finds', () => {
  test.each(cases)('$mistake', ({ mistake, config, ignoresRefusals = false, rule, lastStep }) => {
    const found = explore(config, { ignoresRefusals });
    if (showsTraces) {
      const steps = found.failure?.trace.length ?? 0;
      const how = `${steps} steps, ${found.states} situations`;
      process.stdout.write(`Planted fault, found as it must be (${how}): ${mistake}\n${describeFailure(found)}\n`);
    }
    expect(found.failure?.rule).toMatch(rule);
    expect(found.failure?.trace.at(-1)).toMatch(lastStep);
    expect(found.failure?.trace.length).toBeLessThanOrEqual(16);
  });
});
