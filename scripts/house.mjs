/**
 * What the house looks like, in figures: files and lines per folder, halls that are too full, functions that are too long, arrows
 * between folders and those that run both ways, type names that stand twice. `npm run house`; `--check` fails where a hall is too full,
 * arrows run both ways or a name stands twice.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const rooms = ['common', 'kube', 'session', 'client', 'worker', 'panel', 'agent', 'controller', 'devcluster'];
const mostFiles = 25;
const mostLines = 60;

/** Sources of the product: no tests, nothing generated. */
const files = execFileSync('git', ['ls-files', '--', ...rooms.flatMap((room) => [`${room}/*.ts`, `${room}/*.tsx`])], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && !file.endsWith('.test.ts'));
const known = new Set(files);
const trees = new Map(
  files.map((file) => [file, ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)]),
);

function linesOf(node, tree) {
  const start = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line;
  return tree.getLineAndCharacterOfPosition(node.end).line - start + 1;
}

function* nodesBelow(node) {
  yield node;
  for (const child of node.getChildren()) yield* nodesBelow(child);
}

/** The file that an import names; undefined for packages and generated code. */
function importedFile(from, specifier) {
  const inRoom = /^#([a-z]+\/.*)\.js$/.exec(specifier)?.[1];
  const path = inRoom ?? (specifier.startsWith('.') ? join(dirname(from), specifier).replace(/\.js$/, '') : undefined);
  return path === undefined ? undefined : [`${path}.ts`, `${path}.tsx`].find((file) => known.has(file));
}

function folders() {
  const found = new Map();
  for (const [file, tree] of trees) {
    const folder = found.get(dirname(file)) ?? { files: 0, lines: 0 };
    found.set(dirname(file), { files: folder.files + 1, lines: folder.lines + tree.getLineStarts().length - 1 });
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function longFunctions() {
  const isLong = (node, tree) => ts.isFunctionLike(node) && 'body' in node && linesOf(node, tree) > mostLines;
  const nameOf = (node) => node.name?.getText() ?? node.parent.name?.getText() ?? 'a function';
  return [...trees].flatMap(([file, tree]) =>
    [...nodesBelow(tree)]
      .filter((node) => isLong(node, tree))
      .map((node) => `${file}: ${nameOf(node)}, ${String(linesOf(node, tree))} lines`),
  );
}

/** By folder, the folders whose files its files import. */
function arrows() {
  const found = new Map();
  for (const [file, tree] of trees) {
    const from = dirname(file);
    for (const { moduleSpecifier } of tree.statements.filter(
      (statement) =>
        (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) && statement.moduleSpecifier,
    )) {
      const target = importedFile(file, moduleSpecifier.text);
      if (target === undefined || dirname(target) === from) continue;
      if (!found.has(from)) found.set(from, new Map());
      const to = found.get(from);
      to.set(dirname(target), [...(to.get(dirname(target)) ?? []), `${file} -> ${target}`]);
    }
  }
  return found;
}

/** Groups of folders from each of which every other one is reached: no order of floors fits them. */
function circles(graph) {
  const reach = (from) => {
    const seen = new Set();
    const next = [from];
    while (next.length > 0) {
      for (const to of graph.get(next.pop())?.keys() ?? []) {
        if (!seen.has(to)) next.push(to);
        seen.add(to);
      }
    }
    return seen;
  };
  const reached = new Map([...graph.keys()].map((folder) => [folder, reach(folder)]));
  const groups = new Map();
  for (const [folder, below] of reached) {
    const group = [...below].filter((other) => reached.get(other)?.has(folder)).sort();
    if (group.length > 1) groups.set(group.join(' '), group);
  }
  return [...groups.values()];
}

/** Exported types and classes whose name stands in more than one file. */
function twice() {
  const places = new Map();
  for (const [file, tree] of trees) {
    for (const statement of tree.statements) {
      const isType =
        ts.isInterfaceDeclaration(statement) ||
        ts.isTypeAliasDeclaration(statement) ||
        ts.isClassDeclaration(statement);
      const isExported = statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
      if (!isType || !isExported) continue;
      const name = statement.name.text;
      places.set(name, [...(places.get(name) ?? []), file]);
    }
  }
  return [...places].filter(([, where]) => where.length > 1);
}

function section(title, lines) {
  console.log(`\n${title}: ${String(lines.length)}`);
  for (const line of lines) console.log(`  ${line}`);
  return lines.length;
}

const perFolder = folders();
const width = Math.max(...[...perFolder.keys()].map((name) => name.length));
console.log(`${'folder'.padEnd(width)}  files  lines`);
for (const [name, { files: count, lines }] of perFolder) {
  console.log(`${name.padEnd(width)}  ${String(count).padStart(5)}  ${String(lines).padStart(5)}`);
}
const total = [...perFolder.values()].reduce((sum, { lines }) => sum + lines, 0);
console.log(`${'all'.padEnd(width)}  ${String(files.length).padStart(5)}  ${String(total).padStart(5)}`);

const graph = arrows();
const count = [...graph.values()].reduce((sum, to) => sum + to.size, 0);
console.log(`\nArrows between folders: ${String(count)}`);
const full = [...perFolder].filter(([, folder]) => folder.files > mostFiles);
const broken =
  section(
    `Halls of more than ${String(mostFiles)} files`,
    full.map(([name, folder]) => `${name}: ${String(folder.files)}`),
  ) +
  section(
    'Circles of folders',
    circles(graph).map((group) => {
      const inside = group.flatMap((from) => group.flatMap((to) => graph.get(from)?.get(to) ?? []));
      return [group.join(' '), ...inside].join('\n    ');
    }),
  ) +
  section(
    'Type names in more than one file',
    twice().map(([name, where]) => `${name}: ${where.join(', ')}`),
  );
section(`Functions of more than ${String(mostLines)} lines`, longFunctions());
if (process.argv.includes('--check') && broken > 0) process.exit(1);
