import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { socketPlaces } from '#agent/workers/socket-places.js';
import { benchPanel } from './ends.js';
import type { Argv } from './processes.js';
import { agentName, beforeName } from './report.js';
import type { TlsFiles } from './tls-files.js';

// Callers that the agent knows; a caller's sessions share what one caller gets.
const callerCount = 32;

/** Token of one of the callers that every agent of the benchmark knows. */
export function callerToken(index: number): string {
  if (index >= callerCount) throw new Error(`The benchmark has ${callerCount} callers only; ask for fewer sessions.`);
  return `bench-caller-${index}`;
}

/**
 * Makes the directories in which an agent, of this build or of the one before, looks for the worker; resolves to the sockets
 * the worker is to listen on. A build before may still look in another directory than this one.
 */
export function prepareAgentSockets(dir: string): readonly string[] {
  return [agentName, beforeName].flatMap((name) => {
    const runDir = runDirectory(dir, name);
    const [own, ...earlier] = socketPlaces(
      { runDir, podUid: '' },
      { name: benchPanel, run: 'external', target: 'host' },
    );
    const places = name === agentName ? [own] : [own, ...earlier, join(runDir, 'workers', `${benchPanel}.sock`)];
    for (const place of places) mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
    return places;
  });
}

/** Where an agent is started and listens. */
export interface AgentPlace {
  readonly dir: string;
  readonly port: number;
  readonly tls: TlsFiles | undefined;
}

/** Writes the configuration of an agent, with the limits as they ship; @returns how it is started. */
export function agentArgv(name: string, program: Argv, { dir, port, tls }: AgentPlace): Argv {
  const home = join(dir, fileName(name));
  const configFile = join(dir, `${fileName(name)}.yaml`);
  const identityFile = join(dir, 'identities.yaml');
  const config = {
    ...{ node: 'bench', listen: `127.0.0.1:${port}`, log: { level: 'warn' } },
    ...{ runDir: runDirectory(dir, name), stateDir: join(home, 'state') },
    ...(tls === undefined ? {} : { tls: { certFile: tls.certFile, keyFile: tls.keyFile } }),
    identity: { file: identityFile },
    panels: [{ name: benchPanel, target: 'host', run: 'external' }],
  };
  const identities = Array.from({ length: callerCount }, (_, index) => ({
    ...{ name: `caller-${index}`, token: callerToken(index), roles: ['client'] },
  }));
  writeFileSync(identityFile, stringify({ identities }), { mode: 0o600 });
  writeFileSync(configFile, stringify(config));
  return [...program, '--config', configFile];
}

function runDirectory(dir: string, name: string): string {
  return join(dir, fileName(name), 'run');
}

function fileName(name: string): string {
  return name.replaceAll(' ', '-');
}
