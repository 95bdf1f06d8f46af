import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { attachmentEndOf } from '#client/connect/reattach-policy.js';
import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import { DetachReason, DrainPhase, EndCause, type Detach, type Drain } from '#proto/session/v1/session.js';
import { nextAfter } from '#session/client/client-next.js';
import { defaultLimits } from '#session/codec/limits.js';
import { echoParameters } from '#worker/panels/echo/echo-state.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';
import { createFakePanelContext } from '#test/support/panel-context.js';

const text = readFileSync(join(import.meta.dirname, '../../docs/reference/session-protocol.md'), 'utf8');
const words = { reattach: 'again', ended: 'over', superseded: 'stop', failed: 'fail' } as const;

describe('the status codes of docs/reference/session-protocol.md', () => {
  const rows = [...text.matchAll(/^\| [^|]+ \| [A-Z_]+[^|]* \| `([A-Z_]+)` \| (\w+) \| (\w+) \|$/gm)];

  test.each(rows.map(([, code = '', opening, attached]) => ({ code: code as ErrorCode, opening, attached })))(
    '$code: what a client does is what the SDK does',
    ({ code, opening, attached }) => {
      const { metadata, ...rpc } = statusOf(new PaneletError(code, 'said'));
      const done = (wasWelcomed: boolean): string => {
        const end = attachmentEndOf({ ...rpc, metadata }, '127.0.0.1:7443', wasWelcomed);
        return words[nextAfter(end, { drain: undefined, detach: undefined, wasWelcomed, isOwnTakeover: false }).kind];
      };
      expect({ opening, attached }).toEqual({ opening: done(false), attached: done(true) });
    },
  );
});

test('what follows the last frame of an RPC that ended with OK is what the SDK does', () => {
  const rows = [...text.matchAll(/^\| (?:`(detach|drain)` ([A-Z]+)|neither) \| (again|over|stop|fail)\b/gm)];
  expect(rows).toHaveLength(5);
  for (const [, frame, name = '', word] of rows) {
    const cause = EndCause.UNSPECIFIED;
    const detach: Detach = {
      reason: DetachReason[name as keyof typeof DetachReason],
      message: '',
      cause,
      attachNonce: '',
    };
    const phase = DrainPhase[name as keyof typeof DrainPhase];
    const drain: Partial<Drain> = { phase, node: '' };
    const next = nextAfter(
      { kind: 'ok' },
      {
        detach: frame === 'detach' ? detach : undefined,
        drain: frame === 'drain' ? (drain as Drain) : undefined,
        wasWelcomed: true,
        isOwnTakeover: false,
      },
    );
    expect([name, words[next.kind]]).toEqual([name, word]);
  }
});

test('the limits of docs/reference/session-protocol.md are those that are enforced', () => {
  const limit = (what: string): string | undefined =>
    [...text.matchAll(/^\| (.+) \| (.+) \|$/gm)].find(([, name]) => name === what)?.[2];
  const kib = (bytes: number): string => `${bytes / 1024} KiB`;
  expect(limit('payload of one data frame')).toBe(kib(defaultLimits.maxDataBytes));
  expect(limit('one `Frames` message')).toBe(kib(defaultLimits.maxMessageBytes));
  expect(limit('payload of one event')).toBe(kib(defaultLimits.maxEventBytes));
  expect(limit('events without acknowledgement')).toBe(String(defaultLimits.maxUnackedEvents));
  expect(limit("data that is not consumed: the worker's `credit`")).toBe(`${kib(defaultLimits.windowBytes)} ahead`);
});

describe('the panel echo of docs/reference/session-protocol.md', () => {
  const section = text.slice(text.indexOf('## The panel `echo`'), text.indexOf('## Invariants'));

  test('has these parameters, with these defaults', () => {
    const described = [...section.matchAll(/^\| `(\w+)` \| `(\w+)` \|/gm)].map(([, name, value]) => [name, value]);
    const defaults = Object.entries(echoParameters.parse({})).map(([name, value]) => [name, String(value)]);
    expect(described.sort()).toEqual(defaults.sort());
  });

  test('knows these events', async () => {
    const described = [...section.matchAll(/^\| `(\w+)`(?: `\{[^|]*\}`)? \| (?!`)/gm)].map(([, name = '']) => name);
    const context = createFakePanelContext();
    const session = await createEchoPanel().open(context);
    const value = { kind: { $case: 'panel', value: { name: 'nonsense', payload: Buffer.of() } } } as const;
    await session.input({ kind: 'event', seq: 1, event: value });
    const [refusal] = context.output.events;
    const known = /known: (.+)\./.exec(JSON.stringify(refusal?.content))?.[1]?.split(', ');
    expect(described).toEqual(known);
    await session.close();
  });
});
