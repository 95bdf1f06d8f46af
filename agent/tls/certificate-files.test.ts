import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createTestAuthority, type IssuedPair, type TestAuthority } from '#test/support/agent/test-authority.js';
import { openCertificateFiles } from './certificate-files.js';
import type { CertificateSource } from './certificate-source.js';

let dir: string;
let authority: TestAuthority;
let source: CertificateSource | undefined;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'panelet-files-'));
  authority = await createTestAuthority('panelet');
});
afterEach(() => {
  source?.close();
  source = undefined;
  rmSync(dir, { recursive: true, force: true });
});

const issue = (): Promise<IssuedPair> => authority.issue({ subject: [{ CN: ['agent'] }], hosts: ['panelet-agent'] });

/** Swaps what the files are, as the kubelet does: by a link beside them. */
function swap(pair: IssuedPair, version: number): void {
  const data = join(dir, `..${version}`);
  mkdirSync(data);
  writeFileSync(join(data, 'tls.crt'), pair.cert);
  writeFileSync(join(data, 'tls.key'), pair.key);
  symlinkSync(`..${version}`, join(dir, '..data_tmp'));
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
}

async function open(pair: IssuedPair): Promise<CertificateSource> {
  swap(pair, 1);
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(dir, name));
  const files = { certFile: join(dir, 'tls.crt'), keyFile: join(dir, 'tls.key') };
  source = await openCertificateFiles({ files, clock: createSystemClock(), log: createSilentLog() });
  return source;
}

describe('a certificate in files', () => {
  test('is read again when the kubelet swaps it', async () => {
    const files = await open(await issue());
    const next = await issue();
    swap(next, 2);
    await files.changes.until(() => (files.current()?.cert === next.cert ? true : undefined));
    expect(files.current()).toMatchObject(next);
  });

  test('stays in force while what is written there cannot be used', async () => {
    const first = await issue();
    const files = await open(first);
    swap({ cert: first.cert, key: (await issue()).key }, 2);
    await expect(files.reload()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(files.current()).toMatchObject(first);
  });

  test('that cannot be used stops the start', async () => {
    await expect(open({ cert: 'x', key: 'y' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('says when it has expired', async () => {
    const notAfter = new Date(Date.now() - 1000);
    const files = await open(await authority.issue({ subject: [{ CN: ['agent'] }], hosts: [], notAfter }));
    expect(files.unready()).toEqual([expect.stringContaining('has expired')]);
  });
});
