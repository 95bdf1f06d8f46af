import { msToDuration } from '#common/time/duration.js';
import { OnTimeout, type DrainRequest } from '#proto/gate/v1/gate.js';
import type { TimeoutPolicy } from '../api/panel-restart.js';
import { cordonLeaseMs } from '../decide/gate-actions.js';
import { gateAddressOf, gatePodOf } from '../facts/gate-provider.js';
import { uidOf } from '../facts/pods.js';
import {
  quiet,
  retryIn,
  retrySoonMs,
  type ActionContext,
  type ActionOf,
  type ActionResult,
  type ActionTools,
} from './action-tools.js';
import { commandOf } from './gate-call.js';

const policies: Record<TimeoutPolicy, OnTimeout> = {
  Force: OnTimeout.FORCE,
  Abort: OnTimeout.ABORT,
  Wait: OnTimeout.WAIT,
};

/** Starts a pod's drain, or joins it, unless it is being heard already. */
export function drainPod(
  tools: ActionTools,
  context: ActionContext,
  { pod, name, timeoutMs }: ActionOf<'drain'>,
): ActionResult {
  const address = gateAddressOf(gatePodOf(context.gateProviders, pod));
  if (address === undefined) return retryIn(retrySoonMs);
  const request = { ...drainRequest(tools, context, timeoutMs), podUid: name?.podUid };
  const uid = uidOf(pod);
  const waitMs = tools.streams.ensure({ uid, address, request, onChange: () => context.onNews(uid) });
  return waitMs > 0 ? retryIn(waitMs) : quiet;
}

function drainRequest(tools: ActionTools, context: ActionContext, timeoutMs: number): DrainRequest {
  const { gateTarget, noticeMs, onTimeout, reason } = context.settings;
  return {
    command: commandOf(tools, context),
    target: gateTarget,
    notice: msToDuration(Math.min(noticeMs, timeoutMs)),
    timeout: msToDuration(timeoutMs),
    onTimeout: policies[onTimeout],
    reason,
    lease: msToDuration(cordonLeaseMs),
  };
}
