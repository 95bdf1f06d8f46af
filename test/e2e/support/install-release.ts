import { join } from 'node:path';
import type { E2eEnvironment } from './environment.js';
import { outputOf } from './run-program.js';

/** Installs the release that is tested, or brings it up to its values; makes its namespace where there is none. @throws when a program fails */
export async function installRelease(environment: E2eEnvironment): Promise<void> {
  const { kubeconfig, namespace, release, root, values } = environment;
  const where = ['--kubeconfig', kubeconfig, '-n', namespace];
  const chart = join(root, 'charts/panelet');
  const args = ['upgrade', '--install', release, chart, ...where, '--values', values, '--wait'];
  // The Pod Security level that the chart needs for its hostPath volumes is the administrator's to give.
  const labels = ['enforce', 'warn'].map((mode) => `pod-security.kubernetes.io/${mode}=privileged`);
  const kubectl = (...words: string[]): Promise<string> =>
    outputOf(environment.kubectl, ['--kubeconfig', kubeconfig, ...words]);
  const known = await kubectl('get', 'namespace', namespace, '--ignore-not-found', '-o', 'name');
  if (known === '') await kubectl('create', 'namespace', namespace);
  await kubectl('label', 'namespace', namespace, '--overwrite', ...labels);
  await outputOf(environment.helm, [...args, '--timeout', '300s']);
}
