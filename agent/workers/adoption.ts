import { rm } from 'node:fs/promises';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import type { Log } from '#common/log.js';
import type { Changes } from '#common/changes.js';
import { endProcess, isAlive, type ProcessId, type ProcessTable } from './process-table.js';
import type { ConnectionState, WorkerConnection } from './worker-connection.js';
import { readWorkerRecord, removeWorkerRecord } from './worker-record.js';

/** What adoption needs. */
export interface AdoptionDeps {
  readonly panel: string;
  readonly socketPath: string;
  readonly recordFile: string;
  readonly table: ProcessTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly link: WorkerConnection;
  readonly changes: Changes;
  /** Time for a living worker to answer. */
  readonly answerMs: number;
  /** Time between SIGTERM and SIGKILL for what cannot be used. */
  readonly termMs: number;
}

/** A worker that an earlier agent started, and the hash of the command it was started with, where it is known. */
export interface Adopted {
  readonly id: ProcessId;
  readonly commandHash: string | undefined;
}

/**
 * Looks for a worker that lives from before, by its record, by its arguments and by its socket. One that answers for
 * the right panel is adopted; every other process that claims the socket is ended, so that no panel ever has two.
 */
export async function adoptWorker(deps: AdoptionDeps): Promise<Adopted | undefined> {
  const record = await readWorkerRecord(deps.recordFile);
  const recorded = record === undefined ? undefined : { pid: record.pid, startTime: record.startTime };
  const claimants = [...deps.table.findByArgument('--socket', deps.socketPath)];
  if (recorded !== undefined && isAlive(deps.table, recorded)) claimants.push(recorded);
  const answer = await waitForAnswer(deps, claimants.length > 0);
  const answering = answeringProcess(deps.table, answer);
  if (answering !== undefined) claimants.push(answering);
  const usable = answer?.kind === 'up' ? answering : undefined;
  for (const claimant of distinct(claimants)) {
    if (claimant.pid === usable?.pid) continue;
    deps.log.warn({ pid: claimant.pid, state: answer }, 'A process that cannot be used as worker is ended');
    await endProcess(deps.table, claimant, deps);
  }
  if (usable !== undefined) {
    deps.log.info({ pid: usable.pid }, 'Worker adopted');
    return { id: usable, commandHash: record?.pid === usable.pid ? record.commandHash || undefined : undefined };
  }
  await removeWorkerRecord(deps.recordFile);
  await rm(deps.socketPath, { force: true });
  return undefined;
}

function answeringProcess(table: ProcessTable, answer: ConnectionState | undefined): ProcessId | undefined {
  const about = answer === undefined || answer.kind === 'absent' ? undefined : answer.about;
  return about === undefined ? undefined : table.find(about.pid);
}

// Undefined when nothing answers in time, or at once when nobody is there who could.
async function waitForAnswer(deps: AdoptionDeps, expected: boolean): Promise<ConnectionState | undefined> {
  const look = (): ConnectionState | undefined => {
    const state = deps.link.state();
    if (state.kind === 'up') return state;
    if (state.kind === 'absent') return expected ? undefined : state;
    return state.about === undefined || state.about.panel === deps.panel ? undefined : state;
  };
  try {
    const bounds = { clock: deps.clock, limitMs: deps.answerMs };
    return await withDeadline(bounds, (signal) => deps.changes.until(look, signal));
  } catch {
    return undefined;
  }
}

function distinct(claimants: readonly ProcessId[]): readonly ProcessId[] {
  return [...new Map(claimants.map((claimant) => [claimant.pid, claimant])).values()];
}
