import { Metadata, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { plainEcho, plainEchoPort } from './plain-echo.js';

// What a careful team does today: on SIGTERM, grpc-js' graceful shutdown, bounded.
const graceMs = 1000;

const server = new Server();
server.addService(plainEcho, {
  echo: (call: ServerDuplexStream<Buffer, Buffer>) => {
    call.sendMetadata(new Metadata());
    call.on('data', (bytes: Buffer) => call.write(bytes));
    call.on('end', () => call.end());
    call.on('error', () => undefined);
  },
});
process.once('SIGTERM', () => {
  server.tryShutdown(() => process.exit(0));
  setTimeout(() => server.forceShutdown(), graceMs);
});
const address = `${process.env['PANELET_POD_IP'] ?? '127.0.0.1'}:${plainEchoPort}`;
server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
  if (error === null) return;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
