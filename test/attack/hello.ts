import { AttachMode, Frames } from '#proto/session/v1/session.js';

/** The first message of an attachment to the panel `echo`. The same one again re-attaches. */
export function helloMessage(sessionId: string, mode: AttachMode = AttachMode.OPEN): Buffer {
  const hello = {
    ...{ versions: [1], panel: 'echo', sessionId, clientId: sessionId, attachNonce: sessionId, parameters: {} },
    ...{ mode, nextRx: 1, txBase: 1, txNext: 1 },
  };
  const frames = Frames.fromPartial({ frames: [{ kind: { $case: 'hello', value: hello } }] });
  return Buffer.from(Frames.encode(frames).finish());
}
