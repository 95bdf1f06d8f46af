import type { Clock, Timer } from '#common/time/clock.js';
import type { Container } from './pod.js';
import type { Prober } from './probe.js';

/** What a readiness loop needs. */
export interface ReadinessLoopDeps {
  readonly clock: Clock;
  readonly prober: Prober;
  readonly container: Container;
  readonly podIp: string;
  /** The first verdicts may be "not ready" while the program comes up; only later ones are worth an event. */
  readonly onUnhealthy: (failure: string) => void;
}

// A kubelet probes once when a container starts, then each period; looking more often while the program comes up
// makes a pod Ready sooner and costs nothing on one machine.
const startPeriodMs = 100;
const startWindowMs = 10_000;

/** Probes until stopped and tells each change. Returns the function that stops it. */
export function startReadinessLoop(
  deps: ReadinessLoopDeps,
  wasReady: boolean,
  tell: (isReady: boolean) => void,
): () => void {
  const { clock, container } = deps;
  const probe = container.readinessProbe;
  if (probe === undefined) {
    tell(true);
    return () => undefined;
  }
  const startedAtMs = clock.nowMs();
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  let isReady = wasReady;
  let wasEverReady = wasReady;
  let successes = 0;
  let failures = 0;
  let stopped = false;
  let timer: Timer | undefined;

  const judge = (failure: string | undefined): void => {
    successes = failure === undefined ? successes + 1 : 0;
    failures = failure === undefined ? 0 : failures + 1;
    if (!isReady && successes >= (probe.successThreshold ?? 1)) {
      isReady = true;
      wasEverReady = true;
      tell(true);
    } else if (isReady && failures >= (probe.failureThreshold ?? 3)) {
      isReady = false;
      tell(false);
    }
    const comingUp = !wasEverReady && clock.nowMs() - startedAtMs < startWindowMs;
    if (failure !== undefined && !comingUp) deps.onUnhealthy(failure);
    schedule(comingUp ? Math.min(startPeriodMs, periodMs) : periodMs);
  };

  const look = async (): Promise<void> => {
    const failure = await deps.prober.probe(container, deps.podIp);
    if (!stopped) judge(failure);
  };

  const schedule = (delayMs: number): void => {
    timer = clock.after(delayMs, () => void look());
  };

  schedule((probe.initialDelaySeconds ?? 0) * 1000);
  return () => {
    stopped = true;
    timer?.stop();
  };
}
