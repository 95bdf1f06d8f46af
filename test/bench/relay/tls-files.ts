import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTestAuthority } from '#test/support/agent/test-authority.js';

/** Name in the certificate. */
export const tlsHost = 'localhost';

/** A certificate, the same for every peer. */
export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** Certificate and key in one file, as HAProxy wants them. */
  readonly bothFile: string;
}

/** Issues a certificate and writes it into `dir`. */
export async function writeTlsFiles(dir: string): Promise<TlsFiles> {
  const authority = await createTestAuthority('bench authority');
  const { cert, key } = await authority.issue({ subject: [{ CN: ['bench'] }], hosts: [tlsHost] });
  const write = (name: string, text: string): string => {
    const file = join(dir, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  return {
    caFile: write('ca.pem', authority.pem),
    certFile: write('cert.pem', cert),
    keyFile: write('key.pem', key),
    bothFile: write('both.pem', `${cert}\n${key}\n`),
  };
}
