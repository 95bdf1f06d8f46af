import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';

/** What the declarations of a file, and of those that they name, import from elsewhere. */
function foreignImports(file: string, seen = new Set<string>()): readonly string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const { outputText } = ts.transpileDeclaration(readFileSync(file, 'utf8'), {
    fileName: file,
    compilerOptions: { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2023, strict: true },
  });
  const named = [...outputText.matchAll(/(?:from|import)\s*\(?['"]([^'"]+)['"]/g)].map(([, name = '']) => name);
  return named.flatMap((name) =>
    name.startsWith('./')
      ? foreignImports(join(dirname(file), name.replace(/\.js$/, '.ts')), seen)
      : [`${file} ← ${name}`],
  );
}

describe('the public types of the panel SDK', () => {
  test.each(['panel/sdk.ts', 'panel/testing.ts'])('are its own: %s names nothing that is not in its room', (entry) => {
    expect(foreignImports(entry)).toEqual([]);
  });

  test('are looked at', () => {
    expect(foreignImports('client/sdk.ts')).not.toEqual([]);
  });
});
