import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import ts from 'typescript';

interface Scripts {
  readonly entries: Readonly<Record<string, { readonly source: string; readonly declarations: string }>>;
  /** @param source of the entry point. @default its own */
  declarationsOf(entry: string, source?: string): string;
}

type Exports = Readonly<Record<string, { readonly types?: string } | string>>;

const packageJson = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly exports: Exports;
  readonly files: readonly string[];
};
const entries = ['panelet', 'panelet/panel', 'panelet/panel/testing'];

// That a stranger's compiler takes them, test/trials/package.test.ts shows.
describe('the declarations that strangers get', () => {
  let scripts: Scripts;
  beforeAll(async () => {
    const path = '../../scripts/declarations.mjs';
    scripts = (await import(path)) as Scripts;
  });

  test('are one file for each entry point of the package that has types, and packed', () => {
    const typed = Object.entries(packageJson.exports).flatMap(([name, target]) =>
      typeof target === 'string' || target.types === undefined
        ? []
        : [[name.replace('.', 'panelet'), target.types.replace('./', '')]],
    );
    const made = Object.entries(scripts.entries).map(([name, { declarations }]) => [name, declarations]);
    expect(typed).toEqual(made);
    expect(made.map(([name]) => name)).toEqual(entries);
    expect(packageJson.files).toEqual(expect.arrayContaining(made.map(([, file]) => file)));
    expect(packageJson.files.filter((file) => /^dist\/?$|\/lib|types/.test(file))).toEqual([]);
  });

  test.each(entries)('name nothing that is not Node’s or exported: %s', (entry) => {
    const text = scripts.declarationsOf(entry);
    const froms = [...text.matchAll(/\b(?:from|import|require)\b[ (]*['"]([^'"]+)['"]/g)].map(([, from]) => from);
    expect(froms.filter((from) => from?.startsWith('node:') === false && !entries.includes(from))).toEqual([]);
    expect(text).not.toMatch(/\$case|grpc-js|protobuf|\bMetadata\b|@internal|<reference/);
    const hidden = text.split('\n').filter((line) => /^(declare|interface|type|class|function|const|enum) /.test(line));
    expect(hidden).toEqual([]);
    // Who gets a Buffer has Node, and nobody needs more of it than its bytes.
    expect(text.split('\n').filter((line) => /\bBuffer\b/.test(line))).toEqual([]);
  });

  test.each([
    ['a type of gRPC', 'client/calls/unary-call.ts', /of the package @grpc\/grpc-js/],
    ['generated code', 'session/client/client-effects.ts', /of generated code/],
    ['a type that nobody exports', 'client/calls/agent-calls.ts', /which no entry point exports/],
  ])('cannot be made where they leak %s', (_, source, message) => {
    expect(() => scripts.declarationsOf('panelet', source)).toThrow(message);
  });
});

/** Every text that a module has, and those that it imports. */
function* textsBelow(file: string, seen = new Set<string>()): Generator<string> {
  if (seen.has(file) || /^(proto|google|grpc)\//.test(file)) return;
  seen.add(file);
  const tree = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  yield* textsIn(tree);
  for (const statement of tree.statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    const { moduleSpecifier } = statement;
    const target = moduleSpecifier !== undefined && sourceOf(file, (moduleSpecifier as ts.StringLiteral).text);
    if (typeof target === 'string') yield* textsBelow(target, seen);
  }
}

function* textsIn(node: ts.Node): Generator<string> {
  if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node))
    yield node.text;
  const below: ts.Node[] = [];
  ts.forEachChild(node, (child) => void below.push(child));
  for (const child of below) yield* textsIn(child);
}

function sourceOf(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.replace(/^#/, '').replace(/\.js$/, '.ts');
  return specifier.startsWith('.') ? join(dirname(file), specifier.replace(/\.js$/, '.ts')) : undefined;
}

describe('what the client SDK says to strangers', () => {
  const flags = /--[a-z]|PANELET_[A-Z]|`?\b(?:panelet|kubectl) [a-z]/;

  test('speaks of no flag, no variable and no command', () => {
    const texts = [...textsBelow('client/sdk.ts')];
    expect(texts.length).toBeGreaterThan(500);
    expect(texts.filter((text) => flags.test(text))).toEqual([]);
  });

  test('would be heard: the CLI does', () => {
    expect([...textsBelow('client/cli/io/flag-advice.ts')].filter((text) => flags.test(text))).not.toEqual([]);
  });
});
