/**
 * The tables of docs/reference/client-sdk.md, made of the declarations that strangers get: `node scripts/client-reference.mjs` writes them between
 * `<!-- types: Name … -->` and `<!-- end -->`. A test holds that they are up to date and that nothing is missing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { declarationsOf } from './declarations.mjs';

const page = fileURLToPath(new URL('../docs/reference/client-sdk.md', import.meta.url));
const block = /(<!-- types: ([\w ]+) -->\n)[^]*?(<!-- end -->)/g;
const longestType = 48;

const tree = ts.createSourceFile('sdk.d.ts', declarationsOf('panelet'), ts.ScriptTarget.Latest, true);
const isExported = (statement) => ts.isImportDeclaration(statement) === false;
const nameOf = (statement) => (statement.declarationList?.declarations[0] ?? statement).name.text;
const statements = new Map(tree.statements.filter(isExported).map((one) => [nameOf(one), one]));

/** Names of all that the entry point exports. */
export const exportedNames = [...statements.keys()];

const flat = (text) => text.replace(/\s+/g, ' ').trim();

/** The sentences of a comment, tags in words. */
function proseOf(comment) {
  return flat(comment.slice(3, -2).replace(/^\s*\* ?/gm, ' '))
    .replace(/\.? ?@default (.+?)\.?(?= @|$)/g, '. Default: $1.')
    .replace(/@throws /g, 'Throws ')
    .replace(/@returns /g, 'Returns ')
    .replace(/@param (\w+) /g, '`$1`: ')
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replace(/^\. /, '');
}

/** What stands right before a place, if that is a comment. */
function commentIn(text) {
  return proseOf(/\/\*\*[^]*?\*\//g.exec(text)?.[0] ?? '');
}

const escaped = (text) => text.replaceAll('|', '\\|');
const code = (text) => (text === '' ? '' : `\`${escaped(flat(text))}\``);
const row = (cells) => `| ${cells.join(' | ')} |`;

/** A type in few words: of an object the names of its fields. */
function typeText(type) {
  if (type === undefined) return '';
  if (ts.isTypeLiteralNode(type)) return `{ ${type.members.map(({ name }) => name.getText()).join(', ')} }`;
  return flat(type.getText()).replaceAll('readonly ', '');
}

function memberRow(member) {
  const name = member.name.getText();
  const comment = commentIn(member.getFullText());
  if (ts.isMethodSignature(member) || ts.isMethodDeclaration(member)) {
    const parameters = member.parameters.map(
      (one) => `${one.name.getText()}${one.questionToken || one.initializer ? '?' : ''}`,
    );
    return row([code(`${name}(${parameters.join(', ')})`), code(member.type.getText()), comment]);
  }
  const type = typeText(member.type);
  return row([code(`${name}${member.questionToken ? '?' : ''}`), type.length > longestType ? '' : code(type), comment]);
}

const tableOf = (heads, rows) => [row(heads), `|${'---|'.repeat(heads.length)}`, ...rows].join('\n');
const hasName = (member) => member.name !== undefined && ts.isConstructorDeclaration(member) === false;

/** The kinds of a union of objects, each with its fields and the comment before it. */
function kindRows(union) {
  return union.types.map((type, index) => {
    const before =
      index === 0
        ? union.parent.getFullText().slice(0, type.pos - union.parent.pos + type.getLeadingTriviaWidth())
        : tree.text.slice(union.types[index - 1].end, type.getStart());
    const comments = [...before.matchAll(/\/\*\*[^]*?\*\//g)];
    const comment = index === 0 ? (comments[1] ?? '') : (comments[0] ?? '');
    const parts = [...type.getText().matchAll(/readonly (\w+\??): ([^;]+);/g)];
    const more = /& (\w+)/.exec(type.getText())?.[1];
    const fields = [
      ...parts.filter(([, name]) => name !== 'kind').map(([, name]) => code(name)),
      ...(more ? [`those of ${code(more)}`] : []),
    ];
    return row([
      code(parts.find(([, name]) => name === 'kind')?.[2] ?? type.getText()),
      fields.join(', '),
      comment && proseOf(comment[0]),
    ]);
  });
}

function typeAliasText({ type }) {
  if (!ts.isUnionTypeNode(type)) return '';
  if (type.getText().includes('kind:')) return tableOf(['kind', 'fields', ''], kindRows(type));
  const one = `One of ${type.types.map((each) => (ts.isTypeLiteralNode(each) ? 'an object' : code(each.getText()))).join(', ')}.`;
  const object = type.types.find(ts.isTypeLiteralNode);
  return object === undefined ? one : `${one}\n\n${tableOf(['', 'type', ''], object.members.map(memberRow))}`;
}

/** What the page says of an export. */
function textOf(name) {
  const statement = statements.get(name);
  if (statement === undefined) throw new Error(`${page}: the client SDK has no ${name}.`);
  const [comment, isFunction] = [commentIn(statement.getFullText()), ts.isFunctionDeclaration(statement)];
  const title = isFunction
    ? `${name}(${statement.parameters.map((one) => `${one.name.getText()}${one.questionToken ? '?' : ''}`).join(', ')})`
    : name;
  const head = `**\`${title}\`** ${comment}`;
  if (ts.isTypeAliasDeclaration(statement)) return [head, typeAliasText(statement)];
  if (isFunction || statement.members === undefined) return [head];
  return [head, tableOf(['', 'type', ''], statement.members.filter(hasName).map(memberRow))];
}

/** The page with its tables as they should be, and the names that they are of. */
export function filled() {
  const names = [];
  const text = readFileSync(page, 'utf8').replace(block, (_, start, list, end) => {
    names.push(...list.split(' '));
    return `${start}\n${list.split(' ').flatMap(textOf).filter(Boolean).join('\n\n')}\n\n${end}`;
  });
  return { names, text };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, filled().text);
