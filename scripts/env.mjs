/** Prints what a shell needs to use the dev cluster of `npm start`: eval "$(npm run -s env)" */
import { existsSync } from 'node:fs';

const program = new URL('../dist/bin/panelet-devcluster.js', import.meta.url);
if (existsSync(program)) {
  process.argv.splice(2, 0, 'env');
  await import(program.href);
} else {
  process.stderr.write('panelet-devcluster: No dev cluster runs. Start one in another terminal: npm start\n');
  process.exitCode = 1;
}
