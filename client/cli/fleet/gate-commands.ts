import { countText } from '#common/count-text.js';
import { msToDuration } from '#common/time/duration.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import { OnTimeout, State, Target, type Command, type DrainResponse, type Holder } from '#proto/gate/v1/gate.js';
import { createGateClient, type GateClient } from '../../calls/gate-client.js';
import { openAccess } from '../access/agent-access.js';
import { formatOf, report, type CliContext } from '../access/cli-context.js';
import { exitCodes } from '../io/exit-codes.js';
import type { TimeoutChoice } from '../io/flag-values.js';
import {
  gateStatusJson,
  gateStatusLine,
  gateStatusLines,
  holderJson,
  holderLines,
  receiptJson,
  receiptLines,
} from './gate-view.js';
import { ageText } from '../io/output.js';

/** Flags of `drain`. Durations in milliseconds. */
export interface DrainFlags {
  readonly reason: string;
  readonly timeout: number;
  readonly notice: number;
  readonly lease: number;
  readonly onTimeout: TimeoutChoice;
  readonly target: 'agent' | 'host';
  readonly watch?: boolean;
}

const onTimeouts = { abort: OnTimeout.ABORT, force: OnTimeout.FORCE, wait: OnTimeout.WAIT } as const;
const targets = { agent: Target.AGENT, host: Target.HOST } as const;

/** Opens the gate of an agent for a command. @throws what its calls do, with what the reader can do about it */
export async function withGate<Result>(
  context: CliContext,
  use: (gate: GateClient) => Promise<Result>,
): Promise<Result> {
  const access = await openAccess(context);
  try {
    const gate = createGateClient({ ...(await access.gate()), clock: context.world.clock });
    try {
      return await use(gate);
    } catch (error) {
      throw sayingWhoMay(error);
    } finally {
      gate.close();
    }
  } catch (error) {
    throw await access.explain(error);
  } finally {
    await access.close();
  }
}

/** An agent's refusal, with the role that is let in and how to come by it. */
function sayingWhoMay(error: unknown): unknown {
  if (!isPaneletError(error, 'IDENTITY_REFUSED')) return error;
  const advice =
    'Give a token that has it (--token-file). In a cluster: kubectl panelet, with --service-account for one that has the ClusterRole panelet-operator.';
  return new PaneletError(error.code, `${error.message} ${advice}`, { cause: error });
}

/** `panelet gate`: the state of the agent's gate. JSON: the status. */
export async function gateCommand(context: CliContext): Promise<void> {
  const status = await withGate(context, (gate) => gate.status());
  report(context, { json: gateStatusJson(status), lines: gateStatusLines(status) });
}

/** Renews the lease of a cordon while a drain waits. @returns a function that stops it. */
function keepLease(context: CliContext, gate: GateClient, command: Command, flags: DrainFlags): () => void {
  const { clock } = context.world;
  const renew = (): void => {
    const request = { command, lease: msToDuration(flags.lease), reason: flags.reason, target: targets[flags.target] };
    // The drain itself tells when the agent has gone.
    gate.cordon(request).catch(() => undefined);
    timer = clock.after(flags.lease / 3, renew);
  };
  let timer = clock.after(flags.lease / 3, renew);
  return () => timer.stop();
}

/** The last word of a drain, and what held when something was last heard to hold. */
interface FollowedDrain {
  readonly last: DrainResponse | undefined;
  readonly held: readonly Holder[];
  /** Sessions that were not safe then. */
  readonly unsafe: number;
}

async function followDrain(context: CliContext, gate: GateClient, flags: DrainFlags): Promise<FollowedDrain> {
  const { world } = context;
  // Equal to what the gate has seen: a person neither overtakes a controller nor is fenced off by one that is gone.
  const { fencing } = await gate.status();
  const command = { restartUid: `cli-${world.random.uuid()}`, fencing, generation: 1 };
  const request = {
    command,
    target: targets[flags.target],
    notice: msToDuration(flags.notice),
    timeout: msToDuration(flags.timeout),
    onTimeout: onTimeouts[flags.onTimeout],
    reason: flags.reason,
    lease: msToDuration(flags.lease),
  };
  const stopRenewing = keepLease(context, gate, command, flags);
  let last: DrainResponse | undefined;
  // A gate that has called its drain off serves again and names nothing any more.
  let held: readonly Holder[] = [];
  let unsafe = 0;
  try {
    for await (const response of gate.drain(request)) {
      last = response;
      const { state = State.UNSPECIFIED, counts, holders = [] } = response.status ?? {};
      if (state > State.SERVING) {
        held = holders.length === 0 ? held : holders;
        unsafe = counts?.remaining ?? unsafe;
      }
      if (flags.watch === true && response.status !== undefined)
        world.stderr.write(`${gateStatusLine(response.status)}\n`);
      if (world.stop.aborted)
        throw new PaneletError(
          'TIMEOUT',
          `Interrupted; the drain goes on until its lease ends. \`${world.name} uncordon\` calls it off.`,
        );
    }
    return { last, held, unsafe };
  } finally {
    stopRenewing();
  }
}

/**
 * `panelet drain`: brings every session of the target to where killing loses nothing. JSON: `{state, receipt}`; the
 * receipt is null when the drain was called off, and `unsafe` and `holders` say then why. @returns the exit code.
 */
export async function drainCommand(context: CliContext, flags: DrainFlags): Promise<number> {
  const drain = await withGate(context, (gate) => followDrain(context, gate, flags));
  const { last } = drain;
  const state = State[last?.status?.state ?? State.UNSPECIFIED];
  const receipt = last?.receipt;
  const lease = ageText(flags.lease);
  report(context, {
    json: {
      state,
      receipt: receipt === undefined ? null : receiptJson(receipt),
      ...(receipt === undefined ? { unsafe: drain.unsafe, holders: drain.held.map(holderJson) } : {}),
    },
    lines:
      receipt === undefined
        ? [
            `The drain was called off with ${countText(drain.unsafe, 'session')} not safe. The gate is ${state}.`,
            ...holderLines(drain.held),
          ]
        : [
            ...receiptLines(receipt),
            `New sessions are refused for ${lease} more, then it serves again. To end that now: ${context.world.name} uncordon`,
          ],
  });
  if (receipt === undefined || (receipt.counts?.forced ?? 0) > 0) return exitCodes.forced.code;
  return exitCodes.ok.code;
}

/** `panelet uncordon`: serve again, whoever cordoned. JSON: the status. */
export async function uncordonCommand(
  context: CliContext,
  flags: { readonly target: 'agent' | 'host' },
): Promise<void> {
  const status = await withGate(context, async (gate) => {
    const { fencing } = await gate.status();
    const command = { restartUid: `cli-${context.world.random.uuid()}`, fencing, generation: 1 };
    return gate.uncordon({ command, target: targets[flags.target], anyRestart: true });
  });
  report(context, {
    json: gateStatusJson(status),
    lines: formatOf(context) === 'json' ? [] : [gateStatusLine(status)],
  });
}
