import { describe, expect, test } from '@jest/globals';
import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import type { DaemonSet } from '#kube/objects.js';
import type { ActionContext, ExecutorDeps } from './action-tools.js';
import { createExecutor } from './executor.js';

const target: DaemonSet = { metadata: { name: 'panelet-agent', uid: 'u' } };

function reportWhere(answer: () => Promise<void>): Promise<unknown> {
  const executor = createExecutor({ log: createSilentLog(), targets: { annotate: answer } } as unknown as ExecutorDeps);
  return executor.execute({} as ActionContext, { kind: 'report', target, result: 'Succeeded:A' });
}

describe('what became of a request', () => {
  const refused = (code: ErrorCode) => () => Promise.reject(new PaneletError(code, 'no'));

  test('is written at the target', async () => {
    expect(await reportWhere(() => Promise.resolve())).toEqual({ progress: true });
  });

  test('holds nothing up where it may not be written', async () => {
    expect(await reportWhere(refused('API_REFUSED'))).toEqual({ progress: false });
  });

  test('is tried again where the target has changed meanwhile', async () => {
    await expect(reportWhere(refused('API_CONFLICT'))).rejects.toMatchObject({ code: 'API_CONFLICT' });
  });
});
