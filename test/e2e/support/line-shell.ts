import type { PaneletClient, PaneletSession } from '#client/sdk.js';

/** A shell in which a test runs one line after the other. */
export interface LineShell {
  readonly session: PaneletSession;
  /** Process id in its container. */
  readonly pid: string;
  /** What the line printed. @throws when the session ends before */
  run(line: string): Promise<string>;
}

/** Opens a terminal without echo and prompt. */
export async function openLineShell(client: PaneletClient): Promise<LineShell> {
  const session = await client.open({
    panel: 'terminal',
    parameters: { command: '/bin/sh', args: '["-c","stty -echo; PS1= PS2= exec sh -i"]' },
  });
  const items = session[Symbol.asyncIterator]();
  let text = '';
  let lines = 0;
  const shows = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(text);
      if (found !== null) {
        text = text.slice(found.index + found[0].length);
        return found;
      }
      const next = await items.next();
      if (next.done === true) throw new Error(`The shell ended. It had printed: ${text}`);
      if (next.value.kind === 'data') text += Buffer.from(next.value.payload).toString();
    }
  };
  const run = async (line: string): Promise<string> => {
    const mark = `line-${++lines}`;
    // Quoted in the middle, so that an echo of the line is not taken for its output.
    await session.write(`echo "<""${mark}>"; ${line}; echo "</""${mark}>"\n`);
    const [, output = ''] = await shows(new RegExp(`<${mark}>\\r\\n([^]*?)</${mark}>`));
    return output.replaceAll('\r\n', '\n').trim();
  };
  return { session, run, pid: await run('echo $$') };
}
