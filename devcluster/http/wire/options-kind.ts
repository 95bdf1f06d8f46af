import type { IncomingMessage } from 'node:http';

/** What the options of a request are called in refusals. */
export function optionsKindOf(request: IncomingMessage): string {
  switch (request.method) {
    case 'POST':
      return 'CreateOptions';
    case 'PUT':
      return 'UpdateOptions';
    case 'PATCH':
      return 'PatchOptions';
    default:
      return 'DeleteOptions';
  }
}
