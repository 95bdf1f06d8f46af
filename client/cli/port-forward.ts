import type { Clock } from '#common/clock.js';
import { isPaneletError, PaneletError } from '#common/errors.js';
import type { AgentPod } from './agent-pods.js';
import type { Kubectl } from './kubectl.js';

/** A way to a pod. */
export interface Forward {
  /** Address to connect to. */
  readonly address: string;
  /** False once it leads nowhere for sure. */
  readonly alive: boolean;
  /** Resolves when nothing of it is left. */
  close(): Promise<void>;
}

/** What a port-forward is made with. */
export interface PortForwardDeps {
  readonly kubectl: Kubectl;
  readonly clock: Clock;
  readonly namespace: string;
}

const startTimeoutMs = 10_000;
const forwardingFrom = /^Forwarding from (127\.0\.0\.1:\d+) -> /;

function explained(error: unknown, pod: AgentPod): PaneletError {
  const known = PaneletError.from(error, 'API_UNAVAILABLE');
  if (known.code === 'IDENTITY_REFUSED') {
    const message = `${known.message} The way through the API server needs the right to create pods/portforward; with --via address it is not needed.`;
    return new PaneletError(known.code, message, { cause: error });
  }
  // The pod may have gone since it was looked up.
  if (known.code === 'API_NOT_FOUND' || known.code === 'RESTART_FAILED') {
    return new PaneletError('AGENT_UNREACHABLE', `The pod ${pod.name} cannot be reached: ${known.message}`, {
      cause: error,
    });
  }
  return known;
}

/**
 * A `kubectl port-forward` to a pod, on a free port of this machine. kubectl ends at the first connection after the pod
 * has gone, and not before: that it is alive does not mean that it leads somewhere.
 * @throws PaneletError when it does not come about.
 */
export async function openPortForward(deps: PortForwardDeps, pod: AgentPod): Promise<Forward> {
  const args = ['port-forward', '-n', deps.namespace, `pod/${pod.name}`, '--address', '127.0.0.1', `:${pod.port}`];
  const running = deps.kubectl.start(args);
  const state = { alive: true, late: false };
  const timer = deps.clock.after(startTimeoutMs, () => {
    state.late = true;
    void running.stop();
  });
  const listening = async (): Promise<string> => {
    const lines = running.lines[Symbol.asyncIterator]();
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
      const address = forwardingFrom.exec(line.value)?.[1];
      if (address === undefined) continue;
      void drainLines(lines);
      return address;
    }
    throw new PaneletError('API_UNAVAILABLE', 'kubectl port-forward ended and said nothing. Try --via address.');
  };
  running.ended.then(
    () => (state.alive = false),
    () => (state.alive = false),
  );
  try {
    const address = await listening();
    return {
      address,
      get alive() {
        return state.alive;
      },
      close: () => {
        state.alive = false;
        return running.stop();
      },
    };
  } catch (error) {
    await running.stop();
    if (!state.late || isPaneletError(error, 'IDENTITY_REFUSED')) throw explained(error, pod);
    const message = `kubectl port-forward to the pod ${pod.name} did not start within ${startTimeoutMs / 1000} s. Check the cluster, or try --via address.`;
    throw new PaneletError('API_UNAVAILABLE', message, { cause: error });
  } finally {
    timer.stop();
  }
}

// It says a line per connection, and would stop at a full pipe.
async function drainLines(lines: AsyncIterator<string>): Promise<void> {
  try {
    while ((await lines.next()).done !== true);
  } catch {
    // `ended` has it.
  }
}
