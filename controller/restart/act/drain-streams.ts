import { createBackoff, type Backoff } from '#common/time/backoff.js';
import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { DrainRequest } from '#proto/gate/v1/gate.js';

import type { DrainTimings } from '../report/drain-timings.js';
import type { DrainCall, GateAddress, GateCalls } from '../api/ports.js';

/** What streams are made of. */
export interface DrainStreamsDeps {
  readonly gates: GateCalls;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly timings: DrainTimings;
}

/** A drain to hear. */
export interface DrainOrder {
  /** Uid of the pod. */
  readonly uid: string;
  readonly address: GateAddress;
  readonly request: DrainRequest;
  /** Called whenever the drain gets further, and when the stream ends. */
  readonly onChange: () => void;
}

/** The drains this process hears. They only say when to look: what is true is asked from the gates. */
export interface DrainStreams {
  /** Starts or joins the drain unless it is being heard. Returns milliseconds to wait after a failure, else 0. */
  ensure(order: DrainOrder): number;
  /** Stops hearing the drain of a pod. */
  stop(uid: string): void;
  stopAll(): void;
}

interface Stream {
  call: DrainCall | undefined;
  readonly backoff: Backoff;
  retryAtMs: number;
}

/** Hears drains, one stream a pod; a stream that fails is not started again before a backoff. */
export function createDrainStreams({ gates, clock, random, log, timings }: DrainStreamsDeps): DrainStreams {
  const streams = new Map<string, Stream>();
  const start = (stream: Stream, { uid, address, request, onChange }: DrainOrder): void => {
    const life = { ended: false };
    const call = gates.drain(address, request, {
      onState: ({ status }) => {
        if (status !== undefined) timings.heard(uid, status);
        onChange();
      },
      onEnd: (error) => {
        life.ended = true;
        stream.call = undefined;
        if (error === undefined) {
          stream.backoff.reset();
        } else {
          stream.retryAtMs = clock.nowMs() + stream.backoff.nextMs() + 50;
          log.debug({ err: error, podUid: uid }, 'Drain stream ended');
        }
        onChange();
      },
    });
    if (!life.ended) stream.call = call;
  };
  const stop = (uid: string): void => {
    const stream = streams.get(uid);
    streams.delete(uid);
    stream?.call?.stop();
    timings.forget(uid);
  };
  return {
    ensure: (order) => {
      const known = streams.get(order.uid);
      const stream = known ?? {
        call: undefined,
        backoff: createBackoff(random, { initialMs: 200, maxMs: 5_000 }),
        retryAtMs: 0,
      };
      streams.set(order.uid, stream);
      if (stream.call !== undefined) return 0;
      const waitMs = stream.retryAtMs - clock.nowMs();
      if (waitMs > 0) return waitMs;
      start(stream, order);
      return 0;
    },
    stop,
    stopAll: () => {
      for (const uid of [...streams.keys()]) stop(uid);
    },
  };
}
