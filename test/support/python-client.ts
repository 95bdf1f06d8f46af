import { spawnSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { startProgram, type RunningProgram } from '../e2e/support/run-program.js';

/** What `client.py echo` prints, as far as tests read it. */
export interface PythonEcho {
  readonly equal: boolean;
  readonly blocks: Readonly<Record<'sent' | 'lost' | 'duplicated' | 'reordered' | 'damaged', number>>;
  readonly sha256_sent: string;
  readonly sha256_at_worker: string | null;
  readonly attachments: readonly { readonly outcome: string; readonly incarnation: number }[];
  readonly drains: readonly { readonly phase: string }[];
  readonly gaps_ms: readonly number[];
  readonly longest_gap_ms: number;
}

/** The interpreter with what test/e2e/python needs; undefined where this machine has none. */
export function findPython(): string | undefined {
  const candidates = [join(userInfo().homedir, '.cache/panelet-e2e/python/bin/python'), 'python3'];
  return candidates.find((python) => spawnSync(python, ['-c', 'import grpc, grpc_tools']).status === 0);
}

/** Starts the tests' own client in Python. @throws where this machine has no interpreter for it */
export function startPythonClient(args: readonly string[]): RunningProgram {
  const python = findPython();
  if (python === undefined) throw new Error('test/e2e/python/setup.sh has not been run.');
  return startProgram(python, ['test/e2e/python/client.py', ...args]);
}
