import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { xmlFault } from '#test/support/well-formed.js';
import { privateWordsIn } from './private-words.js';

const directory = 'docs/pictures';
const names = readdirSync(directory);
const guides = readdirSync('docs', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
const pages = ['README.md', ...guides.map((name) => join('docs', name))].map((page) => readFileSync(page, 'utf8'));

test.each(names)('%s is small, whole, and needs nothing from elsewhere', (name) => {
  const svg = readFileSync(join(directory, name), 'utf8');
  expect(svg.length).toBeLessThanOrEqual(60 * 1024);
  expect(xmlFault(svg)).toBeUndefined();
  expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(
    /https?:|href|<script|@import|url\(|<image/,
  );
});

test.each(names)('%s names no directory of the machine that made it', (name) => {
  expect(readFileSync(join(directory, name), 'utf8')).not.toMatch(/\/(tmp|var|home|root|usr|opt|mnt|Users)\b/);
});

test.each(names)('README or a page of docs shows %s', (name) => {
  expect(pages.some((page) => page.includes(`pictures/${name})`))).toBe(true);
});

describe('words of a machine', () => {
  const words = { hostName: 'box-7', userName: 'ann', directories: ['/home/ann', '/'] };

  test.each([
    ['vim on box-7: notes', ['box-7']],
    ['ann@host:/home/ann/x', ['ann', '/home/ann']],
    ['annotate, box-77, annotated', []],
    ['a/b', []],
  ])('%s', (picture, found) => {
    expect(privateWordsIn(picture, words)).toEqual(found);
  });
});
