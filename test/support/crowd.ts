import { credentials, Metadata } from '@grpc/grpc-js';
import { createSystemClock, sleep } from '#common/time/clock.js';
import { SessionServiceClient } from '#proto/session/v1/session.js';

/** Clients, each with a connection of its own, that come to an agent and stay. */
export interface Crowd {
  /** Those whose last call was answered. */
  inside(): number;
  /** Sends them all away. */
  leave(): Promise<void>;
}

/** Who comes, and where to. */
export interface CrowdOptions {
  /** In the clear. */
  readonly address: string;
  readonly token: string;
  readonly size: number;
}

const clock = createSystemClock({ keepsAlive: true });
const pauseMs = 20;
const answerMs = 2_000;

/** Starts them. They do not go by themselves; who was turned away, or lost the connection, tries again at once and for ever. */
export function startCrowd({ address, token, size }: CrowdOptions): Crowd {
  const inside = new Set<number>();
  const stop = { now: false };
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const come = async (member: number): Promise<void> => {
    const client = new SessionServiceClient(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': pauseMs,
      'grpc.max_reconnect_backoff_ms': pauseMs,
    });
    while (!stop.now) {
      await new Promise<void>((resolve) => {
        client.listPanels({}, metadata, { deadline: Date.now() + answerMs }, (error) => {
          if (error === null) inside.add(member);
          else inside.delete(member);
          resolve();
        });
      });
      await sleep(clock, pauseMs);
    }
    client.close();
  };
  const members = Array.from({ length: size }, (_, member) => come(member));
  return {
    inside: () => inside.size,
    leave: async () => {
      stop.now = true;
      await Promise.all(members);
    },
  };
}
