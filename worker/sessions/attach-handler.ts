import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Metadata } from '@grpc/grpc-js';
import type { Clock, Timer } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import { Frames, type Hello } from '#proto/session/v1/session.js';
import type { SessionLimits } from '#session/codec/limits.js';
import { agentAttachmentOf, agentInstanceOf, callerOf } from './caller.js';
import { createAttachment, type SessionAttachment } from './attachment.js';
import { grpcWire, type AttachStream } from './grpc-wire.js';
import type { SessionDriver } from './session-driver.js';
import type { AttachRequest } from './session-registry.js';

/** What the handler of Attach needs. */
export interface AttachHandlerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: SessionLimits;
  /** Most RPCs at a time. */
  readonly maxAttachments: number;
  readonly attach: (request: AttachRequest) => Promise<SessionDriver>;
  /** An RPC has its session, or is over. */
  readonly onChange: () => void;
}

/** Timing of an attachment, in milliseconds, and its size, in bytes. */
const timing = { helloMs: 10_000, ackDelayMs: 25, endLimitMs: 5_000, maxPendingBytes: 128 * 1024 } as const;

/** Serves the Attach RPC. */
export interface AttachHandler {
  readonly handle: (call: AttachStream) => void;
  /** RPCs that are not over yet. */
  readonly attachments: ReadonlySet<SessionAttachment>;
  /** Ends the attachment that the agent calls so and keeps its session. @returns false when there is none */
  readonly revoke: (agentName: string, message: string) => boolean;
}

/** One Attach RPC: from its Hello to its end. Nothing thrown here leaves it. */
class AttachRpc {
  readonly attachment: SessionAttachment;
  readonly #deps: AttachHandlerDeps;
  readonly #call: AttachStream;
  #driver: SessionDriver | undefined;
  #hello: 'awaited' | 'taken' = 'awaited';
  #helloTimer: Timer;

  constructor(deps: AttachHandlerDeps, call: AttachStream, id: string) {
    this.#deps = deps;
    this.#call = call;
    const { clock } = deps;
    const agentInstance = agentInstanceOf(call.metadata) ?? '';
    this.attachment = createAttachment({ id, agentInstance, wire: grpcWire(call), clock, ...timing });
    this.#helloTimer = clock.after(timing.helloMs, () => {
      this.#refuse(new PaneletError('FRAME_INVALID', `No Hello came in ${timing.helloMs} ms.`));
    });
  }

  run(): void {
    const call = this.#call;
    // Commits the call at the client: no later attempt of its transport replays it.
    call.sendMetadata(new Metadata());
    call.on('data', (bytes: Buffer) => this.#guard(() => this.#take(bytes)));
    call.on('end', () => this.#guard(() => this.#leave()));
    call.on('cancelled', () => this.#over());
    call.on('close', () => this.#over());
    call.on('error', (err: Error) => this.#deps.log.debug({ err }, 'An attachment ends with an error'));
  }

  /** Tells the client that it may not have this attachment any more, and ends it. */
  revoke(message: string): void {
    if (this.#driver === undefined) this.#refuse(new PaneletError('IDENTITY_REFUSED', message));
    else this.#driver.revoke(this.attachment, message);
  }

  // The client has closed its half: it can acknowledge no more, so it gets what is there and the RPC ends.
  #leave(): void {
    this.attachment.flush();
    this.attachment.finish([]);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #take(bytes: Buffer): void {
    if (!this.attachment.open) return;
    const message = this.#decode(bytes);
    if (this.#hello === 'awaited') {
      this.#hello = 'taken';
      this.#helloTimer.stop();
      this.#call.pause();
      void this.#request(helloOf(message), message);
    } else if (this.#driver === undefined) {
      throw new PaneletError('FRAME_INVALID', 'A message came before the Welcome.');
    } else {
      this.#driver.receive(this.attachment, message);
    }
  }

  #decode(bytes: Buffer): Frames {
    const { maxMessageBytes } = this.#deps.limits;
    if (bytes.length > maxMessageBytes) {
      throw new PaneletError('FRAME_INVALID', `A message of ${bytes.length} bytes is over ${maxMessageBytes}.`);
    }
    const wrong = 'A message is not a Frames message.';
    const reader = new BinaryReader(bytes);
    let message: Frames;
    try {
      message = Frames.decode(reader, bytes.length);
    } catch (error) {
      throw new PaneletError('FRAME_INVALID', wrong, { cause: error });
    }
    // Generated code takes a stray end of group, or a zero, for the end of the message.
    if (reader.pos !== reader.len) throw new PaneletError('FRAME_INVALID', wrong);
    return message;
  }

  async #request(hello: Hello, message: Frames): Promise<void> {
    try {
      const caller = callerOf(this.#call.metadata);
      this.#driver = await this.#deps.attach({ hello, message, ...caller, attachment: this.attachment });
      if (!this.#driver.freezer.sealing) this.#call.resume();
      this.#deps.onChange();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    const { log } = this.#deps;
    if (isPaneletError(error, 'STATE_DIR_UNUSABLE')) log.error({ err: error }, 'Storage takes no new session');
    else if (error instanceof PaneletError) log.debug({ err: error }, 'An attachment is refused');
    else log.error({ err: error }, 'An attachment failed');
    // A message over a limit is a bad request at this edge; LIMIT_EXCEEDED is kept for the worker's own limits.
    const isFrame = this.#driver !== undefined && isPaneletError(error, 'LIMIT_EXCEEDED');
    this.attachment.refuse(isFrame ? new PaneletError('FRAME_INVALID', error.message, { cause: error }) : error);
    this.#driver?.detach(this.attachment);
  }

  #over(): void {
    this.#helloTimer.stop();
    this.attachment.closed();
  }
}

function helloOf(message: Frames): Hello {
  const [first, second] = message.frames;
  if (first?.kind?.$case !== 'hello' || second !== undefined) {
    throw new PaneletError('FRAME_INVALID', 'The first message of an attachment has to hold a Hello and nothing else.');
  }
  return first.kind.value;
}

/** The handler of Attach. */
export function createAttachHandler(deps: AttachHandlerDeps): AttachHandler {
  const attachments = new Set<SessionAttachment>();
  const byAgentName = new Map<string, AttachRpc>();
  let count = 0;
  return {
    attachments,
    revoke: (agentName, message) => {
      const rpc = byAgentName.get(agentName);
      rpc?.revoke(message);
      return rpc !== undefined;
    },
    handle: (call) => {
      const rpc = new AttachRpc(deps, call, `attachment-${++count}`);
      const { attachment } = rpc;
      const isFull = attachments.size >= deps.maxAttachments;
      attachments.add(attachment);
      const agentName = agentAttachmentOf(call.metadata);
      if (agentName !== undefined) byAgentName.set(agentName, rpc);
      void attachment.over.then(() => {
        attachments.delete(attachment);
        if (agentName !== undefined && byAgentName.get(agentName) === rpc) byAgentName.delete(agentName);
        deps.onChange();
      });
      rpc.run();
      if (isFull) {
        attachment.refuse(new PaneletError('LIMIT_EXCEEDED', `This worker has ${deps.maxAttachments} attachments.`));
      }
    },
  };
}
