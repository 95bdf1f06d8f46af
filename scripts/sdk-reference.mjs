/**
 * The tables of the SDKs' pages in docs/reference, made of the declarations that strangers get: `node scripts/sdk-reference.mjs` writes them
 * between `<!-- types: Name … -->` and `<!-- end -->`. A test holds that they are up to date and that nothing is missing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { declarationsOf } from './declarations.mjs';

/** Entry points by the page that is about them. */
export const pages = {
  'docs/reference/client-sdk.md': ['panelet'],
  'docs/reference/panel-sdk.md': ['panelet/panel', 'panelet/panel/testing'],
};

const pathOf = (page) => fileURLToPath(new URL(`../${page}`, import.meta.url));
const block = /(<!-- types: ([\w ]+) -->\n)[^]*?(<!-- end -->)/g;
const longestType = 48;

/** What an entry point exports, by name. */
function statementsOf(entry) {
  const tree = ts.createSourceFile('face.d.ts', declarationsOf(entry), ts.ScriptTarget.Latest, true);
  const nameOf = (statement) => (statement.declarationList?.declarations[0] ?? statement).name.text;
  return tree.statements.filter((one) => !ts.isImportDeclaration(one)).map((one) => [nameOf(one), one]);
}

const flat = (text) => text.replace(/\s+/g, ' ').trim();

/** The sentences of the last comment in a text, tags in words. */
function commentIn(text) {
  const comment = [...text.matchAll(/\/\*\*([^]*?)\*\//g)].at(-1)?.[1] ?? '';
  return flat(comment.replace(/^\s*\* ?/gm, ' '))
    .replace(/\.? ?@param (\w+) @default (.+?)\.?(?= @|$)/g, '. `$1` is $2 by default.')
    .replace(/\.? ?@default (.+?)\.?(?= @|$)/g, '. Default: $1.')
    .replace(/\.? ?@throws /g, '. Throws ')
    .replace(/\.? ?@returns /g, '. Returns ')
    .replace(/\.? ?@param (\w+) /g, '. `$1`: ')
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replace(/^\. /, '')
    .replace(/(?<=[^.])$/, '.')
    .replace(/^\.$/, '');
}

/** What is said right before something. */
const commentOf = (node) => commentIn(node.getFullText().slice(0, node.getLeadingTriviaWidth()));

const code = (text) => (text === '' ? '' : `\`${flat(text).replaceAll('|', '\\|')}\``);
const row = (cells) => `| ${cells.join(' | ')} |`;
const tableOf = (heads, rows) => [row(heads), `|${'---|'.repeat(heads.length)}`, ...rows].join('\n');

/** An object in few words: the names of its fields. */
const fieldsText = ({ members }) =>
  `{ ${members.map(({ name, questionToken }) => `${name.getText()}${questionToken ? '?' : ''}`).join(', ')} }`;

function typeText(type) {
  if (type === undefined) return '';
  return ts.isTypeLiteralNode(type) ? fieldsText(type) : flat(type.getText()).replaceAll('readonly ', '');
}

const parametersText = ({ parameters }) =>
  parameters.map((one) => `${one.name.getText()}${one.questionToken || one.initializer ? '?' : ''}`).join(', ');

function memberRow(member) {
  const name = `${member.name.getText()}${member.questionToken ? '?' : ''}`;
  const isMethod = ts.isMethodSignature(member) || ts.isMethodDeclaration(member);
  const type = typeText(member.type);
  const title = isMethod ? `${name}(${parametersText(member)})` : name;
  return row([code(title), type.length > longestType ? '' : code(type), commentOf(member)]);
}

/** The kinds of a union of objects, each with its fields and the comment before it. */
function kindRows({ name, type: { types } }) {
  return types.map((type, index) => {
    const before = index === 0 ? name.end : types[index - 1].end;
    const comment = commentIn(type.getSourceFile().text.slice(before, type.getStart()));
    const parts = [...type.getText().matchAll(/readonly (\w+\??): ([^;]+);/g)].map(([, field, of]) => [field, of]);
    const fields = parts.filter(([field]) => field !== 'kind').map(([field]) => code(field));
    const more = /& (\w+)/.exec(type.getText())?.[1];
    if (more !== undefined) fields.push(`those of ${code(more)}`);
    return row([code(parts.find(([field]) => field === 'kind')?.[1] ?? ''), fields.join(', '), comment]);
  });
}

function aliasText(statement) {
  const { type } = statement;
  if (!ts.isUnionTypeNode(type)) return '';
  if (type.getText().includes('kind:')) return tableOf(['kind', 'fields', ''], kindRows(statement));
  const one = `One of ${type.types.map((each) => code(typeText(each))).join(', ')}.`;
  const objects = type.types.filter(ts.isTypeLiteralNode);
  return objects.length === 1 ? `${one}\n\n${tableOf(['', 'type', ''], objects[0].members.map(memberRow))}` : one;
}

/** What a page says of an export. */
function textOf(name, statement) {
  const isFunction = ts.isFunctionDeclaration(statement);
  const head = `**\`${isFunction ? `${name}(${parametersText(statement)})` : name}\`** ${commentOf(statement)}`.trim();
  if (ts.isTypeAliasDeclaration(statement)) return [head, aliasText(statement)];
  if (isFunction || statement.members === undefined) return [head];
  const members = statement.members.filter((one) => one.name !== undefined);
  return [head, tableOf(['', 'type', ''], members.map(memberRow))];
}

/**
 * A page with its tables as they should be, the names that they are of, and those that the entry points export.
 * @throws where it names what is not exported
 */
export function filled(page) {
  const exported = new Map(pages[page].flatMap(statementsOf));
  const names = [];
  const text = readFileSync(pathOf(page), 'utf8').replace(block, (_, start, list, end) => {
    const parts = list.split(' ').flatMap((name) => {
      if (!exported.has(name)) throw new Error(`${page} names ${name}, which nobody exports.`);
      names.push(name);
      return textOf(name, exported.get(name));
    });
    return `${start}\n${parts.filter((part) => part !== '').join('\n\n')}\n\n${end}`;
  });
  return { names, exported: [...exported.keys()], text };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const page of Object.keys(pages)) writeFileSync(pathOf(page), filled(page).text);
}
