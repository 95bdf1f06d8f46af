// Sends what it reads to the panel "echo", and prints what comes back, over cuts and restarts.
import { createPaneletClient } from 'panelet';

const client = createPaneletClient({ resolve: () => process.env.PANELET_ADDRESS.split(',') });
const session = await client.open({ panel: 'echo' });

const sending = (async () => {
  for await (const chunk of process.stdin) await session.write(chunk);
  await session.end();
})();
for await (const item of session) {
  if (item.kind === 'data') process.stdout.write(item.payload);
}
await sending;
await client.close();
