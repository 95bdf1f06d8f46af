import { stringify } from 'yaml';
import { replaceFileSync } from '#common/files/replace-file.js';

/** What a kubeconfig says. */
export interface KubeconfigOptions {
  /** `https://host:port`. */
  readonly server: string;
  /** Certificate of the authority, PEM. */
  readonly caCertificate: string;
  readonly user: string;
  readonly token: string;
  /** @default 'default' */
  readonly namespace?: string;
}

/** Text of a kubeconfig that stands on its own. */
export function renderKubeconfig(options: KubeconfigOptions): string {
  const name = 'panelet-devcluster';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          server: options.server,
          'certificate-authority-data': Buffer.from(options.caCertificate).toString('base64'),
        },
      },
    ],
    users: [{ name: options.user, user: { token: options.token } }],
    contexts: [{ name, context: { cluster: name, user: options.user, namespace: options.namespace ?? 'default' } }],
    'current-context': name,
  });
}

/** Writes a kubeconfig for its owner's eyes only; readers see the old or the new one, never half of one. */
export function writeKubeconfig(path: string, options: KubeconfigOptions): void {
  replaceFileSync(path, renderKubeconfig(options));
}
