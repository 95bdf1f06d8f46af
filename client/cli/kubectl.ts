import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PaneletError, type ErrorCode } from '#common/errors.js';

/** Which cluster, as kubectl understands it. */
export interface KubectlOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly signal?: AbortSignal;
}

/** The user's kubectl: it has the credentials, plugins and contexts that the user is used to. */
export interface Kubectl {
  /** Runs to the end. `args` begin with the verb. @returns standard output. @throws PaneletError with kubectl's own words. */
  run(args: readonly string[]): Promise<string>;
  /** Runs and yields lines of standard output as they come; ends kubectl when the caller stops. */
  lines(args: readonly string[]): AsyncGenerator<string, void, undefined>;
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
  [/NotFound/i, 'API_NOT_FOUND', 'Check the name and the namespace (-n).'],
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
    `kubectl: ${said === '' ? exit : said}${said.endsWith('.') ? '' : '.'} ${advice}`.trim(),
    { cause },
  );
}

/** kubectl from PATH. */
export function createKubectl(options: KubectlOptions): Kubectl {
  const start = (args: readonly string[]): ChildProcess => {
    const cluster = [
      ...(options.kubeconfig === undefined ? [] : ['--kubeconfig', options.kubeconfig]),
      ...(options.context === undefined ? [] : ['--context', options.context]),
    ];
    return spawn('kubectl', [...args, ...cluster], {
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  };
  const finished = (child: ChildProcess, args: readonly string[]): Promise<void> => {
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    return new Promise((resolve, reject) => {
      child.on('error', (cause) => {
        if (cause.name === 'AbortError') {
          reject(new PaneletError('TIMEOUT', 'Interrupted while waiting for kubectl.', { cause }));
          return;
        }
        const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
        const message = missing
          ? 'kubectl is not on PATH. This command asks the cluster through it: install kubectl.'
          : `kubectl could not be run: ${cause.message}.`;
        reject(new PaneletError(missing ? 'CONFIG_INVALID' : 'RESTART_FAILED', message, { cause }));
      });
      child.on('close', (code, signal) => {
        if (code === 0) resolve();
        else reject(errorOfKubectl(args, stderr, signal ?? `exit code ${code ?? '?'}`));
      });
    });
  };
  return {
    run: async (args) => {
      const child = start(args);
      let stdout = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      await finished(child, args);
      return stdout;
    },
    lines: async function* (args) {
      const child = start(args);
      const done = finished(child, args);
      done.catch(() => undefined);
      try {
        if (child.stdout !== null) yield* createInterface({ input: child.stdout });
        await done;
      } finally {
        child.kill();
      }
    },
  };
}
