/** Version of Kubernetes whose behaviour the dev cluster follows. */
export const kubernetesVersion = 'v1.37.2';

/** Answer to `/version`. */
export const versionInfo = {
  major: '1',
  minor: '37',
  emulationMajor: '1',
  emulationMinor: '37',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '36',
  gitVersion: `${kubernetesVersion}+panelet`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: 'linux/amd64',
} as const;
