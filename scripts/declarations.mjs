/**
 * What strangers see of the package: one file of declarations for each of its entry points, in which nothing is that is not exported there, and
 * that names nothing of generated code, of gRPC or of our folders. `npm run build` writes them to dist/; what cannot be told so fails it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Entry points by the name under which they are imported. */
export const entries = {
  panelet: { source: 'client/sdk.ts', declarations: 'dist/sdk.d.ts' },
  'panelet/panel': { source: 'panel/sdk.ts', declarations: 'dist/panel.d.ts' },
  'panelet/panel/testing': { source: 'panel/testing.ts', declarations: 'dist/panel-testing.d.ts' },
};

/** A source as its declarations: what stands in it by name, and what it has from elsewhere. */
class Declarations {
  constructor(file) {
    const options = { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2023, strict: true };
    const { outputText, diagnostics = [] } = ts.transpileDeclaration(readFileSync(join(root, file), 'utf8'), {
      fileName: file,
      compilerOptions: options,
    });
    for (const { messageText } of diagnostics)
      throw new Error(`${file}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
    this.file = file;
    this.tree = ts.createSourceFile(file, outputText, ts.ScriptTarget.Latest, true);
    this.own = new Map();
    this.foreign = new Map();
    for (const statement of this.tree.statements) this.#read(statement);
  }

  #read(statement) {
    const clause = ts.isImportDeclaration(statement) ? statement.importClause : statement.exportClause;
    if (ts.isImportDeclaration(statement) || (ts.isExportDeclaration(statement) && statement.moduleSpecifier)) {
      const from = statement.moduleSpecifier.text;
      for (const { name, propertyName } of clause?.namedBindings?.elements ?? clause?.elements ?? [])
        this.foreign.set(name.text, { from, name: (propertyName ?? name).text });
    } else if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) this.own.set(name.text, statement);
    } else if (statement.name !== undefined) {
      // Of an overloaded function the last one stands for all: there is none in a face.
      this.own.set(statement.name.text, statement);
    }
  }

  /** Names that other files, or other statements of this one, may have declared. */
  namesIn(statement) {
    const names = new Set();
    const visit = (node) => {
      if (ts.isImportTypeNode(node)) throw new Error(`${this.file} names ${node.getText()}, which has no name here.`);
      const named = node.typeName ?? node.exprName ?? (ts.isExpressionWithTypeArguments(node) && node.expression);
      if (named) names.add(named.getText().split('.')[0]);
      ts.forEachChild(node, visit);
    };
    visit(statement);
    return [...names].filter((name) => this.own.has(name) || this.foreign.has(name));
  }

  exported() {
    const has = (statement) => statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    const own = [...this.own].filter(([, statement]) => has(statement)).map(([name]) => name);
    const passed = this.tree.statements.filter((one) => ts.isExportDeclaration(one) && one.moduleSpecifier);
    return [...own, ...passed.flatMap(({ exportClause }) => exportClause.elements.map(({ name }) => name.text))];
  }
}

const files = new Map();
const declarationsIn = (file) => files.get(file) ?? files.set(file, new Declarations(file)).get(file);
const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The source that a specifier means; undefined for what is no source of ours. */
function sourceOf(file, specifier) {
  if (specifier.startsWith('.')) return join(dirname(file), specifier).replace(/\.js$/, '.ts');
  const [, alias, rest] = /^(#[a-z]+\/)(.*)\.js$/.exec(specifier) ?? [];
  return alias && imports[`${alias}*.js`]['panelet-source'].replace('./', '').replace('*', rest);
}

/** Where a name is declared. @throws where that is none of ours, and not Node's */
function find(file, name) {
  const declarations = declarationsIn(file);
  if (declarations.own.has(name)) return { file, name };
  const { from, name: there } = declarations.foreign.get(name);
  const source = sourceOf(file, from);
  if (there !== name) throw new Error(`${file} calls ${there} of ${from} ${name}: a thing has one name.`);
  if (source?.startsWith('proto/')) throw new Error(`${file} names ${name} of generated code.`);
  if (source !== undefined) return find(source, name);
  if (!from.startsWith('node:')) throw new Error(`${file} names ${name} of the package ${from}.`);
  return { from, name };
}

/** What an entry point exports, by name. */
function exportedBy(source) {
  return new Map(
    declarationsIn(source)
      .exported()
      .map((name) => [name, find(source, name)]),
  );
}

/** The entry point that exports a declaration. */
function faceOf({ file, name }, entry) {
  const isSame = (found) => found?.file === file;
  const names = [entry, ...Object.keys(entries)];
  return names.find((face) => entries[face] && isSame(exportedBy(entries[face].source).get(name)));
}

/**
 * The declarations of an entry point, as one module.
 * @throws where it names something that is not exported by an entry point, or that is not ours
 */
export function declarationsOf(entry, source = entries[entry].source) {
  const exported = exportedBy(source);
  const imported = new Map();
  const parts = [];
  for (const [name, found] of exported) {
    if (found.from !== undefined) throw new Error(`${source} exports ${name} of ${found.from}.`);
    const declarations = declarationsIn(found.file);
    const statement = declarations.own.get(name);
    for (const other of declarations.namesIn(statement)) {
      const there = find(found.file, other);
      if (exported.get(other)?.file === there.file && there.from === undefined) continue;
      const face = there.from ?? faceOf(there, entry);
      if (face === undefined)
        throw new Error(`${name} of ${entry} names ${other} of ${there.file}, which no entry point exports.`);
      imported.set(other, face);
    }
    parts.push(statement.getFullText().trim());
  }
  const froms = [...new Set(imported.values())].sort();
  const namesOf = (from) =>
    [...imported]
      .filter(([, face]) => face === from)
      .map(([name]) => name)
      .sort();
  const head = froms.map((from) => `import type { ${namesOf(from).join(', ')} } from '${from}';\n`).join('');
  return `${head}${head && '\n'}${parts.join('\n\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [entry, { declarations }] of Object.entries(entries)) {
    mkdirSync(dirname(join(root, declarations)), { recursive: true });
    writeFileSync(join(root, declarations), declarationsOf(entry));
  }
}
