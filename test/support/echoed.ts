import type { PaneletSession } from '#client/sdk.js';

/** Writes a text to an echo session. @returns as much of its output as was written */
export async function echoed(session: PaneletSession, text: string): Promise<string> {
  await session.write(text);
  let heard = '';
  for await (const item of session) {
    if (item.kind === 'data') heard += Buffer.from(item.payload).toString();
    if (heard.length >= text.length) break;
  }
  return heard;
}
