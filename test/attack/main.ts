/** Attacks a real agent on this machine and tells what its other users saw. docs/reference/attacks.md. */
import { Command, InvalidArgumentError } from 'commander';
import type { Attack } from './attack.js';
import type { AttackedAgent } from './attacked-agent.js';
import { attackLine } from './attack-line.js';
import { attacks } from './attacks.js';
import { runAttack, type AttackPlan } from './run-attack.js';
import { onStop } from '#common/process/on-stop.js';

interface Options {
  readonly list: boolean;
  readonly only: string;
  readonly seconds: number;
  readonly against?: string;
  readonly stall: number;
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new InvalidArgumentError('Must be a number above 0.');
}

const options = new Command('panelet-attack')
  .description('Attacks a real agent on this machine, one way after the other: exits 0 only when all were withstood.')
  .option('--list', 'name the attacks, and run none', false)
  .option('--only <text>', 'those whose title has this', '')
  .option('--seconds <count>', 'how long each goes on', positive, 5)
  .option('--against <program>', 'the agent to start, instead of the one that is built here')
  .option('--stall <ms>', 'longest time without an answer that counts as withstood', positive, 1000)
  .parse()
  .opts<Options>();

const say = (line: string): void => void process.stdout.write(`${line}\n`);

interface Trial {
  readonly title: string;
  readonly what: string;
  readonly plan: Omit<AttackPlan, 'seconds'>;
}

function trialsOf(attack: Attack): Trial[] {
  const whos = attack.by === 'either' ? ['stranger', 'client'] : [attack.by];
  const ways = attack.needsTls === true ? ['tls'] : ['clear', 'tls'];
  return whos.flatMap((who) =>
    ways.map((way) => ({
      title: `${attack.name}, ${who}, ${way}`,
      what: attack.what,
      plan: { attacks: [attack.name], tls: way === 'tls', withToken: who === 'client' },
    })),
  );
}

function pair(attacksAtOnce: readonly string[], plan: Partial<AttackPlan> = {}): Trial {
  const returns = plan.sessionsThatReturn === undefined ? '' : ', agent restarted';
  const title = `${attacksAtOnce.join(' + ')}, client${returns}`;
  return { title, what: 'at once', plan: { attacks: attacksAtOnce, withToken: true, ...plan } };
}

const sessionsThatReturn = 200;
const trials: readonly Trial[] = [
  ...attacks.flatMap(trialsOf),
  pair(['attach-and-cancel-on-many', 'fat-health-watch']),
  pair(['idle-connections', 'bad-frames']),
  pair(['tls-handshake-flood', 'rapid-reset'], { tls: true }),
  ...['rapid-reset', 'health-watch', 'idle-connections', 'attach-and-cancel-on-many', 'bad-frames'].map((name) =>
    pair([name], { sessionsThatReturn }),
  ),
  pair(['tls-handshake-flood'], { sessionsThatReturn }),
];
const chosen = trials.filter(({ title }) => title.includes(options.only));
if (options.list) {
  for (const { title, what } of chosen) say(`${title}: ${what}`);
  process.exit(0);
}
let running: AttackedAgent | undefined;
onStop(process, () => running?.close() ?? Promise.resolve());
const onStarted = (agent: AttackedAgent): void => {
  running = agent;
};
let failed = 0;
for (const { title, plan } of chosen) {
  try {
    const agent = options.against === undefined ? {} : { agent: options.against };
    const verdict = await runAttack({ ...plan, ...agent, onStarted, seconds: options.seconds });
    const late = verdict.longestStallMs - verdict.ownStallMs > options.stall && plan.sessionsThatReturn === undefined;
    const problems = [...verdict.problems, ...(late ? [`a stall of more than ${options.stall} ms`] : [])];
    if (problems.length > 0) failed++;
    say(attackLine(title, { ...verdict, problems }));
  } catch (error) {
    failed++;
    say(`FAIL ${title}: ${(error as Error).message}`);
  }
}
say(`${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
