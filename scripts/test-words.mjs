/** What `npm test` says before it begins. */
process.stdout.write(`Panelet's tests: 4 to 7 minutes on two cores.
First the programs are bundled. Then come tests of units, of models that try every order of events, and of real
processes on a dev cluster of this machine; no Kubernetes is needed. A part: npm run jest -- session
The last line says how it went: N passed, N failed.

`);
