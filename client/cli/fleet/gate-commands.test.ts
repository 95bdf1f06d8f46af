import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { GateServiceService } from '#proto/gate/v1/gate.js';
import { startCli } from '#test/support/cli-run.js';

// As agents refuse.
const metadata = new Metadata();
metadata.set('panelet-reason', 'IDENTITY_REFUSED');
const refusal = {
  code: status.PERMISSION_DENIED,
  details: '"c" may not get gates.panelet.dev "node-a": it needs the role "operator".',
  metadata,
};

describe('the gate of an agent that refuses it', () => {
  let dir: string;
  let server: Server;
  let port: number;
  let asked: string[];
  const run = async (...args: string[]): Promise<{ code: number; text: string }> => {
    const env = { PATH: '/nonexistent', PANELET_ADDRESS: `127.0.0.1:${port}`, PANELET_TOKEN: 't' };
    const ran = startCli(args, { env, homeDir: dir });
    return { code: await ran.ended, text: ran.text };
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'panelet-gate-'));
    asked = [];
    server = new Server();
    const refuse =
      (name: string) =>
      (_call: unknown, callback: (error: typeof refusal) => void): void => {
        asked.push(name);
        callback(refusal);
      };
    server.addService(GateServiceService, { status: refuse('status') });
    port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  });
  afterEach(async () => {
    server.forceShutdown();
    await rm(dir, { recursive: true, force: true });
  });

  test.each(['status', 'gate', 'drain'])('%s names the role, and what to do', async (command) => {
    const { code, text } = await run(command);
    expect(asked).toEqual(['status']);
    expect(text).toContain('may not get gates.panelet.dev "node-a"');
    expect(text).toContain(
      'Give a token that has it (--token-file). In a cluster: kubectl panelet, with --service-account',
    );
    expect(text).toContain('ClusterRole panelet-operator');
    expect(text.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(3);
  });
});
