import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestEnvironment } from 'jest-environment-node';
import { endLeftProcesses } from './left-processes.js';

const defaultPatienceMs = 10_000;
const ownVariables = ['TMPDIR', 'HOME'];

/**
 * Jest environment in which every test file has a directory of its own for temporary files and as home. Processes that it starts
 * are known by it, however detached. A file that leaves some behind fails; they are ended, and the directory is removed.
 * Option `patienceMs`: how long they may take to end, 10 s by default.
 */
export default class TidyEnvironment extends TestEnvironment {
  #directory;
  #before;
  #patienceMs;

  constructor(config, context) {
    // Short: sockets are made below it.
    const directory = realpathSync(mkdtempSync(join(tmpdir(), 't')));
    const before = Object.fromEntries(ownVariables.map((name) => [name, process.env[name]]));
    // Of the process that runs the file, for programs that inherit it; the tests themselves get a copy.
    for (const name of ownVariables) process.env[name] = directory;
    super(config, context);
    this.#directory = directory;
    this.#before = before;
    this.#patienceMs = config.projectConfig.testEnvironmentOptions.patienceMs ?? defaultPatienceMs;
  }

  async teardown() {
    await super.teardown();
    for (const [name, value] of Object.entries(this.#before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    const left = await endLeftProcesses(this.#directory, this.#patienceMs);
    rmSync(this.#directory, { recursive: true, force: true });
    if (left.length === 0) return;
    const error = new Error(`These processes of the test file were left, and have been ended:\n${left.join('\n')}`);
    // Where it is thrown says nothing.
    error.stack = error.message;
    throw error;
  }
}
