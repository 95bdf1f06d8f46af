import { startProgram, type RunningProgram } from './run-program.js';

/** Ways to pods through the API server, for clusters whose pods this machine cannot reach. */
export interface Forwards {
  /** Address on this machine that leads to a port of a pod. @throws when kubectl does not get there. */
  to(pod: string, uid: string, port: number): Promise<string>;
  close(): Promise<void>;
}

/** Forwards that are opened when they are first asked for; `kubectl` are its leading words. */
export function createForwards(kubectl: readonly string[]): Forwards {
  const [program = 'kubectl', ...words] = kubectl;
  const running = new Map<string, { readonly run: RunningProgram; readonly address: Promise<string> }>();
  const open = (pod: string, port: number): { run: RunningProgram; address: Promise<string> } => {
    const run = startProgram(program, [...words, 'port-forward', `pod/${pod}`, `:${port}`], { input: '' });
    const address = new Promise<string>((resolve, reject) => {
      run.child.stdout?.on('data', () => {
        const found = /Forwarding from (127\.0\.0\.1:\d+)/.exec(run.stdout())?.[1];
        if (found !== undefined) resolve(found);
      });
      void run.ended.then(({ stderr }) => reject(new Error(`kubectl port-forward ended: ${stderr}`)));
    });
    address.catch(() => undefined);
    return { run, address };
  };
  return {
    to: (pod, uid, port) => {
      const key = `${uid}:${port}`;
      const known = running.get(key);
      // kubectl ends when the pod's container does; another look opens another way.
      if (known?.run.child.exitCode === null) return known.address;
      const opened = open(pod, port);
      running.set(key, opened);
      return opened.address;
    },
    close: async () => {
      for (const { run } of running.values()) run.child.kill('SIGTERM');
      await Promise.all([...running.values()].map(({ run }) => run.ended));
    },
  };
}
