import { expect, jest, test } from '@jest/globals';
import { chartDirectory, helm } from './chart.js';

// Every rendering is a run of helm.
jest.setTimeout(60_000);

/** The notes of an installation with these values. */
function notes(values: object = {}): string {
  const where = ['panelet', chartDirectory, '--namespace', 'ops', '--dry-run=client', '--values', '-'];
  const { ok, stdout, stderr } = helm(['install', ...where], JSON.stringify(values));
  expect(stderr).toBe('');
  expect(ok).toBe(true);
  return stdout.slice(stdout.indexOf('\nNOTES:\n'));
}

test('the first session of the notes is one that survives the restart after it', () => {
  const text = notes();
  expect(text).toContain('\n  panelet attach --node "$NODE" -n ops\n');
  expect(text).not.toMatch(/attach --address|port-forward "/);
  expect(text.indexOf('attach --node')).toBeLessThan(text.indexOf('panelet.dev/restart=$restart'));
});

test.each<[string, object, string[]]>([
  ['another prefix', { namePrefix: 'second' }, ['get configmap second-ca', ' -n ops --service-account second-user --ca panelet-ca.crt\n']],
  [
    'cert-manager',
    { tls: { mode: 'certManager', certManager: { issuerRef: { name: 'ca' } } } },
    ['get secret panelet-agent-tls', ' -n ops --ca panelet-ca.crt --server-name panelet-agent\n'],
  ],
  ['another audience', { identity: { audience: 'ops.example' } }, ['create token panelet-user --audience ops.example']],
])('with %s the notes say what the CLI cannot know', (_name, values, said) => {
  const text = notes(values);
  for (const words of said) expect(text).toContain(words);
});
