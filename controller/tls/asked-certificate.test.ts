import { describe, expect, test } from '@jest/globals';

import { agentForm, createRequest } from '#test/support/controller/signing-requests.js';

import { normalIp, readAskedCertificate } from './asked-certificate.js';

const form = agentForm('n1', '10.0.0.7', 'ns');

describe('what a request asks for', () => {
  test('is read in full', async () => {
    const { request } = await createRequest(form);
    expect(await readAskedCertificate(request)).toMatchObject({
      subject: ['O=panelet:agents', 'CN=panelet:node:n1'],
      dnsNames: ['panelet-agent', 'panelet-agent.ns.svc', 'n1.node.panelet.dev'],
      ips: ['10.0.0.7'],
      others: [],
    });
  });

  test('names everything that nobody expects', async () => {
    const names = [
      ...form.names,
      { type: 'email', value: 'a@b.c' } as const,
      { type: 'url', value: 'http://x/' } as const,
    ];
    const { request } = await createRequest({ ...form, names, authority: true, attribute: true });
    const asked = await readAskedCertificate(request);
    expect([...(asked?.others ?? [])].sort()).toEqual([
      expect.stringMatching(/^attribute /),
      'extension 2.5.29.19',
      'name of type email',
      'name of type url',
    ]);
  });

  test('is nothing when it is no request, or has another key, or is not signed by its key', async () => {
    expect(await readAskedCertificate('')).toBeUndefined();
    expect(await readAskedCertificate('eHl6')).toBeUndefined();
    expect(await readAskedCertificate('A'.repeat(50_000))).toBeUndefined();
    expect(await readAskedCertificate((await createRequest({ ...form, curve: 'P-384' })).request)).toBeUndefined();
    const pem = Buffer.from((await createRequest(form)).request, 'base64').toString();
    const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    const other = Buffer.from(der);
    other.write('n2', other.indexOf('panelet:node:n1') + 13);
    const encode = (raw: Buffer): string =>
      Buffer.from(
        `-----BEGIN CERTIFICATE REQUEST-----\n${raw.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`,
      ).toString('base64');
    expect(await readAskedCertificate(encode(der))).toBeDefined();
    expect(await readAskedCertificate(encode(other))).toBeUndefined();
    expect(await readAskedCertificate(Buffer.from(pem + pem).toString('base64'))).toBeUndefined();
  });

  test('has addresses in one way of writing', () => {
    expect(normalIp('fd00:0:0:0:0:0:0:1')).toBe('fd00::1');
    expect(normalIp('10.0.0.7')).toBe('10.0.0.7');
  });
});
