import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import ts from 'typescript';

jest.setTimeout(180_000);

const guide = 'docs/guide/writing-a-client.md';
const root = process.cwd();
const at = (name: string): string => join(root, 'guide-types', name);

/** What the guide’s pieces have around them. */
const around = `
  import type { PaneletClient, PaneletSession } from 'panelet';
  declare global {
    const createPaneletClient: typeof import('panelet').createPaneletClient;
    const findSession: typeof import('panelet').findSession;
    const readFile: typeof import('node:fs/promises').readFile;
    const readFileSync: typeof import('node:fs').readFileSync;
    const createReadStream: typeof import('node:fs').createReadStream;
    const token: string;
    const sessionId: string;
    const client: PaneletClient;
    const clients: Record<string, PaneletClient>;
    const session: PaneletSession;
    const addresses: Record<string, string>;
    const known: (node: string) => string;
    const lookUp: (node: string) => Promise<string>;
  }`;

/** What a compiler says of pieces of code for whom the package has these declarations. */
function complaintsAbout(pieces: readonly string[], declarations: string): readonly string[] {
  const files = new Map([
    [at('sdk.d.ts'), declarations],
    [at('around.d.ts'), around],
    // A module each, so that their names are their own.
    ...pieces.map((piece, index) => [at(`piece-${index + 1}.ts`), `${piece}\nexport {};\n`] as const),
  ]);
  const options: ts.CompilerOptions = {
    ...{ noEmit: true, strict: true, skipLibCheck: true, types: ['node'], lib: ['lib.es2023.d.ts'] },
    ...{ target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext },
    paths: { panelet: [at('sdk.d.ts')] },
  };
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (file) => files.has(file) || disk.fileExists(file),
    readFile: (file) => files.get(file) ?? disk.readFile(file),
    getSourceFile: (file, version) => {
      const text = files.get(file) ?? disk.readFile(file);
      return text === undefined ? undefined : ts.createSourceFile(file, text, version);
    },
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
}

describe('the guide to writing a client', () => {
  let declarations: string;
  beforeAll(async () => {
    const path = '../../scripts/declarations.mjs';
    const script = (await import(path)) as { declarationsOf(entry: string): string };
    declarations = script.declarationsOf('panelet');
  });

  test('has code that a compiler takes, and one that would say where it did not', () => {
    const pieces = [...readFileSync(guide, 'utf8').matchAll(/^```ts\n([^]*?)^```/gm)].map(([, piece = '']) => piece);
    expect(pieces.length).toBeGreaterThan(4);
    const mistaken = 'await session.settled();\n';
    expect(complaintsAbout([...pieces, mistaken], declarations)).toEqual([
      expect.stringMatching(new RegExp(`piece-${pieces.length + 1}\\.ts: Property 'settled' does not exist`)),
    ]);
  });
});
