import { parseArgs } from 'node:util';
import { anyKubectl } from '#test/support/kubectl.js';
import { compareClusters } from './parity.js';

const { values } = parseArgs({
  options: { a: { type: 'string' }, b: { type: 'string' }, kubectl: { type: 'string' }, quiet: { type: 'boolean' } },
});
if (values.a === undefined || values.b === undefined) {
  throw new Error(
    'usage: --a <kubeconfig of a dev cluster> --b <kubeconfig of a real one> [--kubectl <path>] [--quiet]',
  );
}
const { commands, differences, unusedKnown } = await compareClusters({
  kubectl: values.kubectl ?? anyKubectl(),
  kubeconfigA: values.a,
  kubeconfigB: values.b,
  onCommand: (command) => {
    if (values.quiet !== true) console.error(command);
  },
});
for (const { command, a, b } of differences) console.log(`\n=== ${command}\n--- a: ${a}\n--- b: ${b}`);
for (const id of unusedKnown) console.log(`known difference without use: ${id}`);
console.log(`${commands} commands, ${differences.length} differences`);
process.exitCode = differences.length === 0 ? 0 : 1;
