import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = join(import.meta.dirname, 'tidy-guard.js');

/**
 * Jest reporter that gives a run a directory of its own for temporary files, and a guard that ends what works in it and removes it
 * when the run is over, also when somebody interrupts or kills it. A run that leaves processes behind fails.
 * Option `patienceMs`: how long they may take to end, 10 s by default.
 */
export default class TidyReporter {
  #guard;
  #report = '';
  #before;
  #error;
  #patienceMs;

  constructor(_globalConfig, { patienceMs = 10_000 } = {}) {
    this.#patienceMs = patienceMs;
  }

  onRunStart() {
    // Short: sockets are made below it.
    const directory = realpathSync(mkdtempSync(join(tmpdir(), 'j-')));
    // A session of its own: Ctrl-C is not for it.
    const args = [program, directory, String(this.#patienceMs)];
    this.#guard = spawn(process.execPath, args, { detached: true, stdio: ['pipe', 'ignore', 'pipe'] });
    this.#report = '';
    this.#guard.stderr.setEncoding('utf8').on('data', (text) => (this.#report += text));
    this.#before = process.env.TMPDIR;
    // The processes that run test files are started later and inherit it.
    process.env.TMPDIR = directory;
  }

  async onRunComplete() {
    if (this.#before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = this.#before;
    const ended = once(this.#guard, 'close');
    this.#guard.stdin.end();
    await ended;
    if (this.#report === '') return;
    this.#error = new Error(`These processes of the run were left, and have been ended:\n${this.#report}`);
    process.stderr.write(`${this.#error.message}\n`);
  }

  /** What Jest asks for to see whether the run has failed. */
  getLastError() {
    return this.#error;
  }
}
