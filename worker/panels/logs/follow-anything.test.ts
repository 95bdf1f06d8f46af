import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { createFakeClock } from '#common/time/clock.js';
import { createFakePanelContext, createRecordedOutput, type RecordedOutput } from '#test/support/panel-context.js';
import type { PanelSession } from '../../panel/panel.js';
import { createLogsPanel } from './logs.js';

/** How a log is rotated. Every scheme keeps all archives. */
type Scheme = 'down' | 'up' | 'date' | 'date before the extension' | 'copy';

type Step =
  | { readonly kind: 'append'; readonly lines: number }
  | { readonly kind: 'rotate' }
  | { readonly kind: 'truncate' }
  | { readonly kind: 'remove' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'start' }
  | { readonly kind: 'breathe' };

const plain = (weight: number, kind: Exclude<Step['kind'], 'append'>) => ({ weight, arbitrary: fc.constant({ kind }) });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('append' as const), lines: fc.integer({ min: 1, max: 400 }) }),
  },
  plain(4, 'rotate'),
  plain(1, 'truncate'),
  plain(1, 'remove'),
  plain(2, 'stop'),
  plain(2, 'start'),
  plain(2, 'breathe'),
);
const schemes: readonly Scheme[] = ['down', 'up', 'date', 'date before the extension', 'copy'];

/** A log, and what is known of every line that was written to it. */
class WrittenLog {
  readonly path: string;
  /** Lines that may not have been read before they were destroyed, those of each file together. */
  readonly destroyed: (readonly string[])[] = [];
  lines = 0;
  #inFile: string[] = [];
  #archives = 0;

  constructor(
    readonly root: string,
    readonly scheme: Scheme,
  ) {
    this.path = join(root, 'app.log');
    for (const name of readdirSync(root)) unlinkSync(join(root, name));
    for (const suffix of ['.90', '-20200101']) writeFileSync(`${this.path}${suffix}`, 'ancient\n'.repeat(20));
    writeFileSync(this.path, '');
  }

  append(count: number): void {
    const numbers = Array.from({ length: count }, () => String(this.lines++).padStart(6, '0'));
    // Lines of one length that end alike.
    const text = numbers.map((number) => `${number} ${'.'.repeat(80)}\n`).join('');
    appendFileSync(this.path, text);
    this.#inFile.push(...numbers);
  }

  rotate(): void {
    const archive = this.#nextName();
    if (this.scheme === 'copy') {
      copyFileSync(this.path, archive);
      truncateSync(this.path);
    } else {
      renameSync(this.path, archive);
      writeFileSync(this.path, '');
    }
    this.#inFile = [];
  }

  truncate(): void {
    truncateSync(this.path);
    this.#lose();
  }

  remove(): void {
    unlinkSync(this.path);
    writeFileSync(this.path, '');
    this.#lose();
  }

  #lose(): void {
    this.destroyed.push(this.#inFile.splice(0));
  }

  #nextName(): string {
    const count = ++this.#archives;
    if (this.scheme === 'up') return `${this.path}.${count}`;
    if (this.scheme === 'date') return `${this.path}-${20260100 + count}`;
    if (this.scheme === 'date before the extension') return join(this.root, `app-${20260100 + count}.log`);
    for (let number = count; number >= 1; number--) {
      const name = `${this.path}.${number}`;
      if (existsSync(name)) renameSync(name, `${this.path}.${number + 1}`);
    }
    return `${this.path}.1`;
  }
}

let root: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'panelet-anything-')));
});
afterEach(() => rmSync(root, { recursive: true }));

// Real files, on machines that may be busy.
jest.setTimeout(120_000);

/** A follower of a log that can be stopped and started. */
class Follower {
  readonly outputs: RecordedOutput[] = [];
  readonly #clock = createFakeClock();
  readonly #panel = createLogsPanel({ parameters: { roots: root } });
  #session: PanelSession | undefined;
  #state: Uint8Array | undefined;

  async open(path: string): Promise<void> {
    this.#session = await this.#panel.open(this.#context({ path, from: 'start' }));
  }

  async stop(): Promise<void> {
    if (!this.#session) return;
    await this.#session.freeze();
    this.#state = this.#session.checkpoint!();
    await this.#session.close();
    this.#session = undefined;
  }

  async start(): Promise<void> {
    if (!this.#session) this.#session = await this.#panel.restore!(this.#context({}), this.#state!);
  }

  get numbers(): readonly string[] {
    const text = this.outputs.map((output) => output.text).join('');
    return text.split('\n').map((line) => line.slice(0, 6).trim());
  }

  hears(...names: string[]): boolean {
    return this.outputs.some(({ events }) => events.some(({ name }) => names.includes(name)));
  }

  async shows(number: string): Promise<void> {
    const ticking = setInterval(() => this.#clock.advance(2000), 5);
    await this.outputs
      .at(-1)!
      .until(() => this.numbers.includes(number))
      .finally(() => clearInterval(ticking));
  }

  #context(parameters: Record<string, string>) {
    this.outputs.push(createRecordedOutput());
    return createFakePanelContext({ parameters, output: this.outputs.at(-1)!, clock: this.#clock });
  }
}

async function run(log: WrittenLog, follower: Follower, steps: readonly Step[]): Promise<void> {
  for (const next of steps) {
    if (next.kind === 'append') log.append(next.lines);
    if (next.kind === 'rotate') log.rotate();
    if (next.kind === 'truncate') log.truncate();
    if (next.kind === 'remove') log.remove();
    if (next.kind === 'stop') await follower.stop();
    if (next.kind === 'start') await follower.start();
    if (next.kind === 'breathe') await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await follower.start();
  log.append(1);
}

test('every line comes once and in order, or an event tells what is not known; nothing of what was there before comes', async () => {
  const scheme = fc.constantFrom(...schemes);
  await fc.assert(
    fc.asyncProperty(scheme, fc.array(step, { maxLength: 30 }), async (rotation, anySteps) => {
      // A copy is known by the file that it was made of: what becomes of it when that is removed is in docs/reference/logs-panel.md.
      const steps = anySteps.filter(({ kind }) => rotation !== 'copy' || kind !== 'remove');
      const log = new WrittenLog(root, rotation);
      const follower = new Follower();
      try {
        await follower.open(log.path);
        await run(log, follower, steps);
        const all = Array.from({ length: log.lines }, (_, number) => String(number).padStart(6, '0'));
        await follower.shows(all.at(-1)!);
        const { numbers } = follower;
        const shown = numbers.filter((number) => number !== '');
        expect(shown.filter((number, index) => shown.indexOf(number) !== index)).toEqual([]);
        const seen = new Set(shown);
        const mayBeLost = new Set(log.destroyed.flat());
        expect(all.filter((number) => !seen.has(number) && !mayBeLost.has(number))).toEqual([]);
        // Of a file that came and went while nobody looked nobody knows.
        const isCut = (lines: readonly string[]): boolean =>
          lines.some((number) => seen.has(number)) && lines.some((number) => !seen.has(number));
        expect(follower.hears('gap', 'truncated') || !log.destroyed.some(isCut)).toBe(true);
        if (!follower.hears('unsure')) expect([...shown].sort()).toEqual(shown);
      } finally {
        await follower.stop();
      }
    }),
    { numRuns: 150 },
  );
});
