import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { errorCodes, type ErrorCode } from '#common/errors/errors.js';
import { grpcCodeOf } from '#common/grpc/grpc-status.js';

const root = new URL('../../', import.meta.url).pathname;

function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function statusOf(code: ErrorCode): string {
  return status[grpcCodeOf(code)];
}

describe('docs/reference/errors.md', () => {
  test('describes every error code with its gRPC status, and no other', () => {
    const rows = [...textOf('docs/reference/errors.md').matchAll(/^\| `([A-Z_]+)` \| ([A-Z_]+)/gm)];
    expect(rows.map((row) => [row[1], row[2]])).toEqual(errorCodes.map((code) => [code, statusOf(code)]));
  });
});

// Where an Attach is answered, at the agent and at the worker.
const places = ['session', 'worker/sessions', 'worker/services', 'worker/panels', 'agent/front', 'agent/access'];
const files = ['common/grpc/explain-refusals.ts'];

// Thrown there, but never the end of an Attach.
const elsewhere: readonly ErrorCode[] = [
  'CHECKPOINT_FAILED', // the drain goes on without it
  'CHECKPOINT_UNREADABLE', // told by a Reset
  'CONFIG_INVALID', // ends the process at its start
  'GATE_REFUSED', // of the gate
  'OPERATION_REFUSED', // of our own callers, and of Shutdown
  'RECEIPT_MISSING', // of the gate
  'TRANSPORT_LOST', // nobody is left to be told
];

function codesThrown(): ReadonlySet<ErrorCode> {
  const found = places.flatMap((place) =>
    readdirSync(join(root, place), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => join(place, name)),
  );
  const thrown = /(?:PaneletError|refuse)\(\s*'([A-Z_]+)'/g;
  const names = [...found, ...files].flatMap((path) => [...textOf(path).matchAll(thrown)].map((match) => match[1]));
  return new Set(errorCodes.filter((code) => names.includes(code)));
}

describe('the status codes of docs/reference/session-protocol.md', () => {
  const rows = [
    ...textOf('docs/reference/session-protocol.md').matchAll(/^\| [^|]+ \| ([A-Z_]+)[^|]* \| `([A-Z_]+)` \|/gm),
  ];

  test('are those that an Attach can end with, and no others', () => {
    const thrown = codesThrown();
    for (const code of elsewhere) expect(thrown).toContain(code);
    const expected = [...thrown].filter((code) => !elsewhere.includes(code));
    expect(rows.map((row) => row[2]).sort()).toEqual(expected.sort());
  });

  test('have the gRPC status that is sent', () => {
    expect(rows.map((row) => [row[2], row[1]])).toEqual(rows.map((row) => [row[2], statusOf(row[2] as ErrorCode)]));
  });
});
