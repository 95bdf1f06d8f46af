import { startProgram, type RunningProgram } from '../e2e/support/run-program.js';
import { findPython } from './strange-tools.js';

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

/** Starts the tests' own client in Python. @throws where this machine has no interpreter for it */
export function startPythonClient(args: readonly string[]): RunningProgram {
  const python = findPython('grpc', 'grpc_tools');
  if (python === undefined) throw new Error('test/e2e/python/setup.sh has not been run.');
  return startProgram(python, ['test/e2e/python/client.py', ...args]);
}
