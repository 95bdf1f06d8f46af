/** proto/stable.txtpb: the protos that others build on, as the last release had them. `buf breaking` compares with it. */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

const buf = resolve('node_modules/.bin/buf');
const ofOthers = ['--exclude-source-info', '--path', 'panelet/panel', '--path', 'panelet/session'];
const build = (args) => execFileSync(buf, ['build', ...args], { cwd: 'proto', stdio: ['ignore', 'pipe', 'inherit'] });

/** Writes what the protos are now. */
export function writeStableProtos() {
  build([...ofOthers, '--output', 'stable.txtpb']);
}

/** Whether the file says what the protos are now. The text may differ from one buf to the next; what it means is compared. */
export function areStableProtosWritten() {
  const now = build([...ofOthers, '--output', '-#format=binpb']);
  return now.equals(build(['stable.txtpb', '--output', '-#format=binpb']));
}
