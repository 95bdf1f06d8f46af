import { randomUUID, randomBytes } from 'node:crypto';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { PaneletError } from '#common/errors/errors.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import {
  DetachReason,
  EndCause,
  DrainPhase,
  SessionFate,
  SessionServiceService,
  type SessionServiceServer,
  type Drain,
  type Frames,
  type Hello,
} from '#proto/session/v1/session.js';
import { decideAttach, type Admitted, type SessionLife } from '#session/worker/admission.js';
import { detachMessage, endMessage } from '#session/messages/detach-message.js';
import type { Endpoint, InputItem } from '#session/endpoint/endpoint.js';
import { tokenKeyBytes, verifyResumeToken } from '#session/worker/resume-token.js';
import {
  createWorkerLink,
  restoreWorkerLink,
  type SessionIdentity,
  type WorkerLink,
  type WorkerLinkState,
} from '#session/worker/worker-link.js';

type Call = ServerDuplexStream<Frames, Frames>;

/** What a fake panel does with its session. */
export interface FakePanel {
  /** Called once per incarnation that starts from nothing, and when there may be room to write again. */
  run(endpoint: Endpoint, parameters: Readonly<Record<string, string>>): void;
  /** Takes an input; false: not now, offer it again after the next message. */
  input(item: InputItem, endpoint: Endpoint): void;
  /** True while it has no room for input. */
  full?(endpoint: Endpoint): boolean;
  snapshot?(): { contentType: string; bytes: Uint8Array };
}

interface FakeSession {
  readonly identity: SessionIdentity;
  readonly parameters: Readonly<Record<string, string>>;
  link: WorkerLink;
  panel: FakePanel;
  crashed: boolean;
  sealed: WorkerLinkState | undefined;
  ended: string | undefined;
  call: { readonly id: string; readonly call: Call; blocked: boolean } | undefined;
}

/** A worker for client tests: the real session engine behind a real gRPC server, with levers to pull. */
export interface FakeWorker {
  readonly port: number;
  readonly address: string;
  readonly sessions: ReadonlyMap<string, FakeSession>;
  /** Attach RPCs so far. */
  readonly attaches: number;
  /** Metadata of the latest Attach. */
  readonly authorization: string;
  /** Sends drain frames of a phase to every attachment; READY ends them with OK. */
  drain(phase: DrainPhase, fields?: Partial<Drain>): void;
  /** Seals and restores every session: the next incarnation is EXACT. */
  checkpointAndRestore(): void;
  /** Forgets every session, as a worker that crashed. */
  crash(afterCrash?: 'fresh' | 'end'): void;
  /** Ends a session, as by its program or by an operator. */
  end(sessionId: string, message: string, cause?: EndCause): void;
  /** New sessions are refused with CORDONED. */
  cordoned: boolean;
  /** Answers every Attach with this error, if set. */
  refuseWith: PaneletError | undefined;
  /** Takes messages and answers nothing, as a half-open connection does. */
  silent: boolean;
  /** Ends every connection at once, as SIGKILL does, and stops to listen. */
  kill(): Promise<void>;
  /** Listens again, on the same port. */
  listen(): Promise<void>;
  close(): Promise<void>;
}

/** How a fake worker is made. */
export interface FakeWorkerOptions {
  readonly panels: Readonly<Record<string, () => FakePanel>>;
  readonly resumeTtlMs?: number;
  readonly afterCrash?: 'fresh' | 'end';
  readonly credentials?: ServerCredentials;
}

/** Starts a fake worker on a free port of 127.0.0.1. */
export async function startFakeWorker(options: FakeWorkerOptions): Promise<FakeWorker> {
  const sessions = new Map<string, FakeSession>();
  let afterCrash = options.afterCrash ?? 'fresh';
  let server = new Server();
  let port = 0;
  let attaches = 0;
  let authorization = '';
  let generation = 0;

  const linkOptions = (identity: SessionIdentity): Parameters<typeof createWorkerLink>[0] => ({
    identity,
    resumeTtlMs: options.resumeTtlMs ?? 60_000,
    node: 'node-a',
  });
  const lifeOf = (session: FakeSession): SessionLife | undefined => {
    if (session.ended !== undefined) return { kind: 'ended', message: session.ended };
    if (session.crashed) return { kind: 'crashed', afterCrash };
    if (session.sealed !== undefined) return { kind: 'sealed', cursors: session.sealed.endpoint.cursors };
    return undefined;
  };
  const flush = (session: FakeSession, ackNow = false): void => {
    const current = session.call;
    if (current === undefined || worker.silent) return;
    let ack = ackNow || session.link.endpoint.ackUrgency() !== 'none';
    while (!current.blocked) {
      const message = session.link.pull(current.id, ack);
      if (message === undefined) return;
      ack = false;
      if (!current.call.write(message)) current.blocked = true;
    }
  };
  const turn = (session: FakeSession): void => {
    const { endpoint } = session.link;
    while (session.panel.full?.(endpoint) !== true) {
      const item = endpoint.read();
      if (item === undefined) break;
      session.panel.input(item, endpoint);
    }
    session.panel.run(endpoint, session.parameters);
    flush(session);
  };
  const endCall = (session: FakeSession, last?: Frames): void => {
    const current = session.call;
    if (current === undefined) return;
    session.call = undefined;
    if (last !== undefined) current.call.write(last);
    current.call.end();
    session.link.detach(current.id);
  };
  const admit = (hello: Hello): { session: FakeSession; decision: Admitted } => {
    const known = sessions.get(hello.sessionId);
    const life = known === undefined ? undefined : lifeOf(known);
    const view = known === undefined ? undefined : known.link.view();
    const decision = decideAttach(
      view === undefined || life === undefined ? view : { ...view, life },
      hello,
      {
        identity: 'alice',
        roles: ['client'],
        token:
          known === undefined
            ? { kind: 'absent' }
            : verifyResumeToken(known.identity.tokenKey, hello.sessionId, hello.resumeToken),
      },
      { admitsNew: !worker.cordoned, admitsAttach: true },
    );
    if (decision.kind === 'refuse') throw new PaneletError(decision.code, decision.message);
    const makePanel = options.panels[hello.panel];
    if (makePanel === undefined) throw new PaneletError('PANEL_UNKNOWN', `This node has no panel ${hello.panel}.`);
    let session = known;
    if (session === undefined) {
      const { sessionId, panel, parameters } = hello;
      const identity = { sessionId, panel, owner: 'alice', tokenKey: randomBytes(tokenKeyBytes) };
      const link = createWorkerLink(linkOptions(identity), 1);
      session = {
        identity,
        parameters,
        link,
        panel: makePanel(),
        crashed: false,
        sealed: undefined,
        ended: undefined,
        call: undefined,
      };
      sessions.set(sessionId, session);
    } else if (decision.kind === 'restore') {
      const { identity, sealed } = session;
      session.link =
        decision.from === 'sealed' && sealed !== undefined
          ? restoreWorkerLink(linkOptions(identity), sealed, decision.incarnation)
          : createWorkerLink(linkOptions(identity), decision.incarnation);
      if (decision.from !== 'sealed') session.panel = makePanel();
      session.sealed = undefined;
      session.crashed = false;
    }
    return { session, decision };
  };
  const begin = (call: Call, message: Frames): FakeSession => {
    const first = message.frames[0]?.kind;
    if (first?.$case !== 'hello') throw new PaneletError('FRAME_INVALID', 'The first frame is not a hello.');
    if (worker.refuseWith !== undefined) throw worker.refuseWith;
    const { session, decision } = admit(first.value);
    if (session.call !== undefined)
      endCall(session, detachMessage(session.link.endpoint, DetachReason.SUPERSEDED, 'taken over'));
    const id = randomUUID();
    const panel = session.panel;
    const messages = session.link.attach({
      attachment: id,
      decision,
      hello: first.value,
      message,
      snapshot: () => panel.snapshot?.(),
      loss: { code: 'WORKER_CRASHED', message: 'The worker crashed.' },
    });
    session.call = { id, call, blocked: false };
    for (const sent of messages) call.write(sent);
    return session;
  };
  const attach = (call: Call): void => {
    attaches++;
    authorization = call.metadata.get('authorization')[0]?.toString() ?? '';
    let session: FakeSession | undefined;
    let id: string | undefined;
    const take = (message: Frames): void => {
      if (worker.silent) return;
      if (session === undefined || id === undefined) {
        session = begin(call, message);
        id = session.call?.id;
        turn(session);
        return;
      }
      const received = session.link.receive(id, message);
      if (received === undefined) return;
      if (received.reply !== undefined) call.write(received.reply);
      if (received.leaves) endCall(session);
      turn(session);
    };
    call.on('data', (message: Frames) => {
      try {
        take(message);
      } catch (error) {
        call.emit('error', statusOf(error));
      }
    });
    call.on('drain', () => {
      if (session?.call?.call !== call) return;
      session.call.blocked = false;
      turn(session);
    });
    call.on('error', () => undefined);
    call.on('close', () => {
      if (session === undefined || id === undefined) return;
      session.link.detach(id);
      if (session.call?.call === call) session.call = undefined;
    });
    call.on('end', () => {
      if (session?.call?.call === call) endCall(session);
    });
  };
  const start = async (): Promise<void> => {
    server = new Server();
    const service: SessionServiceServer = {
      attach,
      listPanels: (_call, callback) => {
        const panels = Object.keys(options.panels).map((name) => ({
          name,
          serving: !worker.cordoned,
          sessions: sessions.size,
          checkpointable: true,
          message: '',
          version: '1',
        }));
        callback(null, { panels, node: 'node-a' });
      },
      listSessions: (_call, callback) => {
        const list = [...sessions.values()].map((session) => ({
          sessionId: session.identity.sessionId,
          panel: session.identity.panel,
          node: 'node-a',
          owner: 'alice',
          incarnation: session.link.incarnation,
          attached: session.call !== undefined,
          age: { seconds: 5, nanos: 0 },
          framesIn: 0,
          framesOut: 0,
          checkpointable: true,
          details: {},
        }));
        callback(null, { sessions: list });
      },
      endSession: (call, callback) => {
        if (!sessions.has(call.request.sessionId)) {
          callback(statusOf(new PaneletError('SESSION_UNKNOWN', 'No such session. Open a new one.')), null);
          return;
        }
        worker.end(call.request.sessionId, 'The session was ended by its owner.', EndCause.ASKED);
        callback(null, {});
      },
    };
    server.addService(SessionServiceService, service);
    const credentials = options.credentials ?? ServerCredentials.createInsecure();
    port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  };
  const worker: FakeWorker = {
    cordoned: false,
    refuseWith: undefined,
    silent: false,
    sessions,
    get port() {
      return port;
    },
    get address() {
      return `127.0.0.1:${port}`;
    },
    get attaches() {
      return attaches;
    },
    get authorization() {
      return authorization;
    },
    drain: (phase, fields = {}) => {
      if (phase === DrainPhase.NOTICE) generation++;
      for (const session of sessions.values()) {
        const frame: Drain = {
          generation,
          phase,
          remaining: { seconds: 10, nanos: 0 },
          reason: 'a test',
          fate: SessionFate.CHECKPOINTED,
          node: '',
          retryAfter: undefined,
          ...fields,
        };
        const message = session.link.drainMessage(frame);
        if (phase === DrainPhase.READY) endCall(session, message);
        else session.call?.call.write(message);
      }
    },
    checkpointAndRestore: () => {
      for (const session of sessions.values()) {
        endCall(session);
        session.sealed = session.link.save();
      }
    },
    crash: (policy) => {
      afterCrash = policy ?? afterCrash;
      for (const session of sessions.values()) {
        session.crashed = true;
        session.call?.call.emit('error', statusOf(new PaneletError('WORKER_UNAVAILABLE', 'The worker is gone.')));
        session.call = undefined;
      }
    },
    end: (sessionId, message, cause = EndCause.UNSPECIFIED) => {
      const session = sessions.get(sessionId);
      if (session === undefined) return;
      session.ended = message;
      endCall(session, endMessage(session.link.endpoint, cause, message));
    },
    kill: () => {
      server.forceShutdown();
      return new Promise((resolve) => setImmediate(resolve));
    },
    listen: start,
    close: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
  await start();
  return worker;
}
