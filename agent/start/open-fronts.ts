import { join } from 'node:path';
import { nodeMetadata } from '#common/grpc/grpc-status.js';
import { createAttachPermit, createAttachReview } from '../access/attach-permit.js';
import { createAttachmentReviews, type AttachmentReviews } from '../access/attachment-reviews.js';
import { createAttachRelay, type AttachDeps } from '../front/calls/attach-relay.js';
import { createHealthCalls } from '../front/calls/health-calls.js';
import { createRouter, type RouterDeps } from '../front/calls/router.js';
import { createVerifiedCalls, type VerifiedCalls } from '../front/calls/verified-calls.js';
import type { EndReason } from '../front/connection/connections.js';
import { openFront, type Front } from '../front/front.js';
import { openGateFront } from '../front/gate-front.js';
import { createContainment, type Containment } from '../front/stream/contain.js';
import { createCallRates } from '../front/turns/call-rates.js';
import type { RelayTold } from '../front/upstream/relay.js';
import { createUpstream } from '../front/upstream/upstream.js';
import { createAgentHealth, type AgentHealth } from './agent-health.js';
import type { AgentBase } from './open-base.js';
import type { RegistryParts } from './open-registry.js';

/** The ports, and what calls that come over them lead to. */
export interface Fronts {
  readonly front: Front;
  /** For controllers only. */
  readonly gateFront: Front | undefined;
  readonly attachmentReviews: AttachmentReviews;
  /** Calls on their way to the agent's own services. */
  readonly calls: VerifiedCalls;
  readonly health: AgentHealth;
  /** Where the agent's own services are expected. */
  readonly socketPath: string;
}

/** Takes the ports. Calls wait until {@link Front.admit}. */
export async function openFronts(base: AgentBase, { instance, registry }: RegistryParts): Promise<Fronts> {
  const { deps, config, cleanup, metrics } = base;
  const { log, clock, random } = deps;
  const socketPath = join(config.runDir, `agent-${instance.slice(0, 8)}.sock`);
  const upstream = createUpstream({ socketPath, clock });
  cleanup.add(() => upstream.close());
  const containment = createContainment({ log, onContained: () => metrics.countContained() });
  const relaying = relayingOf(base, containment);
  const attachmentReviews = openReviews(base);
  const calls = createVerifiedCalls(random);
  const health = createAgentHealth();
  const rates = createCallRates({ clock, perSecond: config.limits.callsPerSecond });
  const routing: RouterDeps = {
    identity: base.access.identity,
    attach: createAttachRelay(attachDeps(base, { instance, targets: registry, relaying, attachmentReviews })),
    health: createHealthCalls({ health: health.view, clock, requestMs: config.limits.helloTimeoutMs }).handle,
    services: upstream,
    calls,
    rates,
    relaying,
  };
  const listening = {
    log,
    clock,
    random,
    containment,
    node: config.node,
    rates,
    onEnded: (reason: EndReason) => metrics.countEnded(reason),
  };
  const tls = base.certificates;
  const address = { ...config.listen, tls };
  const front = await openFront(address, { ...listening, limits: config.limits, route: createRouter(routing) });
  cleanup.add(() => front.close(0));
  const gateFront = await openGateFront(config, { ...listening, ...routing, tls });
  cleanup.add(() => gateFront?.close(0));
  return { front, gateFront, attachmentReviews, calls, health, socketPath };
}

function relayingOf({ config, metrics }: AgentBase, containment: Containment): RelayTold {
  return {
    containment,
    said: nodeMetadata(config.node),
    onDropped: (count) => metrics.countDropped(count),
  };
}

function openReviews({ deps, config, access, metrics, cleanup }: AgentBase): AttachmentReviews {
  const { clock, random, log } = deps;
  const attachmentReviews = createAttachmentReviews({
    ...{ clock, random, log, everyMs: config.limits.reviewAttachmentsMs },
    ask: createAttachReview(access),
    onReviewed: (kind) => metrics.countReview(kind),
  });
  cleanup.add(() => attachmentReviews.close());
  return attachmentReviews;
}

interface AttachParts {
  readonly instance: string;
  readonly targets: AttachDeps['targets'];
  readonly relaying: RelayTold;
  readonly attachmentReviews: AttachmentReviews;
}

function attachDeps(
  { deps, config, access, metrics }: AgentBase,
  { instance, targets, relaying, attachmentReviews }: AttachParts,
): AttachDeps {
  return {
    ...config.limits,
    clock: deps.clock,
    targets,
    relaying,
    onOutcome: (panel, code) => metrics.countAttach(panel, code),
    permit: createAttachPermit(access),
    expect: () => attachmentReviews.expect(),
    agentInstance: instance,
    nameAttachment: () => deps.random.uuid(),
  };
}
