import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import { kubectlGuard, notOnPath } from './kubectl-guard.js';

/** Which cluster, as kubectl understands it. */
export interface KubectlOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  /** Interrupts what runs to its end; a kubectl that is started goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** A kubectl that goes on until it is stopped. */
export interface RunningKubectl {
  /** Lines of standard output, as they come. */
  readonly lines: AsyncIterable<string>;
  /** Resolves when it has ended by itself. @throws PaneletError with kubectl's own words. */
  readonly ended: Promise<void>;
  /** Ends it. Resolves when it is gone. Idempotent. */
  readonly stop: () => Promise<void>;
}

/** The user's kubectl: it has the credentials, plugins and contexts that the user is used to. */
export interface Kubectl {
  /**
   * Runs to the end. `args` begin with the verb; `input` is its standard input. @returns standard output.
   * @throws PaneletError with kubectl's own words.
   */
  run(args: readonly string[], input?: string): Promise<string>;
  /** Runs and yields lines of standard output as they come; ends kubectl when the caller stops. */
  lines(args: readonly string[]): AsyncGenerator<string, void, undefined>;
  /** Runs until it is stopped. It is not of the terminal's foreground: ctrl-C does not reach it. */
  start(args: readonly string[]): RunningKubectl;
}

const kinds: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [/localhost:8080/, 'KUBECONFIG_INVALID', 'No cluster is configured: give --kubeconfig or set KUBECONFIG.'],
  [
    /context .* does not exist|context was not found|error in configuration|error loading config|invalid configuration|no such file|stat .*: /i,
    'KUBECONFIG_INVALID',
    'Check --kubeconfig and --context.',
  ],
  [/Unauthorized|must be logged in/i, 'IDENTITY_MISSING', 'Check the credentials in the kubeconfig.'],
  [/Forbidden/i, 'IDENTITY_REFUSED', 'Ask for the right to do this in the cluster.'],
  [/the server doesn't have a resource type/i, 'API_NOT_FOUND', 'Panelet is not installed in this cluster.'],
  [/NotFound|" not found/i, 'API_NOT_FOUND', 'Check the name and the namespace (-n).'],
  [
    /refused|unable to connect|no route|timeout|x509/i,
    'API_UNAVAILABLE',
    'Check that the cluster runs and is reachable.',
  ],
];

function errorOfKubectl(args: readonly string[], stderr: string, exit: string): PaneletError {
  const said = stderr
    .trim()
    .split('\n')
    .filter((line) => !/^E\d{4} /.test(line))
    .join(' ')
    .replace(/^(error: |Error from server( \(\w+\))?: )/i, '');
  const [, code, advice] = kinds.find(([pattern]) => pattern.test(stderr)) ?? [
    undefined,
    'RESTART_FAILED' as const,
    '',
  ];
  const cause = new Error(`kubectl ${args.join(' ')} ended with ${exit}: ${stderr.trim()}`);
  return new PaneletError(
    code,
    `kubectl: ${said === '' ? exit : said}${/[.?!]$/.test(said) ? '' : '.'} ${advice}`.trim(),
    { cause },
  );
}

interface StartOptions {
  readonly args: readonly string[];
  /** In a process group of its own. */
  readonly apart: boolean;
  readonly input?: string | undefined;
}

interface StartedKubectl {
  readonly child: ChildProcess;
  readonly done: Promise<void>;
  readonly stop: () => void;
}

function errorOfExit(
  args: readonly string[],
  stderr: string,
  code: number | null,
  signal: string | null,
): PaneletError {
  if (code === notOnPath) {
    const message = 'kubectl is not on PATH. This command asks the cluster through it: install kubectl.';
    return new PaneletError('CONFIG_INVALID', message);
  }
  return errorOfKubectl(args, stderr, signal ?? `exit code ${code ?? '?'}`);
}

function startGuarded(options: KubectlOptions, { args, apart, input }: StartOptions): StartedKubectl {
  const cluster = [
    ...(options.kubeconfig === undefined ? [] : ['--kubeconfig', options.kubeconfig]),
    ...(options.context === undefined ? [] : ['--context', options.context]),
  ];
  const child = spawn('/bin/sh', ['-c', kubectlGuard, 'kubectl', ...args, ...cluster], {
    env: options.env,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe'],
    detached: apart,
  });
  const lifeline = child.stdio[3];
  lifeline?.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  let interrupted = false;
  let stopped = false;
  // A plugin for credentials may outlive it, with its output in hand: nobody waits for that.
  const leaveOutput = (): void => {
    if (!stopped || (child.exitCode === null && child.signalCode === null)) return;
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  const stop = (): void => {
    stopped = true;
    lifeline?.destroy();
    leaveOutput();
  };
  child.on('exit', leaveOutput);
  const interrupt = (): void => {
    interrupted = true;
    stop();
  };
  const done = new Promise<void>((resolve, reject) => {
    child.on('error', (cause) => {
      reject(new PaneletError('RESTART_FAILED', `kubectl could not be run: ${cause.message}.`, { cause }));
    });
    child.on('close', (code, signal) => {
      options.signal?.removeEventListener('abort', interrupt);
      lifeline?.destroy();
      if (interrupted) reject(new PaneletError('TIMEOUT', 'Interrupted while waiting for kubectl.'));
      else if (code === 0) resolve();
      else reject(errorOfExit(args, stderr, code, signal));
    });
  });
  options.signal?.addEventListener('abort', interrupt, { once: true });
  if (options.signal?.aborted === true) interrupt();
  done.catch(() => undefined);
  return { child, done, stop };
}

/** kubectl from PATH. Ends with this process, however that ends. */
export function createKubectl(options: KubectlOptions): Kubectl {
  const linesOf = async function* (started: StartedKubectl): AsyncGenerator<string, void, undefined> {
    try {
      if (started.child.stdout !== null) {
        const lines = createInterface({ input: started.child.stdout });
        // Of output that is left it hears no end.
        started.done.catch(() => undefined).finally(() => lines.close());
        yield* lines;
      }
      await started.done;
    } finally {
      started.stop();
    }
  };
  return {
    run: async (args, input) => {
      const { child, done } = startGuarded(options, { args, apart: false, input });
      let stdout = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      await done;
      return stdout;
    },
    lines: (args) => linesOf(startGuarded(options, { args, apart: false })),
    start: (args) => {
      const started = startGuarded({ ...options, signal: undefined }, { args, apart: true });
      const gone = started.done.catch(() => undefined);
      return {
        lines: linesOf(started),
        ended: started.done,
        stop: () => {
          started.stop();
          return gone;
        },
      };
    },
  };
}
