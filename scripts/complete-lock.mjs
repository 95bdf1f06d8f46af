/**
 * Completes package-lock.json after `npm install`: npm may leave out optional packages of other platforms
 * (npm/cli#4828), and `npm ci` then refuses the lock. Each that is missing gets an entry with its version and platform,
 * so that npm knows it without asking. Run by `npm run lock`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const systems = ['darwin', 'win32', 'linux', 'freebsd', 'openbsd', 'netbsd', 'android', 'openharmony', 'sunos', 'aix'];
const processors = [
  [/armv7|arm-(eabi|gnueabihf|musleabihf)/, 'arm'],
  [/arm64|aarch64/, 'arm64'],
  [/x64/, 'x64'],
  [/ia32/, 'ia32'],
  [/ppc64/, 'ppc64'],
  [/riscv64/, 'riscv64'],
  [/s390x/, 's390x'],
  [/loong64/, 'loong64'],
];

const file = 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8'));
const added = {};
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const os = systems.find((system) => name.includes(system));
    const cpu = processors.find(([pattern]) => pattern.test(name))?.[1];
    const places = [`node_modules/${name}`, `${path}/node_modules/${name}`];
    if (os === undefined || cpu === undefined || places.some((place) => place in lock.packages)) continue;
    added[`node_modules/${name}`] = {
      version: range.replace(/^[^\d]*/, ''),
      cpu: [cpu],
      ...(entry.dev === true ? { dev: true } : {}),
      optional: true,
      os: [os],
    };
  }
}
const sorted = Object.entries({ ...lock.packages, ...added }).sort(([a], [b]) => (a < b ? -1 : 1));
writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
console.log(`${file}: ${String(Object.keys(added).length)} entries added.`);
