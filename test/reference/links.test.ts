import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';

const docs = readdirSync('docs', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
const pages = [
  ...['README.md', 'CHANGELOG.md', 'CODE_OF_CONDUCT.md', 'CONTRIBUTING.md', 'SECURITY.md', '.changeset/README.md'],
  ...docs.map((name) => join('docs', name)),
];

/** Names of a page's headings, as links have them. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

/** Links of a page that lead nowhere in the repository. */
function deadLinks(page: string): string[] {
  const text = readFileSync(page, 'utf8').replace(/```[^]*?```/g, '');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : join(dirname(page), path);
    if (!existsSync(target)) return true;
    return anchor !== undefined && (statSync(target).isDirectory() || !anchorsOf(target).includes(anchor));
  });
}

test.each(pages)('every link of %s leads somewhere', (page) => {
  expect(deadLinks(page)).toEqual([]);
});

test.each(pages)('every file of the repository that %s names is there', (page) => {
  const rooms = 'agent|charts|client|common|controller|devcluster|docs|kube|proto|session|test|worker';
  const named = readFileSync(page, 'utf8').matchAll(new RegExp(`\`((?:${rooms})/[\\w./-]+\\.[a-z]+)\``, 'g'));
  expect([...named].map(([, path = '']) => path).filter((path) => !existsSync(path))).toEqual([]);
});
