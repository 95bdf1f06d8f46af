import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Client, credentials, status as grpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { unaryCall } from '#common/grpc/unary-call.js';
import { createSystemClock } from '#common/time/clock.js';
import { msToDuration } from '#common/time/duration.js';
import { maxFencing } from '#common/fencing-number.js';
import { createSystemRandom } from '#common/random.js';
import type { ControllerGateClient } from '#controller/gate/gate-client.js';
import { ensurePackagedProgram } from '#devcluster/kubectl-binary.js';
import type { StoredObject } from '#devcluster/store/kube-object.js';
import { GateServiceClient, State, Target, type Command, type CordonResponse } from '#proto/gate/v1/gate.js';
import { restartByAnnotation } from '#test/support/restarts.js';
import { waitFor } from '#test/support/wait-for.js';
import { gateAddress, openAdminGate } from '#test/support/cluster-gate.js';
import { startTestCluster, type TestCluster } from '#test/support/test-cluster.js';

const root = process.cwd();
const limitMs = 60_000;
const clock = createSystemClock({ keepsAlive: true });
const impossible = [maxFencing + 1, 2_147_483_647, 2 ** 32, Number.MAX_SAFE_INTEGER];
const workers: readonly WorkerPlace[] = [
  { panel: 'echo', target: Target.AGENT },
  { panel: 'terminal', target: Target.HOST },
];

interface WorkerPlace {
  readonly panel: string;
  readonly target: Target;
}

interface LeaseObject extends StoredObject {
  readonly spec?: { readonly leaseTransitions?: number };
}

let cluster: TestCluster;
let gates: ControllerGateClient;
let serial = 0;

beforeAll(async () => {
  cluster = await startTestCluster({
    binDirectory: join(root, 'dist', 'bin'),
    root,
    nodes: 1,
    restartDelays: { firstMs: 50, secondMs: 50, maxMs: 200 },
  });
  await cluster.agentsReady(limitMs);
  gates = openAdminGate(cluster, clock);
  const areServing = async (): Promise<boolean> =>
    (await gates.status(address()))?.workers.every(({ state }) => state === State.SERVING) === true;
  await waitFor('workers that serve', areServing, limitMs);
}, 120_000);

afterAll(async () => {
  gates.close();
  await cluster.stop();
}, 60_000);

const madeUp = (fencing: number): Command => ({
  restartUid: `made-up-${++serial}`,
  fencing,
  generation: 2_147_483_647,
});

const address = (): ReturnType<typeof gateAddress> => gateAddress(cluster);

/** Where the worker of the agent that serves now listens, which has a directory for its pod, or the host's. */
function socketOf({ panel, target }: WorkerPlace): string {
  const run = join(cluster.dir, 'nodes', 'node-a', 'run');
  const names = readdirSync(join(run, 'pods')).map((pod) => join(run, 'pods', pod, `${panel}.sock`));
  const [socket, ...others] =
    target === Target.HOST ? [join(run, 'workers', `${panel}.sock`)] : names.filter(existsSync);
  if (socket === undefined || others.length > 0) throw new Error(`Not one socket of ${panel}: ${names.join(', ')}.`);
  return `unix:${socket}`;
}

/** Cordons a worker over its socket, as a shell could whose user it belongs to, for a moment. */
async function cordonWorker(place: WorkerPlace, command: Command): Promise<void> {
  const worker = new GateServiceClient(socketOf(place), credentials.createInsecure());
  try {
    const request = { command, target: place.target, lease: msToDuration(1), reason: 'a made-up number' };
    await unaryCall<CordonResponse>((...rest) => worker.cordon(request, ...rest));
  } finally {
    worker.close();
  }
}

/** −1 as a client in another language may write it: all 64 bits. No number in this one is that large. */
function cordonBytes(target: Target): Uint8Array {
  const command = new BinaryWriter()
    .uint32(10)
    .string('made-up')
    .uint32(16)
    .uint64(2n ** 64n - 1n)
    .uint32(24)
    .uint64(1);
  return new BinaryWriter().uint32(10).bytes(command.finish()).uint32(32).int32(target).finish();
}

async function cordonRaw(at: string, target: Target): Promise<void> {
  const client = new Client(at, credentials.createInsecure());
  const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
  const path = '/panelet.gate.v1.GateService/Cordon';
  try {
    await unaryCall<Buffer | undefined>((...rest) =>
      client.makeUnaryRequest(path, same, same, cordonBytes(target), ...rest),
    );
  } finally {
    client.close();
  }
}

test('a number of 64 bits is refused by a worker and holds up nothing', async () => {
  const before = leaderNumber();
  for (const worker of workers) {
    await expect(cordonRaw(socketOf(worker), worker.target)).rejects.toMatchObject({
      code: grpcStatus.INVALID_ARGUMENT,
    });
  }
  await restarts('after-64-bits');
  expect(leaderNumber()).toBe(before);
}, 120_000);

async function restarts(value: string): Promise<void> {
  const kubectl = ensurePackagedProgram('kubectl', { root, random: createSystemRandom() });
  const restart = await restartByAnnotation(cluster, { kubectl, value, reason: 'after made-up numbers', limitMs });
  expect(restart.status?.pods).toMatchObject({ succeeded: 1 });
}

const leaderNumber = (): number => {
  const [lease] = cluster.cluster.store.list<LeaseObject>('leases', { ns: 'panelet-system' }).items;
  return (lease?.spec?.leaseTransitions ?? 0) + 1;
};

test('numbers that somebody makes up at the sockets of workers keep no restart from its way', async () => {
  const before = leaderNumber();
  for (const worker of workers) {
    for (const number of impossible) {
      const refusal = {
        code: grpcStatus.FAILED_PRECONDITION,
        details: expect.stringContaining(`number ${number} `) as unknown,
      };
      await expect(cordonWorker(worker, madeUp(number))).rejects.toMatchObject(refusal);
    }
    await cordonWorker(worker, madeUp(maxFencing));
  }
  await restarts('after-workers');
  expect(leaderNumber()).toBe(before);
  expect((await gates.status(address()))?.fencing).toBe(before);
}, 120_000);

test('numbers that somebody with the right to drain makes up keep no restart from its way', async () => {
  const before = leaderNumber();
  const cordon = (command: Command): Promise<void> =>
    gates.cordon(address(), { command, target: Target.AGENT, lease: msToDuration(1), reason: 'a made-up number' });
  for (const number of impossible) await expect(cordon(madeUp(number))).rejects.toMatchObject({ code: 'GATE_REFUSED' });
  await cordon(madeUp(maxFencing));
  await restarts('after-an-operator');
  expect(leaderNumber()).toBe(before);
  expect((await gates.status(address()))?.fencing).toBe(before);
}, 120_000);
