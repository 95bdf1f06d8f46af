import { Argument, Command, CommanderError, Option } from 'commander';
import { PaneletError } from '#common/errors/errors.js';
import { attachCommand, type AttachFlags } from './session/attach-command.js';
import { boardCommand, type BoardFlags } from './board/board-command.js';
import { speaksOfCluster, usesCluster } from './access/agent-access.js';
import { vias } from './cluster/via.js';
import { report, type CliContext } from './access/cli-context.js';
import type { CliWorld } from './io/cli-world.js';
import { complete, completionText } from './completion/completion.js';
import {
  completeArgument,
  completionScripts,
  completionShells,
  type CompletionShell,
} from './completion/completion-scripts.js';
import { createCompletionSources } from './completion/completion-sources.js';
import { detachKeysText } from './terminal/detach-keys.js';
import { reportError } from './io/error-report.js';
import { execCommand, type ExecFlags } from './session/exec-command.js';
import { exitCodes } from './io/exit-codes.js';
import {
  collect,
  durationOption,
  readCount,
  readDuration,
  readPort,
  readTail,
  timeoutPolicyOption,
} from './io/flag-values.js';
import { drainCommand, gateCommand, uncordonCommand, type DrainFlags } from './fleet/gate-commands.js';
import { endCommand, listPanelsCommand, listSessionsCommand } from './fleet/list-commands.js';
import { logsCommand, type LogsFlags } from './session/logs-command.js';
import { planCommand, type PlanFlags } from './fleet/plan-command.js';
import { reloadCommand, type ReloadFlags } from './fleet/reload-command.js';
import { restartCommand, type RestartFlags } from './fleet/restart-command.js';
import { retireCommand, type RetireFlags } from './fleet/retire-command.js';
import { switchRestartCommand } from './fleet/restart-switches.js';
import { fleetStatusCommand } from './fleet/fleet-commands.js';
import { outputFormats } from './io/output.js';
import type { GlobalFlags } from './access/settings.js';
import { watchStdout } from './io/watch-stdout.js';

/** What a command does; a number is its exit code. */
type Action = (context: CliContext) => Promise<unknown>;

/** How a command is run once commander has read the line. */
type Runner = (command: Command, action: Action) => Promise<void>;

const gateTarget = (): Option =>
  new Option('--target <target>', "the agent's pod with its workers, or the host of kept workers, such as terminals")
    .choices(['agent', 'host'])
    .default('agent');
const param = (): Option => new Option('--param <key=value>', 'parameter of the panel; repeatable').argParser(collect);

function addGlobalOptions(program: Command): void {
  program
    .option('-a, --address <host:port>', 'address of an agent (PANELET_ADDRESS; default 127.0.0.1:7443)')
    .option('--token <token>', 'token of your identity (PANELET_TOKEN; prefer a file: arguments are visible to others)')
    .option('--token-file <file>', 'file with the token (PANELET_TOKEN_FILE)')
    .option('--ca <file>', 'certificate authorities to trust, PEM (PANELET_CA); implies --tls')
    .option('--server-name <name>', 'name in the certificate, where it is not the host of the address; implies --tls')
    .option('--tls', 'use TLS; the default except to this machine')
    .option('--plaintext', 'no TLS, even to another machine')
    .option('--node <name>', 'the agent of this node, found through kubectl')
    .addOption(
      new Option('--via <way>', "how a node is reached: through the API server, or at the agent's own address").choices(
        vias,
      ),
    )
    .option('-n, --namespace <name>', 'namespace of Panelet (default panelet-system)')
    .option('--service-account <name>', 'whose tokens kubectl makes when no token is given (default panelet-user)')
    .option('--kubeconfig <file>', 'passed to kubectl')
    .option('--context <name>', 'passed to kubectl')
    .addOption(
      new Option(
        '-o, --output <format>',
        'how results are written; wide has whole session ids, name is for ls and sessions',
      )
        .choices(outputFormats)
        .default('table'),
    )
    .option('-v, --verbose', 'show the causes of an error');
}

function addSessionCommands(program: Command, run: Runner): void {
  program
    .command('attach [panel]')
    .description(
      `a session on this terminal, a shell by default; ${detachKeysText} detaches. A command may follow "--"`,
    )
    .option('--session <id>', 'go on with a session that was left; the beginning of its id is enough')
    .option('--resume', 'go on with the session that was left last')
    .option('--no-tty', 'no terminal here: its bytes as they come; for a command with clean pipes there is exec -i')
    .addOption(param())
    .action((panel: string | undefined, flags: AttachFlags, command: Command) =>
      run(command, (context) => attachCommand(context, panel, flags)),
    );
  program
    .command('exec [panel]')
    .description('run the command after "--" and end with its exit code')
    .option('-i, --stdin', 'pass standard input on; without it the command reads an empty one')
    .option('-t, --tty', 'on this terminal; without it on pipes, where bytes pass as they are')
    .addOption(
      new Option('-e, --env <name=value>', 'variable of the command, or NAME for its value here; repeatable').argParser(
        collect,
      ),
    )
    .option('-w, --workdir <directory>', 'where the command runs')
    .option('--timeout <duration>', 'end the command after that time, with exit code 124', readDuration)
    .addOption(param())
    .action((panel: string | undefined, flags: ExecFlags, command: Command) =>
      run(command, (context) => execCommand(context, panel, flags)),
    );
  program
    .command('logs <path...>')
    .description(
      'the lines of files on the node, below what its panel may read (by default /var/log); several have headers, as of tail',
    )
    .option('-f, --follow', 'go on with what is written to them, over rotation and restarts')
    .option('--tail <count>', 'only the last lines of each; -1 for all', readTail)
    .option('--lines <count>', 'the same', readCount)
    .option(
      '--since <when>',
      'only lines since a time (2026-01-31T10:00:00Z) or for as long (90s, 5m, 1h, 2d); refused where lines do not begin with a time',
    )
    .option('--prefix', 'the path before each line, instead of headers')
    .option('--panel <name>', 'panel that reads them', 'logs')
    .addOption(param())
    .action((paths: readonly string[], flags: LogsFlags, command: Command) =>
      run(command, (context) => logsCommand(context, paths, flags)),
    );
}

function addListCommands(program: Command, run: Runner): void {
  program
    .command('ls')
    .description('the panels of the node')
    .action((_flags: object, command: Command) => run(command, listPanelsCommand));
  program
    .command('sessions')
    .description('your sessions')
    .option('--panel <name>', 'only of this panel')
    .action((flags: { panel?: string }, command: Command) =>
      run(command, (context) => listSessionsCommand(context, flags)),
    );
  program
    .command('end <session>')
    .description('end a session for good; the beginning of its id is enough')
    .action((session: string, _flags: object, command: Command) =>
      run(command, (context) => endCommand(context, session)),
    );
}

function addGateCommands(program: Command, run: Runner): void {
  program
    .command('gate')
    .description('the state of the agent: may new sessions enter, is it safe to kill, what holds')
    .action((_flags: object, command: Command) => run(command, gateCommand));
  program
    .command('drain')
    .description('bring every session to where killing loses nothing, and print the receipt')
    .option('--reason <text>', 'told to clients', 'drained by hand')
    .addOption(durationOption('--timeout <duration>', 'for the whole drain', 60))
    .addOption(durationOption('--notice <duration>', 'time that sessions are told before they freeze', 10))
    .addOption(durationOption('--lease <duration>', 'time after which it serves again by itself', 60))
    .addOption(timeoutPolicyOption('what happens to sessions that are not safe at the deadline').default('abort'))
    .addOption(gateTarget())
    .option('-w, --watch', 'show each state, on standard error')
    .action((flags: DrainFlags, command: Command) => run(command, (context) => drainCommand(context, flags)));
  program
    .command('reload')
    .description('have the agent take up its configuration, and with --workers replace the workers that it starts')
    .option('--workers', 'start a new worker beside each, and move or restore its sessions there')
    .addOption(new Option('--panel <name>', 'only the worker of this panel; repeatable').argParser(collect))
    .option('--changed', 'only workers whose command, its program or parameters have changed')
    .action((flags: ReloadFlags, command: Command) => run(command, (context) => reloadCommand(context, flags)));
  program
    .command('uncordon')
    .description('serve again, whoever has cordoned')
    .addOption(gateTarget())
    .action((flags: { target: 'agent' | 'host' }, command: Command) =>
      run(command, (context) => uncordonCommand(context, flags)),
    );
}

const everyAgent = 'daemonset/panelet-agent';

function addRetireCommand(program: Command, run: Runner): void {
  program
    .command('retire')
    .argument(
      '[pod]',
      'a replaced host that stays for its sessions; all of a node with --node; without either, which there are',
    )
    .description('say when a replaced host has to go, whatever sessions it has')
    .option('--now', 'its sessions are told, and end in 10 s')
    .option('--at <time>', 'sooner or later than now planned: RFC 3339, or never')
    .action((pod: string | undefined, flags: RetireFlags, command: Command) =>
      run(command, (context) => retireCommand(context, pod, flags)),
    );
}

function addClusterCommands(program: Command, run: Runner): void {
  program
    .command('status')
    .description('every agent of the cluster and its restarts; of a single agent, as gate')
    .action((_flags: object, command: Command) =>
      run(command, (context) =>
        usesCluster(context) || speaksOfCluster(context) ? fleetStatusCommand(context) : gateCommand(context),
      ),
    );
  program
    .command('restart')
    .argument('[target]', 'what is restarted, as kind/name', everyAgent)
    .description('ask for a restart by annotation, through kubectl')
    .option('--reason <text>', 'told to clients')
    .option('--drain-timeout <duration>', 'for the drain of one pod, for example 90s')
    .addOption(
      timeoutPolicyOption(
        'what happens to sessions that are not safe when that time is over (default: as the target says)',
      ),
    )
    .option('--max-unavailable <count>', 'pods that may be away at once, a number or a percentage')
    .option('--wait', 'wait until it is finished')
    .addOption(durationOption('--timeout <duration>', 'of waiting', 600))
    .action((name: string, flags: RestartFlags, command: Command) =>
      run(command, (context) => restartCommand(context, name, flags)),
    );
  program
    .command('plan')
    .argument('[target]', 'what would be restarted, as kind/name', everyAgent)
    .description('what a restart would do, by a dry run')
    .option('--reason <text>', 'as for restart')
    .addOption(durationOption('--timeout <duration>', 'of waiting', 60))
    .action((name: string, flags: PlanFlags, command: Command) =>
      run(command, (context) => planCommand(context, name, flags)),
    );
  addRetireCommand(program, run);
  const switches = {
    pause: 'start no further pod of a restart',
    resume: 'go on with a restart that was paused',
    abort: 'call a restart off; it cannot be taken back',
  } as const;
  for (const kind of ['pause', 'resume', 'abort'] as const) {
    program
      .command(`${kind} <restart>`)
      .description(switches[kind])
      .action((restart: string, _flags: object, command: Command) =>
        run(command, (context) => switchRestartCommand(context, kind, restart)),
      );
  }
}

function addBoardCommand(program: Command, run: Runner): void {
  program
    .command('board')
    .description(
      'a page of the cluster in your browser, served on this machine: restarts as they go, sessions, terminals',
    )
    .option('--port <port>', 'port on 127.0.0.1 (default: any that is free)', readPort, 0)
    .option('--no-open', 'open no browser')
    .addOption(new Option('--end-with-stdin', 'end when standard input does').hideHelp())
    .action((flags: BoardFlags, command: Command) => run(command, (context) => boardCommand(context, flags)));
}

/**
 * Runs the CLI. @returns the exit code, when everything is written.
 * @param argv arguments after the program's name.
 */
export async function runCli(argv: readonly string[], world: CliWorld): Promise<number> {
  const written = watchStdout(world);
  return written.settle(await runLine(argv, world));
}

const lists = ['ls', 'sessions'];
const excessWords = /too many arguments for '(attach|exec)'\..*/;

// Said before anything is done, as something may be ended by it.
function requireNames(command: Command, { output }: GlobalFlags): void {
  if (output !== 'name' || lists.includes(command.name())) return;
  const others = outputFormats.filter((format) => format !== 'name').join(', ');
  const message = `-o name is for ${lists.join(' and ')}; \`${command.name()}\` takes ${others}.`;
  throw new PaneletError('CONFIG_INVALID', message);
}

function inOurWords(text: string): string {
  return text.replace(/^error: /, 'panelet: ').replace(excessWords, '$& A command stands after "--".');
}

async function runLine(argv: readonly string[], world: CliWorld): Promise<number> {
  const dashes = argv.indexOf('--');
  const line = dashes < 0 ? argv : argv.slice(0, dashes);
  const afterDashes = dashes < 0 ? undefined : argv.slice(dashes + 1);
  let exitCode: number = exitCodes.ok.code;
  const run: Runner = async (command, action) => {
    const flags = command.optsWithGlobals<GlobalFlags>();
    try {
      requireNames(command, flags);
      const result = await action({ world, flags, program: afterDashes });
      exitCode = typeof result === 'number' ? result : exitCodes.ok.code;
    } catch (error) {
      exitCode = reportError(world, error, { format: flags.output ?? 'table', verbose: flags.verbose === true });
    }
  };
  const program = new Command(world.name)
    .description('Sessions on the panels of a cluster, which survive its restarts.')
    .version(world.version, '-V, --version')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => world.stdout.write(text),
      writeErr: (text) => world.stderr.write(inOurWords(text)),
    })
    .showHelpAfterError('(--help shows what there is)');
  addGlobalOptions(program);
  addSessionCommands(program, run);
  addListCommands(program, run);
  addGateCommands(program, run);
  addClusterCommands(program, run);
  addBoardCommand(program, run);
  program
    .command('completion')
    .description('a script for completion in a shell; kubectl finds kubectl_complete-panelet by itself')
    .addArgument(new Argument('<shell>', 'which shell').choices(completionShells))
    .action((shell: CompletionShell, _flags: object, command: Command) =>
      run(command, () => Promise.resolve(void world.stdout.write(completionScripts[shell]))),
    );
  program
    .command('version')
    .description('the version of this program')
    .action((_flags: object, command: Command) =>
      run(command, (context) => {
        report(context, { json: { version: world.version }, lines: [`panelet ${world.version}`] });
        return Promise.resolve();
      }),
    );
  if (argv[0] === completeArgument) {
    world.stdout.write(completionText(await complete(program, argv.slice(1), createCompletionSources(world))));
    return exitCodes.ok.code;
  }
  try {
    await program.parseAsync(line, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code;
  }
  return exitCode;
}
