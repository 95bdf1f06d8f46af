import { startEchoLoad } from '#test/support/echo-load.js';
import { formatBytes } from '#test/support/text-table.js';
import type { DemoSession } from '../row.js';
import type { SessionDeps } from './session-deps.js';

const limitMs = 20_000;
const writeBytes = 64 * 1024;

/** An echo stream at full speed; the panel keeps a count and a hash of its own. */
export async function openStreamSession(deps: SessionDeps): Promise<DemoSession> {
  const { client, clock, node, seed } = deps;
  const kind = 'echo, fast';
  const session = await client.open({ panel: 'echo' });
  const load = startEchoLoad({ session, seed, clock, largestWriteBytes: writeBytes });
  return {
    kind,
    node,
    progress: () => `${formatBytes(load.receivedBytes())} came back`,
    setRestarting: () => undefined,
    finish: async () => {
      const verdict = await load.finish(limitMs);
      const failures = [...verdict.errors];
      if (verdict.corrupt > 0) failures.push(`${verdict.corrupt} records came back with other content`);
      const { sentBytes, sentSha256, lost, duplicated, reordered, gapsMs } = verdict;
      return {
        ...{ kind, node, lost, duplicated, reordered, gapsMs, failures },
        input: { sentBytes, sentSha256, receivedBytes: verdict.panelBytes, receivedSha256: verdict.panelSha256 },
        // The panel returns what it hashed.
        output: {
          sentBytes: verdict.panelBytes,
          sentSha256: verdict.panelSha256,
          receivedBytes: verdict.bytes,
          receivedSha256: verdict.sha256,
        },
      };
    },
  };
}
