import { describe, expect, test } from '@jest/globals';
import { parseAuditLines } from './audit-lines.js';

const line = (verb: string): string =>
  `{"kind":"Event","apiVersion":"audit.k8s.io/v1","stage":"ResponseComplete","verb":"${verb}"}`;
const verbs = (text: string): string[] => parseAuditLines(text).events.map(({ verb }) => verb);

describe('the audit log of an API server that gets killed', () => {
  test('gives every whole line', () => {
    expect(verbs(`${line('create')}\n${line('patch')}\n`)).toEqual(['create', 'patch']);
  });

  test('counts a line that was cut, and finds the one that was appended to it', () => {
    const text = `${line('create')}\n${line('patch').slice(0, 60)}${line('delete')}\n${line('get').slice(0, 50)}\n`;
    expect(parseAuditLines(text).torn).toBe(2);
    expect(verbs(text)).toEqual(['create', 'delete']);
  });
});
