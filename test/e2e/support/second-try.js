import { jest } from '@jest/globals';

// A machine that others share may stand still for seconds. What fails is tried once more there, and both tries are told.
if (process.env.CI !== undefined) jest.retryTimes(1, { logErrorsBeforeRetry: true });
