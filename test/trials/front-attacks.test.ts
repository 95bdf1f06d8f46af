import { describe, expect, jest, test } from '@jest/globals';
import { attackLine } from '#test/attack/attack-line.js';
import { runAttack, type AttackPlan } from '#test/attack/run-attack.js';

jest.setTimeout(120_000);

// A part of what `npm run attack` does, which has every attack in the clear and over TLS, with a token and without.
const seconds = 2;
// Where 4,096 sockets would take long, there is room for fewer; the silent ones have the default.
const few = { maxConnections: 256 };

type Row = readonly [name: string, plan: Omit<AttackPlan, 'seconds'>];

async function withstands(name: string, plan: Omit<AttackPlan, 'seconds'>): Promise<void> {
  const verdict = await runAttack({ seconds, ...plan });
  process.stdout.write(`${attackLine(name, verdict)}\n`);
  expect(verdict.problems).toEqual([]);
}

describe('what one client does, no other client notices:', () => {
  const rows: readonly Row[] = [
    ['attaching and cancelling without end', { attacks: ['attach-and-cancel-on-many'], withToken: true }],
    ['attaching and cancelling without end on one connection', { attacks: ['attach-and-cancel'], withToken: true }],
    ['busy sessions and thousands of attaches at once', { attacks: ['full-pipes'], withToken: true }],
    ['answers that are never read', { attacks: ['zero-window'], withToken: true }],
  ];
  test.each(rows)('%s', (name, plan) => withstands(name, plan));
});

describe('what somebody without a token does, no client notices:', () => {
  const rows: readonly Row[] = [
    ['thousands of Health/Watch', { attacks: ['health-watch'] }],
    ['Health/Watch with 45 KB of headers', { attacks: ['fat-health-watch'] }],
    ['tracing headers of 16 KB each', { attacks: ['tracing-headers'] }],
    ['thousands of connections with a bad frame', { attacks: ['bad-frames'] }],
    ['as many silent connections as there is room for', { attacks: ['idle-connections'] }],
    ['as many connections as there is room for that have spoken', { attacks: ['idle-prefaces'], limits: few }],
    ['wrong tokens without end', { attacks: ['wrong-tokens'] }],
  ];
  test.each(rows)('%s', (name, plan) => withstands(name, plan));
});

describe('over TLS, no client notices', () => {
  const rows: readonly Row[] = [
    ['connections that never begin the handshake', { attacks: ['tls-silent'], limits: few }],
    ['handshakes without end', { attacks: ['tls-handshake-flood'] }],
  ];
  test.each(rows)('%s', (name, plan) => withstands(name, plan));
});

describe('floods of frames, which no client notices:', () => {
  const rows: readonly Row[] = [
    ['streams that are reset at once', { attacks: ['rapid-reset'] }],
    ['two attackers at once', { attacks: ['rapid-reset', 'fat-health-watch'], withToken: true }],
  ];
  test.each(rows)('%s', (name, plan) => withstands(name, plan));
});
