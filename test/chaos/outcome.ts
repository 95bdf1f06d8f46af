import type { ShellVerdict } from '#test/e2e/support/shell-session.js';
import { isFlawless, type EchoVerdict } from '#test/support/echo-load.js';
import type { Outcome } from './history.js';

/** What is to be said about a session that is over. */
export interface Judgement {
  readonly outcome: Outcome;
  readonly evidence: string;
}

/** What the client heard besides the output. */
export interface Told {
  /** Of the first loss, or of the session's end that nobody asked for: lost, exit, or the code of an error. */
  readonly loss: string | undefined;
}

// Ending a session is asked of an agent that may be away; it says nothing about the stream.
const ofStream = (failure: string): boolean => !failure.startsWith('close:');

function judge(flaws: readonly string[], told: Told, incomplete: readonly string[]): Judgement {
  if (flaws.length > 0) return { outcome: 'broken', evidence: flaws.join('; ') };
  if (told.loss !== undefined) return { outcome: 'told', evidence: told.loss };
  if (incomplete.length === 0) return { outcome: 'exact', evidence: '' };
  return { outcome: 'broken', evidence: `nothing was told, but ${incomplete.join('; ')}` };
}

/** Judges an echo session that was read up to the first loss. */
export function judgeEcho(verdict: EchoVerdict, told: Told, deviation: string | undefined): Judgement {
  const { duplicated, reordered, corrupt, lost, sentBytes, bytes, panelBytes } = verdict;
  const flaws = deviation === undefined ? [] : [deviation];
  const counts = { duplicated, reordered, corrupt };
  for (const [name, count] of Object.entries(counts)) if (count > 0) flaws.push(`${count} records ${name}`);
  const errors = verdict.errors.filter(ofStream);
  if (isFlawless({ ...verdict, errors })) return judge(flaws, told, []);
  const numbers = `sent ${sentBytes} bytes, the panel had ${panelBytes}, ${bytes} came back, ${lost} records missing`;
  return judge(flaws, told, [numbers, ...errors]);
}

/** Judges a shell. */
export function judgeShell(verdict: ShellVerdict, told: Told): Judgement {
  const { before, after, output, typed, executed } = verdict;
  const flaws: string[] = [];
  const odd = executed.findIndex((line, index) => line !== typed[index]);
  if (odd >= 0) flaws.push(`line ${odd} carried out is ${executed[odd] ?? ''}, typed was ${typed[odd] ?? 'nothing'}`);
  if (output.duplicated > 0) flaws.push(`${output.duplicated} ticks repeated`);
  if (output.reordered > 0) flaws.push(`${output.reordered} ticks out of order`);
  const incomplete = verdict.failures.filter(ofStream);
  if (output.lost > 0) incomplete.push(`${output.lost} ticks missing`);
  if (executed.length < typed.length) incomplete.push(`${executed.length} of ${typed.length} lines carried out`);
  if (after.pid !== before.pid || after.startTicks !== before.startTicks) {
    incomplete.push(`it began as process ${before.pid} and is ${after.pid}`);
  }
  return judge(flaws, told, incomplete);
}
