/** A program that is to run as an owner. */
export interface OwnedProgram {
  /** The owner's uid, and gid. */
  readonly uid: number;
  /** Absolute path. */
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Descriptors that become the owner's. @default the three standard ones: his terminal, or pipes */
  readonly streams?: readonly number[];
}

/** What a process of one owner may have. */
export interface ProcessLimits {
  /** Open files of each process (RLIMIT_NOFILE). */
  readonly openFiles: number;
  /** Processes of the uid on the whole node, or in its user namespace (RLIMIT_NPROC). */
  readonly processes: number;
}

/** What to start for an `OwnedProgram`. */
export interface LaunchCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const shell = '/bin/sh';
const carried = 'PANELET_CARRIED_';
// Runs as the owner. The names were checked when the environment was made.
const becomeProgram = [
  'cd -- "$1" || exit 126',
  'carried=$2; shift 2',
  'unset PATH',
  `for name in $carried; do eval "export $name=\\"\\$${carried}$name\\"; unset ${carried}$name"; done`,
  'unset carried name',
  'exec "$@"',
].join('; ');

/**
 * The one way in which something is started for an owner: his terminal or pipes chowned by descriptor; uid, gid, no groups, none
 * of the five sets of capabilities, no_new_privs, limits; then, as him, his directory, environment and program.
 * Nothing that he chose is in the environment before: LD_PRELOAD would run with the worker's capabilities.
 */
export function launchCommand(program: OwnedProgram, limits: ProcessLimits): LaunchCommand {
  const { uid, streams = [0, 1, 2] } = program;
  const names = Object.keys(program.environment);
  const carriedVariables = Object.entries(program.environment).map(([name, value]) => [`${carried}${name}`, value]);
  return {
    file: shell,
    args: ['-c', giveStreams(streams), 'panelet-launch', String(uid), ...dropTo(uid), ...limitTo(limits)].concat(
      [shell, '-c', becomeProgram, 'panelet-launch', program.cwd, names.join(' '), program.file],
      program.args,
    ),
    environment: { ...(Object.fromEntries(carriedVariables) as Record<string, string>), PATH: systemPath },
  };
}

function dropTo(uid: number): string[] {
  // A change of uid clears what was set before.
  const dies = ['--pdeathsig', 'HUP'];
  const none = ['--no-new-privs', '--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all'];
  return ['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups', ...dies, ...none, '--'];
}

function limitTo({ openFiles, processes }: ProcessLimits): string[] {
  return ['prlimit', `--nofile=${openFiles}`, `--nproc=${processes}`];
}

// Runs with what the worker has: the terminal, or the pipes, that it stands on become the owner's, their group stays.
function giveStreams(streams: readonly number[]): string {
  const paths = streams.map((fd) => ` /proc/self/fd/${fd}`).join('');
  return `${paths === '' ? '' : `chown "$1"${paths} || exit 126; `}shift; exec "$@"`;
}
