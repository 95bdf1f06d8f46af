// Sends what it reads to the panel "echo" in web streams, compressed, and prints what comes back.
import { Readable, Writable } from 'node:stream';
import { createPaneletClient } from 'panelet';

const client = createPaneletClient({ resolve: () => process.env.PANELET_ADDRESS.split(',') });
const session = await client.open({ panel: 'echo' });

await Promise.all([
  Readable.toWeb(process.stdin).pipeThrough(new CompressionStream('gzip')).pipeTo(session.writable),
  session.readable
    .pipeThrough(new DecompressionStream('gzip'))
    .pipeTo(Writable.toWeb(process.stdout), { preventClose: true }),
]);
await client.close();
